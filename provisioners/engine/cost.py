"""What a blueprint costs a month: counted from its resources and the dated catalogue, never from the profile.

List prices on demand, in US dollars, without tax. What is billed by use has a range: the lower end is what it costs
while nobody comes, the upper end is for the traffic stated beside it. What the catalogue does not know is ``None``
(shown as unknown), never zero; resource types that AWS does not bill are named in :data:`FREE`, and any other type is
unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import fsum

from profiles import catalogue
from profiles.catalogue import HOURS_A_MONTH
from provisioners.blueprint.graph import Blueprint, Resource

FREE = frozenset(
    {
        "AWS::Backup::BackupSelection",
        "AWS::Backup::BackupVault",  # what is in it is on the plan's line
        "AWS::Budgets::Budget",  # one that only writes, and takes no action
        "AWS::AutoScaling::ScalingPolicy",  # its two alarms cost less than ours, and AWS does not say how many it makes
        "AWS::CertificateManager::Certificate",
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::EC2::EIPAssociation",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::KeyPair",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",  # of type Gateway: the others cost, and the blueprint has none
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::VolumeAttachment",
        "AWS::EFS::MountTarget",
        "AWS::ElastiCache::ParameterGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::RDS::DBParameterGroup",
        "AWS::SNS::TopicPolicy",
        "AWS::SNS::Topic",  # a thousand mails a month are free
        "AWS::Route53::RecordSet",  # aliases to AWS are free, and a record of a zone costs nothing of its own
        "AWS::RDS::DBSubnetGroup",
        "AWS::SES::ConfigurationSet",
        "AWS::SES::ConfigurationSetEventDestination",
        "AWS::WAFv2::WebACLAssociation",
        "AWS::S3::BucketPolicy",
    }
)
"""Types without a price of their own."""

NAT_GB = 100
"""Assumed upper end of a month's traffic through one NAT gateway: packages, Git and AWS's APIs; S3 passes it by."""

EDGE_GB = 100
"""Assumed upper end of what a month delivers through CloudFront beyond its free terabyte."""

BACKUP_GB = 50
"""Assumed upper end of what the nightly backups hold."""

MAILS = 10_000
"""Assumed upper end of a month's mails."""

BUCKET_GB = 10
"""Assumed content of file bucket or shared file system: billed by use, and nobody knows it before."""

RDS_GP3_TO_EBS_GP3 = 1.4375
"""RDS's gp3 storage over EBS's, per GB: the ratio holds in every region where both prices are known (a test checks
it), and stands in where only EBS's is."""


@dataclass(frozen=True)
class Line:
    """The price of one resource.

    :param monthly_usd: for 730 hours; ``None`` when any part of it is unknown. The lower end where use is billed.
    :param note: what is in it, for people.
    :param as_of: day of the oldest price in it, ISO 8601; empty when unknown.
    """

    logical_id: str
    label: str
    tier: str
    monthly_usd: float | None
    note: str = ""
    as_of: str = ""
    monthly_high_usd: float | None = None
    """The upper end of the range; the same as ``monthly_usd`` where nothing is billed by use."""
    cheaper: str = ""
    """The cheaper choice beside an expensive one, in the profile's words; empty where there is none."""

    @property
    def hourly_usd(self) -> float | None:
        """The same an hour."""
        return None if self.monthly_usd is None else self.monthly_usd / HOURS_A_MONTH


@dataclass(frozen=True)
class Estimate:
    """The price of a blueprint; ``monthly_usd`` counts what is known, see :attr:`unknown`."""

    region: str
    lines: tuple[Line, ...]
    exclusions: tuple[str, ...]

    @property
    def monthly_usd(self) -> float:
        """Sum of all known lines."""
        return fsum(line.monthly_usd for line in self.lines if line.monthly_usd is not None)

    @property
    def monthly_high_usd(self) -> float:
        """The same with the stated use of what is billed by use."""
        return fsum(line.monthly_high_usd for line in self.lines if line.monthly_high_usd is not None)

    @property
    def hourly_usd(self) -> float:
        """The same an hour."""
        return self.monthly_usd / HOURS_A_MONTH

    @property
    def unknown(self) -> tuple[Line, ...]:
        """Lines without a price: the true sum is higher by these."""
        return tuple(line for line in self.lines if line.monthly_usd is None)

    @property
    def as_of(self) -> str:
        """Day of the oldest price in it, ISO 8601; empty when none is known."""
        return min((line.as_of for line in self.lines if line.as_of), default="")


