"""The sections of the profile: one a subject, each field with its question."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from profiles.forms import CLASS_PATTERN, REPOSITORY_PATTERN, private_range
from profiles.questions import Ask, Choice


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def _as_text(value: object) -> object:
    """A number in a YAML file (``drupal: 7``) as the text that the question offers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Aws(Section):
    """Which account and region; never a credential."""

    region: Annotated[
        str,
        Ask(
            "Region",
            "target",
            "The AWS region everything is created in.",
            "cheapest region with every service",
            catalogue="region",
        ),
        Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$"),
    ] = "us-east-1"
    profile: Annotated[
        str,
        Ask(
            "AWS profile",
            "target",
            "Named profile of your AWS configuration; empty means the usual chain.",
            "the usual credential chain",
        ),
        Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=128),
    ] = ""
    expected_account: Annotated[
        str,
        Ask(
            "Expected account",
            "target",
            "If set, drucloud refuses to work in any other account id.",
            "no restriction",
            advanced=True,
        ),
        Field(pattern=r"^(\d{12})?$"),
    ] = ""
    engine: Annotated[
        Literal["direct", "cloudformation"],
        Ask(
            "Engine",
            "target",
            "Who makes the resources: drucloud itself, each as soon as it can be; or CloudFormation, from stacks that "
            "it keeps. A deployment stays with the one it was made by.",
            "faster, and each thing is named when something fails",
            advanced=True,
            choices=(Choice("direct", "drucloud itself"), Choice("cloudformation", "CloudFormation stacks")),
        ),
    ] = "direct"


class Site(Section):
    """The site's code and name."""

    domain: Annotated[
        str,
        Ask(
            "Domain",
            "site",
            "The site's domain. Empty: the site answers on the web server's own address.",
            "works before DNS does",
        ),
        Field(
            pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)?$",
            max_length=253,
        ),
    ] = ""
    repository: Annotated[
        str,
        Ask(
            "Git repository",
            "site",
            "SSH address of the site's Git repository (git@host:path or ssh://git@host/path). "
            "'canary' is the small test site that the sandbox serves.",
            "a site that proves every layer",
        ),
        Field(pattern=REPOSITORY_PATTERN, max_length=500),
    ] = "canary"
    branch: Annotated[
        str,
        Ask("Branch", "site", "The branch that is deployed.", "Git's usual default"),
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$"),
    ] = "main"
    drupal: Annotated[
        Literal["current", "7"],
        BeforeValidator(_as_text),
        Ask(
            "Drupal",
            "site",
            "Which Drupal the repository holds. Drupal 7 is a legacy import: out of support since 2025-01-05, without "
            "security fixes from drupal.org; its web servers run Debian 12 with PHP 8.2 and rules of their own.",
            "what gets security fixes",
            choices=(
                Choice("current", "Drupal 10.1, 11 or newer", "Debian 13, PHP 8.4"),
                Choice("7", "Drupal 7", "legacy import only: out of support since 2025-01-05; Debian 12, PHP 8.2"),
            ),
            advanced=True,
        ),
    ] = "current"
    docroot: Annotated[
        str,
        Ask(
            "Document root",
            "site",
            "Folder of index.php inside the repository; '.' if it is the repository itself.",
            "Drupal's recommended layout",
        ),
        Field(pattern=r"^(\.|[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*)*)$"),
    ] = "web"
    git_host_key: Annotated[
        str,
        Ask(
            "Git host key",
            "site",
            "Public host key of the Git server ('ssh-ed25519 AAAA…'). Known for GitHub, GitLab and Bitbucket; "
            "others are shown for confirmation and kept here.",
            "known servers need none",
            advanced=True,
        ),
        Field(pattern=r"^((ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+)?$"),
    ] = ""


class Traffic(Section):
    """How much the site is visited; answering it proposes the sizes (:mod:`profiles.sizing`)."""

    visits: Annotated[
        int,
        Ask(
            "Visits a month",
            "sizing",
            "People and search engines together, in a usual month. Setting it sets classes and counts of web servers, "
            "database and cache, except those that are set beside it.",
            "what the smallest stack carries",
        ),
        Field(ge=100, le=100_000_000),
    ] = 25_000
    logged_in_percent: Annotated[
        int,
        Ask(
            "Logged-in visits",
            "sizing",
            "Share of the visits by logged-in users: their pages come from no cache but Drupal's own.",
            "a site that is mostly read",
            unit="percent",
        ),
        Field(ge=0, le=100),
    ] = 5


