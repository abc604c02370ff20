"""Ways out of a private subnet: NAT gateways, and gateway endpoints that pass them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provisioners.aws.permissions import anywhere, ec2_makes, ec2_uses
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Ec2Kind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_specification
from provisioners.engine.kinds import Observed, Status, Wanted
from provisioners.foreign_text import clean_line

_TAGS = frozenset({"Tags"})


class NatGateway(Ec2Kind):
    """``AWS::EC2::NatGateway``; a deleted one is listed for an hour more."""

    type = "AWS::EC2::NatGateway"
    poll_seconds = 5.0
    expected_seconds = 120.0
    resource, id_key, id_filter = "natgateway", "NatGatewayId", "nat-gateway-id"
    listing = ("describe_nat_gateways", "NatGateways")
    needs = (
        *ec2_makes("ec2:CreateNatGateway", "natgateway", of=("elastic-ip", "subnet")),
        *anywhere("ec2:DescribeNatGateways"),
        ec2_uses("ec2:DeleteNatGateway", "natgateway", phase="destroy"),
    )

    def rows(self, aws: Aws, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """As for all of EC2, but this call's filters are called ``Filter``."""
        pages = aws.client("ec2").get_paginator("describe_nat_gateways").paginate(Filter=list(filters))
        return [row for page in pages for row in page["NatGateways"]]

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags."""
        client = aws.client("ec2", creating=True)
        made = client.create_nat_gateway(
            **arguments(client, "CreateNatGateway", wanted.properties, without=_TAGS),
            ClientToken=wanted.token,
            TagSpecifications=as_specification(wanted, self.resource),
        )
        return str(made["NatGateway"]["NatGatewayId"])

    def alive(self, row: Mapping[str, Any]) -> bool:
        """Neither deleted nor failed."""
        return row["State"] in ("pending", "available")

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when available."""
        state = str(row["State"])
        if state == "deleted":
            return ABSENT
        states: dict[str, Status] = {"available": "ready", "failed": "failed"}
        detail = f"{state} {clean_line(row.get('FailureMessage', ''))}".strip()
        status = states.get(state, "pending")
        attributes = {"Ref": row[self.id_key], self.id_key: row[self.id_key]}
        return Observed(status, attributes, "" if status == "ready" else detail)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; its address is free once it is gone."""
        aws.client("ec2").delete_nat_gateway(NatGatewayId=identity)


class VpcEndpoint(Ec2Kind):
    """``AWS::EC2::VPCEndpoint`` of type Gateway: free, and keeps S3's traffic off the NAT gateway."""

    type = "AWS::EC2::VPCEndpoint"
    resource, id_key, id_filter = "vpc-endpoint", "VpcEndpointId", "vpc-endpoint-id"
    listing = ("describe_vpc_endpoints", "VpcEndpoints")
    mutable = frozenset({"RouteTableIds"})
    needs = (
        *ec2_makes("ec2:CreateVpcEndpoint", "vpc-endpoint", of=("vpc", "route-table")),
        *anywhere("ec2:DescribeVpcEndpoints"),
        ec2_uses("ec2:ModifyVpcEndpoint", "vpc-endpoint", "route-table", phase="change"),
        ec2_uses("ec2:DeleteVpcEndpoints", "vpc-endpoint", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags."""
        client = aws.client("ec2", creating=True)
        made = client.create_vpc_endpoint(
            **arguments(client, "CreateVpcEndpoint", wanted.properties, without=_TAGS),
            ClientToken=wanted.token,
            TagSpecifications=as_specification(wanted, self.resource),
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Add the route tables that are missing, take away those that are no longer wanted."""
        (row,) = self.rows(aws, [{"Name": self.id_filter, "Values": [identity]}])
        there, wish = set(row.get("RouteTableIds", ())), set(wanted.properties.get("RouteTableIds", ()))
        changes = {"AddRouteTableIds": sorted(wish - there), "RemoveRouteTableIds": sorted(there - wish)}
        given = {name: tables for name, tables in changes.items() if tables}
        if given:
            aws.client("ec2").modify_vpc_endpoint(VpcEndpointId=identity, **given)

    def alive(self, row: Mapping[str, Any]) -> bool:
        """A deleted one may be listed a little longer."""
        return str(row["State"]).lower() in ("pending", "available", "pendingacceptance")

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when available; the API writes its states now with a capital, now without."""
        state = str(row["State"]).lower()
        if state == "deleted":
            return ABSENT
        states: dict[str, Status] = {"available": "ready", "failed": "failed", "rejected": "failed"}
        status = states.get(state, "pending")
        return Observed(status, {"Ref": row[self.id_key], "Id": row[self.id_key]}, "" if status == "ready" else state)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it. EC2 answers 200 and lists what it could not delete."""
        aws.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[identity])