@dataclass(frozen=True)
class _Part:
    """One item on a resource's bill; ``usd`` a month, ``high`` with the use that ``what`` states."""

    what: str
    usd: float | None
    as_of: str = ""
    high: float | None = None

    @property
    def upper(self) -> float | None:
        """The upper end."""
        return self.usd if self.high is None else self.high


def estimate(blueprint: Blueprint, region: str) -> Estimate:
    """The monthly price of ``blueprint`` in ``region``; pure."""
    known = blueprint.resources
    billed = (_whole(item, known) for item in known.values() if not item.is_step and item.type not in FREE)
    return Estimate(region, tuple(_line(item, region) for item in billed), _exclusions(region))


def _whole(resource: Resource, known: Mapping[str, Resource]) -> Resource:
    """``resource``, a group of servers with what its launch template says they are."""
    if resource.type != "AWS::AutoScaling::AutoScalingGroup":
        return resource
    template = known[resource.properties["LaunchTemplate"]["LaunchTemplateId"]["Ref"]]
    return replace(resource, properties={**resource.properties, **template.properties["LaunchTemplateData"]})


def _line(resource: Resource, region: str) -> Line:
    parts = _PARTS.get(resource.type, _unpriced)(resource, region)
    cheaper = _CHEAPER.get(resource.type)
    return Line(
        resource.logical_id,
        resource.label,
        resource.tier,
        _sum([part.usd for part in parts]),
        ", ".join(_words(part) for part in parts),
        min((part.as_of for part in parts if part.as_of), default=""),
        _sum([part.upper for part in parts]),
        cheaper(resource, region) if cheaper else "",
    )


def _sum(prices: list[float | None]) -> float | None:
    """Their sum; ``None`` if one of them is unknown."""
    known = [price for price in prices if price is not None]
    return fsum(known) if len(known) == len(prices) else None


def _words(part: _Part) -> str:
    if part.usd is None:
        return f"{part.what} unknown"
    upper = "" if part.high is None else f" to ${part.high:,.2f}"
    return f"{part.what} ${part.usd:,.2f}{upper}"


def _unpriced(resource: Resource, region: str) -> list[_Part]:
    return [_Part(resource.type, None)]


def _machine(service: catalogue.Service, region: str, name: str, count: int = 1, *, standby: bool = False) -> _Part:
    found = catalogue.find(service, region, name)
    what = (f"{count} × {name}" if count > 1 else name) + (" with standby" if standby else "")
    if found is None:
        return _Part(what, None)
    hourly = found.multi_az_usd_hour if standby else found.usd_hour
    return _Part(what, None if hourly is None else hourly * HOURS_A_MONTH * count, found.as_of)


def _item(region: str, item: str, amount: float, what: str) -> _Part:
    price = catalogue.price(region, item)
    return _Part(what, None) if price is None else _Part(what, price.usd * amount, price.as_of)


def _used(region: str, item: str, amount: float, what: str) -> _Part:
    """Something billed by use: nothing, up to ``amount`` of it."""
    price = catalogue.price(region, item)
    return _Part(what, None) if price is None else _Part(what, 0.0, price.as_of, price.usd * amount)


def _like(region: str, item: str, other: str, amount: float, what: str) -> _Part:
    """``item``; where only ``other`` is known, a range by their ratio in the regions that know both."""
    part, near = _item(region, item, amount, what), catalogue.price(region, other)
    if part.usd is not None or near is None:
        return part
    ratios = [one.usd / two.usd for one, two in catalogue.known_together(item, other)]
    words = f"{what} (not known here; by its ratio to other prices elsewhere)"
    return _Part(words, near.usd * min(ratios) * amount, near.as_of, near.usd * max(ratios) * amount)


