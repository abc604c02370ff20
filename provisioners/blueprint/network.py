"""The VPC: subnets over two zones, and the way out for those that have one.

=========  ==================================================================================================
subnets    for
=========  ==================================================================================================
public     what has a public address: admin node, NAT gateways, balancer, directors, web servers with one of their own
app        web servers behind a NAT gateway, the admin node or the LVS directors; only there when one is chosen
private    database and cache, with no route out at all: they need none
=========  ==================================================================================================
"""

from __future__ import annotations

import ipaddress
from typing import Literal

from troposphere import ec2

from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub

Side = Literal["Public", "Private", "App"]

_SPLIT = 3
"""Bits by which a subnet's prefix is longer than the VPC's: eight parts, six used, two left for later tiers."""

_ORDER: tuple[Side, ...] = ("Public", "Private", "App")

APP_ROUTES = "AppRoutes"
"""Logical id of the app subnets' table, where both zones share one."""

DIRECTORS = ("Director", "Director2")
"""What the two LVS directors are called (:mod:`provisioners.blueprint.directors`)."""


def subnet_ranges(cidr: str) -> tuple[str, str, str, str]:
    """Ranges of public A, public B, private A, private B inside the VPC's ``cidr`` (at least 27 hosts each)."""
    return (*side_ranges(cidr, "Public"), *side_ranges(cidr, "Private"))


def side_ranges(cidr: str, side: Side) -> tuple[str, str]:
    """The ranges of one side's two subnets."""
    parts = list(ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=_SPLIT))
    first = 2 * _ORDER.index(side)
    return (str(parts[first]), str(parts[first + 1]))


def hides_web(draft: Draft) -> bool:
    """Whether web servers stand behind something that translates addresses, without addresses of their own."""
    return draft.profile.network.egress != "public"


def admin_translates(draft: Draft) -> bool:
    """Whether the admin node is their way out."""
    return draft.profile.network.egress == "admin"


def directors_translate(draft: Draft) -> bool:
    """Whether the LVS directors are their way out; the one that is master makes the route itself."""
    return draft.profile.network.egress == "director"


def web_side(draft: Draft) -> Side:
    """Where the web servers stand."""
    return "App" if hides_web(draft) else "Public"


def web_way_out(draft: Draft, letter: str) -> list[str]:
    """What must stand before a web server in that zone reaches the Internet."""
    side = web_side(draft)
    if side == "Public":
        return ["PublicDefaultRoute", f"PublicSubnet{letter}Routes"]
    if directors_translate(draft):
        return [f"AppSubnet{letter}Routes", *(f"{who}Node" for who in DIRECTORS)]
    table = _app_table(draft, letter).removesuffix("Routes")
    return [f"{table}DefaultRoute", f"AppSubnet{letter}Routes", *_nat_routes(draft)]


def _nat_routes(draft: Draft) -> list[str]:
    """The public side of the NAT gateways; or the admin node, which translates once it is configured."""
    if admin_translates(draft):
        return ["AdminNode"]
    return ["PublicDefaultRoute", *(f"PublicSubnet{letter}Routes" for letter in _nat_letters(draft))]


def _nat_letters(draft: Draft) -> tuple[str, ...]:
    """The zones that have a way out of their own; the other one shares it."""
    return ("A", "B") if draft.profile.network.egress == "nat_per_zone" else ("A",)


def _app_table(draft: Draft, letter: str) -> str:
    return f"App{letter}Routes" if draft.profile.network.egress == "nat_per_zone" else APP_ROUTES


