"""Who may talk to whom: one security group a role, each rule with its reason.

===========  ========================  ===================================================
group        lets in                   from
===========  ========================  ===================================================
web          80, 443                   the world; behind a load balancer only 80, from its group
web          22                        admin group
balancer     80, 443                   the world (only with a load balancer)
balancer     80                        behind a CDN only CloudFront's own addresses
admin        nothing                   (port 22 is opened to the operator's /32 for each command and closed again);
                                       as the way out: what web servers may reach, from the app subnets
database     3306                      web and admin groups
cache        11211                     web and admin groups
search       8983; 22                  web and admin groups; admin group (only with a search node)
files        2049, or GlusterFS; 22    web group, and the pair itself; admin group (only with shared files)
director     80, 443                   the world (only with LVS; it keeps the sender's address, so web lets it in, too)
director     VRRP; 22                  the pair itself; admin group
director     80, 443, Git              the app subnets, to be passed on
===========  ========================  ===================================================

Ways out are ranges, not groups: two groups that name each other could not be created in one go.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from troposphere import ec2

from provisioners.blueprint.draft import Draft, GetAtt, Ref
from provisioners.blueprint.network import admin_translates, side_ranges, subnet_ranges, web_side

_WORLD = "0.0.0.0/0"

WEB, ADMIN, DATABASE, CACHE = "WebSecurityGroup", "AdminSecurityGroup", "DatabaseSecurityGroup", "CacheSecurityGroup"
BALANCER = "BalancerSecurityGroup"
DIRECTOR = "DirectorSecurityGroup"
"""Logical ids of the groups."""

VRRP = "112"
"""The number of VRRP among IP's protocols (IANA); it has no ports."""

SOLR_PORT = 8983
NFS_PORT = 2049
GLUSTER_PORTS = ((24007, 24007), (49152, 49251))
"""Management, and one port a brick."""


def add(draft: Draft) -> None:
    """Add the groups."""
    cidr = draft.profile.network.cidr
    private = subnet_ranges(cidr)[2:]
    outward = _outward()
    inward = [
        _to(subnet, port, f"{what} in the private subnets")
        for port, what in ((3306, "Database"), (11211, "Memcached"))
        for subnet in private
    ]
    inward += _to_inner(draft)
    git = _to(_WORLD, git_port(draft.profile.site.repository), "Git over SSH")
    passed = _passed_on(draft) if admin_translates(draft) else []
    through = [git] if passed else []
    _group(draft, ADMIN, "Admin node", passed, [*outward, *through, _to(cidr, 22, "SSH to the nodes"), *inward])
    visitors = [_from_world(80, "HTTP"), _from_world(443, "HTTPS")]
    if draft.profile.balancer.kind == "alb":
        to_web = [_to(subnet, 80, "Web servers") for subnet in side_ranges(cidr, web_side(draft))]
        if draft.profile.edge.cdn == "cloudfront":
            port = 443 if draft.profile.names.dns == "route53" else 80  # the list fills 55 of a group's 60 rules
            visitors = [_from_list(draft.lookups.edge_prefix_list, port, "From CloudFront")]
        _group(draft, BALANCER, "Load balancer", visitors, to_web)
        visitors = [_from_group(BALANCER, 80, "HTTP from the load balancer")]
    if draft.profile.balancer.kind == "lvs":
        _directors(draft, visitors, [*outward, git])
    web_in = [*visitors, _from_group(ADMIN, 22, "SSH through the admin node")]
    _group(draft, WEB, "Web servers", web_in, [*outward, git, *inward])
    for title, what, port in ((DATABASE, "Database", 3306), (CACHE, "Memcached", 11211)):
        rules = [_from_group(WEB, port, f"{what} for web servers"), _from_group(ADMIN, port, f"{what} for admin node")]
        _group(draft, title, what, rules, [_NOWHERE])


def _directors(draft: Draft, visitors: list[ec2.SecurityGroupRule], outward: list[ec2.SecurityGroupRule]) -> None:
    """The directors' group; what they send each other is a rule of its own (``directors``)."""
    ingress = [*visitors, _from_group(ADMIN, 22, "SSH through the admin node"), *_passed_on(draft)]
    pair = [
        ec2.SecurityGroupRule(
            validation=False,  # troposphere wants ports, which VRRP has not
            IpProtocol=VRRP,
            CidrIp=subnet,
            Description="VRRP between the directors",
        )
        for subnet in side_ranges(draft.profile.network.cidr, "Public")
    ]
    _group(draft, DIRECTOR, "LVS directors", ingress, [*outward, *pair])