def _capacity(region: str) -> _Part:
    """A capacity unit costs the same wherever it is known."""
    known = catalogue.price(region, "alb_lcu_hour") or catalogue.price("us-east-1", "alb_lcu_hour")
    what = "0 to 1 capacity unit (25 new connections/s, 1 GB/h)"
    return _Part(what, None) if known is None else _Part(what, 0.0, known.as_of, known.usd * HOURS_A_MONTH)


def _nat(resource: Resource, region: str) -> list[_Part]:
    return [
        _item(region, "nat_gateway_hour", HOURS_A_MONTH, "NAT gateway"),
        _used(region, "nat_gateway_gb", NAT_GB, f"0 to {NAT_GB} GB through it"),
    ]


def _balancer(resource: Resource, region: str) -> list[_Part]:
    """With two public addresses, one a zone, which AWS bills like any other."""
    addresses = len(resource.properties["Subnets"])
    return [
        _like(region, "alb_hour", "nat_gateway_hour", HOURS_A_MONTH, "load balancer"),
        _item(region, "public_ipv4_in_use_hour", HOURS_A_MONTH * addresses, f"{addresses} public IPv4 addresses"),
        _capacity(region),
    ]


def _instance(resource: Resource, region: str) -> list[_Part]:
    gib = sum(mapping["Ebs"]["VolumeSize"] for mapping in resource.properties["BlockDeviceMappings"])
    return [
        _machine("ec2", region, resource.properties["InstanceType"]),
        _item(region, "ebs_gp3_gb_month", gib, f"{gib} GiB disk"),
    ]


def _volume(resource: Resource, region: str) -> list[_Part]:
    gib = int(resource.properties["Size"])
    return [_item(region, "ebs_gp3_gb_month", gib, f"{gib} GiB disk")]


def _file_system(resource: Resource, region: str) -> list[_Part]:
    return [_used(region, "efs_standard_gb_month", BUCKET_GB, f"0 to {BUCKET_GB} GB of files")]


def _group(resource: Resource, region: str) -> list[_Part]:
    """The servers that always stand, up to as many as there may be; each with disk, and address if it has one."""
    least, most = int(resource.properties["MinSize"]), int(resource.properties["MaxSize"])
    one = _instance(resource, region)
    if "NetworkInterfaces" in resource.properties:
        one += _address(resource, region)
    return [
        replace(
            part,
            what=f"{least} to {most} × {part.what}",
            usd=None if part.usd is None else part.usd * least,
            high=None if part.usd is None else part.usd * most,
        )
        for part in one
    ]


def _address(resource: Resource, region: str) -> list[_Part]:
    return [_item(region, "public_ipv4_in_use_hour", HOURS_A_MONTH, "public IPv4 address")]


def _database(resource: Resource, region: str) -> list[_Part]:
    wish = resource.properties
    gib, standby = int(wish["AllocatedStorage"]), bool(wish["MultiAZ"])
    storage = _item(region, f"rds_gp3_gb_month_{'multi' if standby else 'single'}_az", gib, f"{gib} GiB storage")
    if storage.usd is None:
        factor = RDS_GP3_TO_EBS_GP3 * (2 if standby else 1)
        storage = _item(region, "ebs_gp3_gb_month", gib * factor, f"{gib} GiB storage (by its ratio to EBS)")
    parts = [_machine("rds", region, wish["DBInstanceClass"], standby=standby), storage]
    return [*parts, *(_secret(resource, region) if wish.get("ManageMasterUserPassword") else [])]


def _cache(resource: Resource, region: str) -> list[_Part]:
    return [_machine("elasticache", region, resource.properties["CacheNodeType"], resource.properties["NumCacheNodes"])]


def _secret(resource: Resource, region: str) -> list[_Part]:
    return [_item(region, "secret_month", 1, "secret")]


def _bucket(resource: Resource, region: str) -> list[_Part]:
    return [_item(region, "s3_standard_gb_month", BUCKET_GB, f"billed by use; {BUCKET_GB} GB")]


def _alarm(resource: Resource, region: str) -> list[_Part]:
    return [_item(region, "cloudwatch_alarm_month", 1, "alarm")]


