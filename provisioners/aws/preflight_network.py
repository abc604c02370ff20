"""Whether the VPC's address range is in the way of another network of the account."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from provisioners.aws.findings import Finding, Subject, finding
from provisioners.aws.resource import ec2_rows


def addresses(subject: Subject) -> Iterator[Finding]:
    """Equal ranges live side by side, but such VPCs can never be peered or routed to one another.

    What a peering of this region already leads to is the clash that hurts, so it is told apart.
    """
    if subject.standing:
        return
    ours = IPv4Network(subject.profile.network.cidr)
    if taken := _overlapping(ours, _vpcs(subject)):
        yield finding(
            "warn",
            f"{ours} overlaps with {', '.join(taken)}: the two could never be peered.",
            "Set network.cidr to a range that nothing uses, unless they shall stay apart.",
        )
    if taken := _overlapping(ours, _peers(subject)):
        yield finding(
            "warn",
            f"{ours} overlaps with a network that VPCs of this region are peered with ({', '.join(taken)}).",
            "Set network.cidr to a range that nothing uses, if this site shall ever be reached from there.",
        )


def _overlapping(ours: IPv4Network, ranges: dict[str, str]) -> list[str]:
    return sorted(f"{name} ({text})" for text, name in ranges.items() if ours.overlaps(IPv4Network(text)))


def _vpcs(subject: Subject) -> dict[str, str]:
    rows = ec2_rows(subject.aws, "describe_vpcs", "Vpcs", [])
    return {
        str(block["CidrBlock"]): str(row["VpcId"])
        for row in rows
        for block in row.get("CidrBlockAssociationSet", [{"CidrBlock": row["CidrBlock"]}])
    }


def _peers(subject: Subject) -> dict[str, str]:
    states = [{"Name": "status-code", "Values": ["active", "pending-acceptance", "provisioning"]}]
    rows = ec2_rows(subject.aws, "describe_vpc_peering_connections", "VpcPeeringConnections", states)
    return {
        str(side["CidrBlock"]): str(row["VpcPeeringConnectionId"])
        for row in rows
        for side in (row["AccepterVpcInfo"], row["RequesterVpcInfo"])
        if side.get("CidrBlock")
    }