class Network(Section):
    """The VPC."""

    cidr: Annotated[
        str,
        Ask(
            "VPC range",
            "sizing",
            "Private IPv4 range of the VPC (10.…, 172.16.… to 172.31.…, or 192.168.…; /16 to /24).",
            "rarely clashes with an office network",
            advanced=True,
        ),
        Field(pattern=r"^\d{1,3}(\.\d{1,3}){3}/(1[6-9]|2[0-4])$"),
        AfterValidator(private_range),
    ] = "10.42.0.0/16"
    egress: Annotated[
        Literal["public", "nat", "nat_per_zone", "admin", "director"],
        Ask(
            "Way out",
            "sizing",
            "How web servers reach the Internet (packages, Git, AWS). 'public' gives each one an address of its own, "
            "$3.65 a month; a NAT gateway hides them, about $33 a month each and $0.045 a GB.",
            "the cheapest that works; nothing but HTTP is open either way",
            choices=(
                Choice("public", "Public subnets", "an address each, about $4 a month"),
                Choice("nat", "One NAT gateway", "about $33 a month; its zone's loss cuts the way out"),
                Choice("nat_per_zone", "A NAT gateway in each zone", "about $66 a month"),
                Choice("admin", "The admin node", "no extra cost; as fast and as available as that small machine"),
                Choice(
                    "director", "The LVS directors", "with balancer.kind=lvs, which leads answers back through them"
                ),
            ),
            advanced=True,
        ),
    ] = "public"


class Web(Section):
    """The web servers."""

    instance_class: Annotated[
        str,
        Ask(
            "Web server class",
            "sizing",
            "EC2 class of the web server; memory decides how many PHP workers fit.",
            "2 GiB carries about 25,000 visits a month",
            catalogue="ec2",
        ),
        Field(pattern=CLASS_PATTERN),
    ] = "t4g.small"
    volume_gib: Annotated[
        int,
        Ask(
            "Web server disk",
            "sizing",
            "Root volume, gp3, encrypted.",
            "system, code and logs",
            unit="GiB",
            advanced=True,
        ),
        Field(ge=8, le=1000),
    ] = 20
    servers: Annotated[
        int,
        Ask(
            "Web servers",
            "sizing",
            "How many web servers stand, taking turns in the zones. More than one needs a load balancer.",
            "one is enough until it must never be down",
        ),
        Field(ge=1, le=10),
    ] = 1
    scaling: Annotated[
        Literal["fixed", "auto"],
        Ask(
            "Number of servers",
            "sizing",
            "Whether the number stays as it is or follows the load (an Auto Scaling group from a golden image).",
            "a fixed number is the easiest to understand",
            choices=(
                Choice("fixed", "Fixed", "as many as web.servers says"),
                Choice("auto", "Follows the load", "from web.servers to web.servers_at_most"),
            ),
            advanced=True,
        ),
    ] = "fixed"
    servers_at_most: Annotated[
        int,
        Ask(
            "Web servers at most",
            "sizing",
            "Where scaling stops; only with web.scaling=auto.",
            "twice the usual number",
            advanced=True,
        ),
        Field(ge=1, le=50),
    ] = 4


class Admin(Section):
    """The admin node: the only way in, and later cron, warm-up and deploys."""

    instance_class: Annotated[
        str,
        Ask(
            "Admin node class",
            "sizing",
            "EC2 class of the admin node (the only SSH entrance).",
            "it mostly waits",
            catalogue="ec2",
            advanced=True,
        ),
        Field(pattern=CLASS_PATTERN),
    ] = "t4g.micro"