def add_inner(draft: Draft, title: str, what: str, doors: list[tuple[str, tuple[int, int]]], *, machines: bool) -> None:
    """Add the group of something that only our own groups reach.

    :param doors: by group that is let in, first and last port.
    :param machines: machines of ours: reached by SSH through the admin node, and reaching what they are made from.
    """
    inward = [_from_group(group, ports[0], f"{what} for {_short(group)}", ports[1]) for group, ports in doors]
    if not machines:
        _group(draft, title, what, inward, [_NOWHERE])
        return
    inward.append(_from_group(ADMIN, 22, "SSH through the admin node"))
    _group(draft, title, what, inward, [*_outward(), *_to_inner(draft)])


def _to_inner(draft: Draft) -> list[ec2.SecurityGroupRule]:
    """Ways to search node and shared files, wherever there are any."""
    near = side_ranges(draft.profile.network.cidr, web_side(draft))
    ways = [(near, (SOLR_PORT, SOLR_PORT), "Solr")] if draft.profile.search.kind == "solr" else []
    if draft.profile.files.kind == "efs":
        ways.append((side_ranges(draft.profile.network.cidr, "Private"), (NFS_PORT, NFS_PORT), "Shared files"))
    if draft.profile.files.kind == "glusterfs":
        ways += [(near, ports, "GlusterFS") for ports in GLUSTER_PORTS]
    return [_to(subnet, first, what, last) for subnets, (first, last), what in ways for subnet in subnets]


def _outward() -> list[ec2.SecurityGroupRule]:
    return [_to(_WORLD, 443, "Packages, AWS APIs, certificates"), _to(_WORLD, 80, "Debian packages")]


def _short(group: str) -> str:
    return group.removesuffix("SecurityGroup").lower()


def _passed_on(draft: Draft) -> list[ec2.SecurityGroupRule]:
    """What the way out takes from the web servers' subnets to pass it on."""
    ports = (80, 443, git_port(draft.profile.site.repository))
    ranges = side_ranges(draft.profile.network.cidr, "App")
    return [_to(subnet, port, "To be passed on to the Internet") for port in ports for subnet in ranges]


def git_port(repository: str) -> int:
    """The port of an SSH repository address: 22 unless ``ssh://host:port/`` names another."""
    return (urlsplit(repository).port or 22) if repository.startswith("ssh://") else 22


_NOWHERE = ec2.SecurityGroupRule(
    IpProtocol="-1", CidrIp="127.0.0.1/32", Description="Nothing: without any rule AWS would allow all"
)


def _group(
    draft: Draft,
    title: str,
    what: str,
    ingress: list[ec2.SecurityGroupRule],
    egress: list[ec2.SecurityGroupRule],
) -> None:
    suffix = _short(title)
    rules = {"SecurityGroupIngress": ingress} if ingress else {}
    draft.add(
        "access",
        f"Security group {suffix}",
        ec2.SecurityGroup(
            title,
            GroupName=draft.name(suffix),
            GroupDescription=f"{what} of {draft.profile.name}",
            VpcId=Ref("Vpc"),
            SecurityGroupEgress=egress,
            **rules,
        ),
    )


def _to(cidr: str, port: int, why: str, last: int = 0) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=port, ToPort=last or port, CidrIp=cidr, Description=why)


def _from_world(port: int, why: str) -> ec2.SecurityGroupRule:
    return _to(_WORLD, port, f"{why} from the world")


def _from_list(prefix_list: str, port: int, why: str) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(
        IpProtocol="tcp", FromPort=port, ToPort=port, SourcePrefixListId=prefix_list, Description=why
    )


def _from_group(group: str, port: int, why: str, last: int = 0) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(
        IpProtocol="tcp",
        FromPort=port,
        ToPort=last or port,
        SourceSecurityGroupId=GetAtt(group, "GroupId"),
        Description=why,
    )
