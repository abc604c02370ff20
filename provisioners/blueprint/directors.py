"""The LVS directors: two machines in two zones that stand before the web servers, in place of a load balancer of AWS.

Both run keepalived. The one that is master has the site's Elastic IP on its second private address and is where the
web servers' default route leads: answers have to leave as they came, through the machine that changed the packets'
destination. **What moves is therefore nowhere in the blueprint**: neither the address's association nor that route is a
resource; the master makes them, and the next master takes them (``provisioners/nodes/roles/director``). A replay never
takes the address from a master, and nothing has drifted after a fail-over. The directors are terminated before the
address is released (``DependsOn``); a route goes with its table.

Each has an Elastic IP of its own as well, on its first private address: the one that is not master has to reach EC2's
API at the very moment when it takes over, and a machine in a public subnet without an address reaches nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import ec2

from profiles.director import BY_DESTINATION
from profiles.model import Profile
from provisioners.blueprint import access, network, nodes, security_groups
from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub
from provisioners.blueprint.security_groups import DIRECTOR

PAIR = network.DIRECTORS
"""What the two are called; the zones take turns."""

ADDRESS = nodes.SITE_ADDRESS
"""Logical id of the Elastic IP at which visitors arrive."""

VOLUME_GIB = 8

MOST_CERTIFICATES = 5
"""For the same name in a week (Let's Encrypt, "Duplicate Certificate Limit"); each web server gets one of its own."""


def wanted(draft: Draft) -> bool:
    """Whether the profile wants directors."""
    return draft.profile.balancer.kind == "lvs"


def faults(profile: Profile) -> Iterator[tuple[str, str]]:
    """What of the profile no directors can do, each with what to do instead."""
    if profile.balancer.kind != "lvs":
        if profile.network.egress == "director":
            yield "There are no LVS directors to be the way out.", "Set balancer.kind=lvs, or another network.egress."
        return
    if profile.director.method != "nat":
        yield (
            f"LVS by {profile.director.method.upper()} cannot answer visitors from the Internet: the site's Elastic "
            "IP belongs to one machine, and AWS drops what another one sends in its name.",
            "Set director.method=nat.",
        )
    if profile.network.egress != "director":
        yield (
            "By NAT the web servers' answers have to go back through the LVS director that they came by.",
            "Set network.egress=director.",
        )
    if profile.site.domain and profile.web.servers > MOST_CERTIFICATES:
        yield (
            f"HTTPS ends on each web server behind LVS, and Let's Encrypt gives {MOST_CERTIFICATES} certificates for "
            "the same name a week.",
            f"Set web.servers={MOST_CERTIFICATES}, or balancer.kind=alb.",
        )


def warnings(profile: Profile) -> Iterator[tuple[str, str]]:
    """What works and is hardly meant, each with what to do instead."""
    if profile.balancer.kind == "lvs" and profile.director.scheduler in BY_DESTINATION:
        yield (
            f"The LVS scheduler {profile.director.scheduler} chooses by the address that is asked for. The site has "
            "one, so that a single web server gets everything until it is overloaded or down.",
            "Choose wlc, or sh where a visitor has to stay with a server.",
        )


def add(draft: Draft) -> None:
    """Add the site's address, both directors, what they may do, and the steps that make them directors."""
    if not wanted(draft):
        return
    draft.add("balancer", "Site address", ec2.EIP(ADDRESS, Domain="vpc", DependsOn="GatewayAttachment"))
    among = ec2.SecurityGroupIngress(
        "DirectorPairIn",
        validation=False,  # troposphere wants ports, which VRRP has not
        GroupId=GetAtt(DIRECTOR, "GroupId"),
        IpProtocol=security_groups.VRRP,
        SourceSecurityGroupId=GetAtt(DIRECTOR, "GroupId"),
        Description="VRRP between the directors",
    )
    draft.add("balancer", "Directors among themselves", among)
    access.add_role(draft, "Director", _statements(draft))
    for who, letter in zip(PAIR, "AB", strict=True):
        draft.add("balancer", f"{who} server {draft.profile.director.instance_class}", _server(draft, who, letter))
        nodes.address(draft, who, "balancer")
        _step(draft, who, letter)


def links(draft: Draft) -> list[str]:
    """What must stand before a visitor gets through."""
    return [f"{who}Node" for who in PAIR] if wanted(draft) else []


def _server(draft: Draft, who: str, letter: str) -> ec2.Instance:
    """With a second private address, for the site's; it passes on packets that are neither from nor to itself."""
    wish, lookups = draft.profile.director, draft.lookups
    server = nodes.instance(
        who, "Director", lookups.image_id_director, wish.instance_class, VOLUME_GIB, f"PublicSubnet{letter}"
    )
    card = ec2.NetworkInterfaceProperty(
        DeviceIndex="0",
        SubnetId=server.properties.pop("SubnetId"),
        GroupSet=server.properties.pop("SecurityGroupIds"),
        SecondaryPrivateIpAddressCount=1,
        DeleteOnTermination=True,
    )
    server.NetworkInterfaces = [card]
    server.SourceDestCheck = False
    server.DisableApiTermination = draft.keeps_data
    server.DependsOn = [ADDRESS]
    return server


def _step(draft: Draft, who: str, letter: str) -> None:
    profile, lookups = draft.profile, draft.lookups
    (peer,) = set(PAIR) - {who}
    settings = {
        "Deployment": profile.name,
        "DirectorAddress": GetAtt(ADDRESS, "AllocationId"),
        "DirectorPeer": GetAtt(f"{peer}Server", "PrivateIp"),
        "DirectorRoutes": Ref(network.APP_ROUTES),
        "LvsMethod": profile.director.method,
        "LvsPersistence": profile.director.persistence_seconds,
        "LvsScheduler": profile.director.scheduler,
        "RealServers": nodes.private_addresses(draft),
        "VpcCidr": profile.network.cidr,
    }
    links = [
        *nodes.admin_links(),
        f"{who}AddressInUse",
        f"PublicSubnet{letter}Routes",
        "DirectorPairIn",
        "DirectorPermissions",
    ]
    memory, cpus = lookups.director_memory_mib, lookups.director_vcpu
    nodes.step(draft, who, "Director", memory, cpus, settings, list(dict.fromkeys(links)), tier="balancer")


def _statements(draft: Draft) -> list[dict[str, Any]]:
    """The site's address and the web servers' routes, and no others; of machines only those of this deployment.

    An interface is known by its network: CloudFormation gives those that an instance is made with no tags.
    """
    here = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}"
    tagged = {"StringEquals": {"aws:ResourceTag/drucloud:deployment": draft.profile.name}}
    inside = {"ArnEquals": {"ec2:Vpc": Sub(f"{here}:vpc/${{Vpc}}")}}
    region = {"StringEquals": {"aws:RequestedRegion": draft.lookups.region}}
    moving, leading = ["ec2:AssociateAddress"], ["ec2:CreateRoute", "ec2:ReplaceRoute"]
    address, table = f"elastic-ip/${{{ADDRESS}.AllocationId}}", f"route-table/${{{network.APP_ROUTES}}}"
    return [
        {**access.allow(moving, Sub(f"{here}:{address}"), Sub(f"{here}:instance/*")), "Condition": tagged},
        {**access.allow(moving, Sub(f"{here}:network-interface/*")), "Condition": inside},
        {**access.allow(leading, Sub(f"{here}:{table}")), "Condition": tagged},
        {**access.allow(["ec2:DescribeAddresses"], "*"), "Condition": region},
    ]