class Database(Section):
    """RDS."""

    engine: Annotated[
        Literal["mariadb", "mysql"],
        Ask(
            "Database engine",
            "sizing",
            "The RDS engine; both cost the same. The sandbox's database machine is MariaDB in either case.",
            "Drupal's most tested family, and it keeps the query cache as a choice",
            choices=(Choice("mariadb", "MariaDB"), Choice("mysql", "MySQL", "8.4, the release with long support")),
            advanced=True,
        ),
    ] = "mariadb"
    query_cache_mib: Annotated[
        int,
        Ask(
            "Query cache",
            "sizing",
            "Memory of MariaDB's query cache; 0 switches it off. MySQL has had none since 8.0. One lock guards it: on "
            "a busy site it costs more than it saves, and Memcached does its work better.",
            "off: Memcached and the buffer pool do its work",
            unit="MiB",
            advanced=True,
        ),
        Field(ge=0, le=256),
    ] = 0
    instance_class: Annotated[
        str,
        Ask(
            "Database class",
            "sizing",
            "RDS class; three quarters of its memory become the buffer pool.",
            "enough below 25,000 visits a month",
            catalogue="rds",
        ),
        Field(pattern=r"^db\.[a-z0-9-]+\.[a-z0-9-]+$"),
    ] = "db.t4g.micro"
    storage_gib: Annotated[
        int,
        Ask(
            "Database disk",
            "sizing",
            "gp3 storage, encrypted.",
            "the smallest gp3 volume RDS sells",
            unit="GiB",
        ),
        Field(ge=20, le=65536),
    ] = 20
    multi_az: Annotated[
        bool,
        Ask(
            "Standby database",
            "sizing",
            "A second database in another zone takes over within a minute or two; doubles the price.",
            "starter sites accept a short outage",
        ),
    ] = False
    backup_days: Annotated[
        int,
        Ask(
            "Backup days",
            "sizing",
            "Days of point-in-time recovery.",
            "a week covers a holiday",
            unit="days",
            advanced=True,
        ),
        Field(ge=1, le=35),
    ] = 7


class Cache(Section):
    """ElastiCache Memcached and the web nodes' micro-cache."""

    node_class: Annotated[
        str,
        Ask(
            "Memcached class",
            "cache",
            "ElastiCache class of each node.",
            "64 MB is enough for most Drupal sites",
            catalogue="elasticache",
        ),
        Field(pattern=r"^cache\.[a-z0-9-]+\.[a-z0-9-]+$"),
    ] = "cache.t4g.micro"
    nodes: Annotated[
        int,
        Ask(
            "Memcached nodes",
            "cache",
            "Number of cache nodes, spread over the zones.",
            "one web server needs one",
        ),
        Field(ge=1, le=20),
    ] = 1
    micro_cache: Annotated[
        bool,
        Ask(
            "Micro-cache",
            "cache",
            "nginx keeps anonymous pages in memory and answers them without PHP.",
            "about a hundred times faster than PHP",
        ),
    ] = True
    micro_cache_seconds: Annotated[
        int,
        Ask(
            "Micro-cache time",
            "cache",
            "How long a page without its own max-age is kept.",
            "short enough that editors do not notice",
            unit="seconds",
        ),
        Field(ge=1, le=3600),
    ] = 40


class Edge(Section):
    """The CDN."""

    cdn: Annotated[
        Literal["none", "cloudfront"],
        Ask(
            "CDN",
            "cache",
            "CloudFront keeps pages and files close to visitors and ends TLS; it needs a load balancer behind it. "
            "Billed by use; the first terabyte a month is free.",
            "a small site answers fast enough by itself",
            choices=(Choice("none", "None"), Choice("cloudfront", "CloudFront", "billed by use")),
        ),
    ] = "none"


class Balancer(Section):
    """What stands in front of the web servers."""

    kind: Annotated[
        Literal["none", "alb", "dns", "lvs"],
        Ask(
            "Load balancer",
            "balancer",
            "What spreads requests over the web servers. A load balancer of AWS costs about $22 a month and ends TLS.",
            "one web server needs none",
            choices=(
                Choice("none", "None", "the web server's own address"),
                Choice("alb", "Application Load Balancer", "health checks, TLS by ACM; about $22 a month"),
                Choice(
                    "dns",
                    "Route 53, several addresses",
                    "each server its own, asked by Route 53 whether it is well; needs a zone and shared files",
                ),
                Choice("lvs", "LVS directors", "two machines of your own; about $40 a month"),
            ),
        ),
    ] = "none"