def _mail(resource: Resource, region: str) -> list[_Part]:
    return [_used(region, "ses_1000_messages", MAILS / 1000, f"0 to {MAILS:,} mails")]


def _backups(resource: Resource, region: str) -> list[_Part]:
    """As much as the database's own size is free; snapshots of volumes and file systems cost like those of EBS."""
    return [_used(region, "ebs_snapshot_gb_month", BACKUP_GB, f"0 to {BACKUP_GB} GB of backups")]


def _health_check(resource: Resource, region: str) -> list[_Part]:
    """A plain one, of an address of AWS's; each option (HTTPS, a short interval) would cost as much again and more."""
    return [_used(region, "route53_health_check_month", 1, "free among an account's first fifty, else")]


def _firewall(resource: Resource, region: str) -> list[_Part]:
    rules = len(resource.properties["Rules"])
    return [
        _item(region, "waf_acl_month", 1, "web ACL"),
        _item(region, "waf_rule_month", rules, f"{rules} rules"),
        _used(region, "waf_million_requests", 1, "0 to 1 million requests"),
    ]


def _dashboard(resource: Resource, region: str) -> list[_Part]:
    return [_used(region, "dashboard_month", 1, "free among an account's first three, else")]


def _logs(resource: Resource, region: str) -> list[_Part]:
    return [_used(region, "cloudwatch_logs_ingest_gb", 1, "0 to 1 GB logged")]


def _distribution(resource: Resource, region: str) -> list[_Part]:
    """The first terabyte and ten million requests of each month are free, for good."""
    return [_used(region, "cloudfront_gb", EDGE_GB, f"0 to {EDGE_GB} GB beyond the free terabyte")]


_PARTS: dict[str, Callable[[Resource, str], list[_Part]]] = {
    "AWS::Backup::BackupPlan": _backups,
    "AWS::AutoScaling::AutoScalingGroup": _group,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::Logs::LogGroup": _logs,
    "AWS::EC2::EIP": _address,
    "AWS::EC2::Instance": _instance,
    "AWS::EC2::NatGateway": _nat,
    "AWS::EC2::Volume": _volume,
    "AWS::EFS::FileSystem": _file_system,
    "AWS::ElastiCache::CacheCluster": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::RDS::DBInstance": _database,
    "AWS::Route53::HealthCheck": _health_check,
    "AWS::S3::Bucket": _bucket,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::SES::EmailIdentity": _mail,
    "AWS::WAFv2::WebACL": _firewall,
}


def _cheaper_way_out(resource: Resource, region: str) -> str:
    one = "network.egress=public gives each web server an address"
    price = catalogue.price(region, "public_ipv4_in_use_hour")
    return f"{one} for ${price.usd * HOURS_A_MONTH:,.2f}" if price else one


def _cheaper_database(resource: Resource, region: str) -> str:
    if not resource.properties["MultiAZ"]:
        return ""
    alone = {**resource.properties, "MultiAZ": False}
    price = _sum([part.usd for part in _database(replace(resource, properties=alone), region)])
    instead = "database.multi_az=no"
    return f"{instead} costs ${price:,.2f}, and an outage of minutes when its zone fails" if price else instead


def _cheaper_balancer(resource: Resource, region: str) -> str:
    return "balancer.kind=none with one web server has no load balancer to pay"


_CHEAPER: dict[str, Callable[[Resource, str], str]] = {
    "AWS::EC2::NatGateway": _cheaper_way_out,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _cheaper_balancer,
    "AWS::RDS::DBInstance": _cheaper_database,
}
"""The expensive types, each with what costs less."""


def _exclusions(region: str) -> tuple[str, ...]:
    traffic = catalogue.price(region, "data_transfer_out_gb_first_10tb")
    a_gb = f"${traffic.usd:g} a GB" if traffic else "a price unknown here"
    return (
        f"Traffic to the Internet: 100 GB a month are free, then {a_gb}.",
        "Requests to S3, CloudWatch logs, traffic between zones, and snapshots beyond the database's own size.",
        "CPU credits that t classes use above their baseline.",
        "Tax, free tier and discounts.",
    )