def add(draft: Draft) -> None:
    """Add VPC, gateways, subnets and routes."""
    cidr = draft.profile.network.cidr
    draft.add("network", f"VPC {cidr}", ec2.VPC("Vpc", CidrBlock=cidr, EnableDnsSupport=True, EnableDnsHostnames=True))
    draft.add("network", "Internet gateway", ec2.InternetGateway("InternetGateway"))
    draft.add(
        "network",
        "Gateway attachment",
        ec2.VPCGatewayAttachment("GatewayAttachment", VpcId=Ref("Vpc"), InternetGatewayId=Ref("InternetGateway")),
    )
    _table(draft, "Public", "PublicRoutes")
    _subnets(draft, "Public", {"A": "PublicRoutes", "B": "PublicRoutes"})
    draft.add(
        "network",
        "Public default route",
        ec2.Route(
            "PublicDefaultRoute",
            RouteTableId=Ref("PublicRoutes"),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref("InternetGateway"),
            DependsOn="GatewayAttachment",
        ),
    )
    _table(draft, "Private", "PrivateRoutes")
    _subnets(draft, "Private", {"A": "PrivateRoutes", "B": "PrivateRoutes"})
    if hides_web(draft):
        _app_side(draft)


def _app_side(draft: Draft) -> None:
    """Subnets behind whatever is the way out; S3 is reached past it, for traffic through a gateway costs.

    Where the directors are, the one that is master makes the default route.
    """
    tables = {letter: _app_table(draft, letter) for letter, _ in draft.zones}
    for letter in _nat_letters(draft):
        _table(draft, "App", tables[letter])
        if directors_translate(draft):
            continue
        route = ec2.Route(
            f"{tables[letter].removesuffix('Routes')}DefaultRoute",
            RouteTableId=Ref(tables[letter]),
            DestinationCidrBlock="0.0.0.0/0",
            **_translator(draft, letter),
        )
        draft.add("network", f"App default route {letter}", route)
    _subnets(draft, "App", tables)
    endpoint = ec2.VPCEndpoint(
        "S3Endpoint",
        VpcId=Ref("Vpc"),
        ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
        VpcEndpointType="Gateway",
        RouteTableIds=[Ref(table) for table in sorted(set(tables.values()))],
    )
    draft.add("network", "S3 endpoint", endpoint)


def _translator(draft: Draft, letter: str) -> dict[str, Ref]:
    """What a default route leads to: the admin node, or a NAT gateway that is added here.

    A route to an instance leads to its one interface; EC2 lets packets of others pass it only without source and
    destination check (``nodes``).
    """
    if admin_translates(draft):
        return {"InstanceId": Ref("AdminServer")}
    _nat(draft, letter)
    return {"NatGatewayId": Ref(f"NatGateway{letter}")}


def _nat(draft: Draft, letter: str) -> None:
    address = ec2.EIP(f"NatAddress{letter}", Domain="vpc", DependsOn="GatewayAttachment")
    draft.add("network", f"NAT address {letter}", address)
    gateway = ec2.NatGateway(
        f"NatGateway{letter}",
        SubnetId=Ref(f"PublicSubnet{letter}"),
        AllocationId=GetAtt(f"NatAddress{letter}", "AllocationId"),
        ConnectivityType="public",
        DependsOn="GatewayAttachment",
    )
    draft.add("network", f"NAT gateway {letter}", gateway)


def _table(draft: Draft, side: Side, title: str) -> None:
    draft.add("network", f"{side} route table", ec2.RouteTable(title, VpcId=Ref("Vpc")))


def _subnets(draft: Draft, side: Side, tables: dict[str, str]) -> None:
    """In each zone a subnet that uses its table. Nothing gets a public address by itself."""
    for (letter, zone), cidr in zip(draft.zones, side_ranges(draft.profile.network.cidr, side), strict=True):
        subnet = f"{side}Subnet{letter}"
        draft.add(
            "network",
            f"{side} subnet {zone}",
            ec2.Subnet(subnet, VpcId=Ref("Vpc"), AvailabilityZone=zone, CidrBlock=cidr, MapPublicIpOnLaunch=False),
        )
        draft.add(
            "network",
            f"{side} routes {zone}",
            ec2.SubnetRouteTableAssociation(f"{subnet}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(tables[letter])),
        )