class Names(Section):
    """How the site's domain leads here."""

    dns: Annotated[
        Literal["manual", "route53"],
        Ask(
            "DNS",
            "site",
            "Who leads the domain to the site. 'route53': drucloud adds the records to the domain's zone in this "
            "account and, with a load balancer, gets the certificate for HTTPS. It never overwrites a record.",
            "works wherever the domain is kept",
            choices=(
                Choice("manual", "You", "drucloud says where the site is"),
                Choice("route53", "Route 53", "needs the domain's zone in this account"),
            ),
        ),
    ] = "manual"


class Storage(Section):
    """Files."""

    bucket: Annotated[
        bool,
        Ask(
            "File bucket",
            "cache",
            "A private, encrypted, versioned S3 bucket for the site's files.",
            "files outlive a server",
        ),
    ] = True


class Monitoring(Section):
    """Who is told when something is wrong."""

    alarms: Annotated[
        bool,
        Ask(
            "Alarms",
            "extras",
            "CloudWatch watches database, web servers and load balancer, and the database's logs end after 30 days. "
            "About $0.10 a month an alarm.",
            "a small site is watched by its owner",
        ),
    ] = False
    email: Annotated[
        str,
        Ask(
            "Alarm address",
            "extras",
            "Where alarms are mailed; AWS asks this address once to confirm. Empty: nobody is mailed.",
            "alarms can be read in CloudWatch too",
            advanced=True,
        ),
        Field(pattern=r"^([^@\s\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,190})?$"),
    ] = ""

    dashboard: Annotated[
        bool,
        Ask(
            "Dashboard",
            "extras",
            "One CloudWatch page with visitors, machines, database and cache. The first three of an account are free, "
            "$3 a month each after that.",
            "drucloud health shows a small site",
        ),
    ] = False
    budget: Annotated[
        Literal["none", "account", "tagged"],
        Ask(
            "Budget",
            "extras",
            "AWS writes to the alarm address when the month's bill comes near the estimate; it stops nothing. 'tagged' "
            "counts this deployment alone, once 'drucloud:deployment' is a cost allocation tag (Billing console).",
            "a small site's bill hardly moves",
            choices=(
                Choice("none", "None"),
                Choice("account", "The whole account", "works at once"),
                Choice("tagged", "This deployment", "needs the cost allocation tag"),
            ),
            advanced=True,
        ),
    ] = "none"
    budget_usd: Annotated[
        int,
        Ask(
            "Budget limit",
            "extras",
            "The month's limit; 0 takes the upper end of the estimate and a fifth.",
            "the estimate knows what is built",
            unit="US dollars",
            advanced=True,
        ),
        Field(ge=0, le=1_000_000),
    ] = 0


class Protection(Section):
    """What destroy leaves behind."""

    on_destroy: Annotated[
        Literal["auto", "keep", "delete"],
        Ask(
            "Data on destroy",
            "extras",
            "Whether destroy keeps a final database snapshot and the file bucket. "
            "'auto' keeps them on AWS and deletes them in the sandbox.",
            "never lose data by default",
            advanced=True,
        ),
    ] = "auto"
    backup: Annotated[
        bool,
        Ask(
            "Nightly backups",
            "extras",
            "AWS Backup copies database, data volumes and shared files each night into a vault of its own. Billed by "
            "what it holds, about $0.05 a GB and month.",
            "the database has its own backups for a week",
        ),
    ] = False
    backup_keep_days: Annotated[
        int,
        Ask(
            "Backups kept",
            "extras",
            "How long a nightly backup is kept.",
            "long enough to notice what was lost",
            unit="days",
            advanced=True,
        ),
        Field(ge=1, le=3650),
    ] = 35
    firewall: Annotated[
        Literal["none", "count", "block"],
        Ask(
            "Web application firewall",
            "extras",
            "AWS WAF before CloudFront or the load balancer: AWS's rule groups and a limit of requests an address, "
            "with exceptions for what Drupal's editors send. About $11 a month and $0.60 a million requests.",
            "costs more than a small site's server",
            choices=(
                Choice("none", "None"),
                Choice("count", "Only count", "watch a week before blocking"),
                Choice("block", "Block", "what the rules take for an attack gets 403"),
            ),
        ),
    ] = "none"
