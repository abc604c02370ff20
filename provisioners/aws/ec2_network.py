"""The network: VPC, subnets, internet gateway, route tables and routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from profiles.errors import FailedError
from provisioners.aws.permissions import anywhere, ec2_makes, ec2_uses
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Ec2Kind, Kind, by_ids, ec2_rows
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_specification
from provisioners.engine.kinds import Observed, Wanted

_TAGS = frozenset({"Tags"})


def _by_state(row: Mapping[str, Any], attributes: Mapping[str, Any]) -> Observed:
    state = str(row["State"])
    return Observed("ready" if state == "available" else "pending", attributes, "" if state == "available" else state)


class Vpc(Ec2Kind):
    """``AWS::EC2::VPC``."""

    type = "AWS::EC2::VPC"
    resource, listing, id_key, id_filter = "vpc", ("describe_vpcs", "Vpcs"), "VpcId", "vpc-id"
    mutable = frozenset({"EnableDnsSupport", "EnableDnsHostnames"})
    needs = (
        *ec2_makes("ec2:CreateVpc", "vpc"),
        ec2_uses("ec2:ModifyVpcAttribute", "vpc", phase="deploy"),
        *anywhere("ec2:DescribeVpcs"),
        ec2_uses("ec2:ModifyVpcAttribute", "vpc", phase="change"),
        ec2_uses("ec2:DeleteVpc", "vpc", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it; its DNS settings are calls of their own."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "CreateVpc", wanted.properties, without=self.mutable | _TAGS)
        return str(client.create_vpc(**values, TagSpecifications=as_specification(wanted, "vpc"))["Vpc"]["VpcId"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """DNS settings; host names need DNS support first."""
        client = aws.client("ec2")
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if name in wanted.properties:
                on = str(wanted.properties[name]).lower() == "true"
                client.modify_vpc_attribute(VpcId=identity, **{name: {"Value": on}})

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The same calls again."""
        self.settle(aws, identity, wanted)

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when available."""
        return _by_state(row, {"Ref": row["VpcId"], "VpcId": row["VpcId"], "CidrBlock": row["CidrBlock"]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client("ec2").delete_vpc(VpcId=identity)


class Subnet(Ec2Kind):
    """``AWS::EC2::Subnet``."""

    type = "AWS::EC2::Subnet"
    resource, listing, id_key, id_filter = "subnet", ("describe_subnets", "Subnets"), "SubnetId", "subnet-id"
    mutable = frozenset({"MapPublicIpOnLaunch"})
    needs = (
        *ec2_makes("ec2:CreateSubnet", "subnet", of=("vpc",)),
        ec2_uses("ec2:ModifySubnetAttribute", "subnet", phase="deploy", given="MapPublicIpOnLaunch"),
        *anywhere("ec2:DescribeSubnets"),
        ec2_uses("ec2:ModifySubnetAttribute", "subnet", phase="change"),
        ec2_uses("ec2:DeleteSubnet", "subnet", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "CreateSubnet", wanted.properties, without=self.mutable | _TAGS)
        made = client.create_subnet(**values, TagSpecifications=as_specification(wanted, "subnet"))
        return str(made["Subnet"]["SubnetId"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Whether instances get a public address by themselves."""
        if "MapPublicIpOnLaunch" in wanted.properties:
            on = str(wanted.properties["MapPublicIpOnLaunch"]).lower() == "true"
            aws.client("ec2").modify_subnet_attribute(SubnetId=identity, MapPublicIpOnLaunch={"Value": on})

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The same call again."""
        self.settle(aws, identity, wanted)

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when available."""
        names = ("SubnetId", "VpcId", "CidrBlock", "AvailabilityZone")
        return _by_state(row, {"Ref": row["SubnetId"], **{name: row[name] for name in names}})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client("ec2").delete_subnet(SubnetId=identity)


class InternetGateway(Ec2Kind):
    """``AWS::EC2::InternetGateway``."""

    type = "AWS::EC2::InternetGateway"
    resource, id_key, id_filter = "internet-gateway", "InternetGatewayId", "internet-gateway-id"
    listing = ("describe_internet_gateways", "InternetGateways")
    needs = (
        *ec2_makes("ec2:CreateInternetGateway", "internet-gateway"),
        *anywhere("ec2:DescribeInternetGateways"),
        ec2_uses("ec2:DeleteInternetGateway", "internet-gateway", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it."""
        made = aws.client("ec2", creating=True).create_internet_gateway(
            TagSpecifications=as_specification(wanted, "internet-gateway")
        )
        return str(made["InternetGateway"]["InternetGatewayId"])

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states of its own."""
        return Observed("ready", {"Ref": row[self.id_key], self.id_key: row[self.id_key]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client("ec2").delete_internet_gateway(InternetGatewayId=identity)


class VpcGatewayAttachment(Kind):
    """``AWS::EC2::VPCGatewayAttachment`` of an internet gateway; identity ``igw-…|vpc-…``."""

    type = "AWS::EC2::VPCGatewayAttachment"
    needs = (
        ec2_uses("ec2:AttachInternetGateway", "internet-gateway", "vpc", phase="deploy"),
        *anywhere("ec2:DescribeInternetGateways"),
        ec2_uses("ec2:DetachInternetGateway", "internet-gateway", "vpc", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Attach; a link has no tags."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "AttachInternetGateway", wanted.properties)
        client.attach_internet_gateway(**values)
        return f"{values['InternetGatewayId']}|{values['VpcId']}"

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """Attached to our VPC: done. Attached to another: not ours to touch."""
        gateway, vpc = str(wanted.properties["InternetGatewayId"]), str(wanted.properties["VpcId"])
        attached = self._attachments(aws, [gateway]).get(gateway, {})
        if attached and vpc not in attached:
            raise FailedError(f"Internet gateway {gateway} is attached to {', '.join(attached)}.", "Detach it there.")
        return f"{gateway}|{vpc}" if attached else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """From the gateways' side."""
        attachments = self._attachments(aws, [one.split("|")[0] for one in identities])
        seen = {}
        for one in identities:
            gateway, vpc = one.split("|")
            state = attachments.get(gateway, {}).get(vpc, "detached")
            seen[one] = ABSENT if state == "detached" else _attached(one, state)
        return seen

    def _attachments(self, aws: Aws, gateways: Sequence[str]) -> dict[str, dict[str, str]]:
        rows = ec2_rows(aws, *InternetGateway.listing, by_ids(InternetGateway.id_filter, gateways))
        return {
            row["InternetGatewayId"]: {item["VpcId"]: item["State"] for item in row.get("Attachments", ())}
            for row in rows
        }

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Detach; EC2 refuses while public addresses are in use in the VPC."""
        gateway, vpc = identity.split("|")
        aws.client("ec2").detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def _attached(identity: str, state: str) -> Observed:
    ready = state in ("available", "attached")
    return Observed("ready" if ready else "pending", {"Ref": identity}, "" if ready else state)


class RouteTable(Ec2Kind):
    """``AWS::EC2::RouteTable``."""

    type = "AWS::EC2::RouteTable"
    resource, id_key, id_filter = "route-table", "RouteTableId", "route-table-id"
    listing = ("describe_route_tables", "RouteTables")
    needs = (
        *ec2_makes("ec2:CreateRouteTable", "route-table", of=("vpc",)),
        *anywhere("ec2:DescribeRouteTables"),
        ec2_uses("ec2:DeleteRouteTable", "route-table", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags."""
        client = aws.client("ec2", creating=True)
        made = client.create_route_table(
            **arguments(client, "CreateRouteTable", wanted.properties, without=_TAGS),
            ClientToken=wanted.token,
            TagSpecifications=as_specification(wanted, "route-table"),
        )
        return str(made["RouteTable"]["RouteTableId"])

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states of its own."""
        return Observed("ready", {"Ref": row[self.id_key], self.id_key: row[self.id_key]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client("ec2").delete_route_table(RouteTableId=identity)


ROUTE_TARGETS = frozenset({"GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId"})


class Route(Kind):
    """``AWS::EC2::Route`` for an IPv4 range; identity ``rtb-…|0.0.0.0/0``."""

    type = "AWS::EC2::Route"
    mutable = ROUTE_TARGETS
    needs = (
        ec2_uses("ec2:CreateRoute", "route-table", phase="deploy"),
        *anywhere("ec2:DescribeRouteTables"),
        ec2_uses("ec2:ReplaceRoute", "route-table", phase="change"),
        ec2_uses("ec2:DeleteRoute", "route-table", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it; a route has no tags."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "CreateRoute", wanted.properties)
        client.create_route(**values)
        return f"{values['RouteTableId']}|{values['DestinationCidrBlock']}"

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The route to that range, if it goes where ours would go."""
        identity = f"{wanted.properties['RouteTableId']}|{wanted.properties['DestinationCidrBlock']}"
        row = self._routes(aws, [identity]).get(identity)
        if row is None:
            return None
        for name in ROUTE_TARGETS & set(wanted.properties):
            if row.get(name) != wanted.properties[name]:
                raise FailedError(f"Route {identity} leads elsewhere already.", "Remove that route, then resume.")
        return identity

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """From the route tables; a route whose target is gone is a black hole."""
        routes = self._routes(aws, identities)
        return {one: _route(one, routes[one]) if one in routes else ABSENT for one in identities}

    def _routes(self, aws: Aws, identities: Sequence[str]) -> dict[str, dict[str, Any]]:
        tables = sorted({one.split("|")[0] for one in identities})
        rows = ec2_rows(aws, *RouteTable.listing, by_ids(RouteTable.id_filter, tables))
        return {
            f"{row['RouteTableId']}|{route['DestinationCidrBlock']}": route
            for row in rows
            for route in row.get("Routes", ())
            if "DestinationCidrBlock" in route
        }

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Lead it elsewhere."""
        client = aws.client("ec2")
        client.replace_route(**arguments(client, "ReplaceRoute", wanted.properties))

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        table, range_ = identity.split("|")
        aws.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock=range_)


def _route(identity: str, row: Mapping[str, Any]) -> Observed:
    state = str(row.get("State", "active"))
    return Observed("ready" if state == "active" else "failed", {"Ref": identity}, "" if state == "active" else state)


class SubnetRouteTableAssociation(Kind):
    """``AWS::EC2::SubnetRouteTableAssociation``; identity ``rtbassoc-…``."""

    type = "AWS::EC2::SubnetRouteTableAssociation"
    needs = (
        ec2_uses("ec2:AssociateRouteTable", "route-table", "subnet", phase="deploy"),
        *anywhere("ec2:DescribeRouteTables"),
        ec2_uses("ec2:DisassociateRouteTable", "route-table", "subnet", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Associate; a link has no tags."""
        client = aws.client("ec2", creating=True)
        return str(
            client.associate_route_table(**arguments(client, "AssociateRouteTable", wanted.properties))["AssociationId"]
        )

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The subnet's own association, if it is with our table."""
        subnet, table = str(wanted.properties["SubnetId"]), str(wanted.properties["RouteTableId"])
        for row in self._associations(aws, "association.subnet-id", [subnet]):
            if row.get("SubnetId") != subnet or _association_state(row) == "disassociated":
                continue
            if row["RouteTableId"] != table:
                raise FailedError(f"Subnet {subnet} is associated with {row['RouteTableId']}.", "Disassociate it.")
            return str(row["RouteTableAssociationId"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """From the route tables' side."""
        rows = self._associations(aws, "association.route-table-association-id", identities)
        found = {row["RouteTableAssociationId"]: _association_state(row) for row in rows}
        return {one: _association(one, found.get(one, "disassociated")) for one in identities}

    def _associations(self, aws: Aws, filter_name: str, values: Sequence[str]) -> list[dict[str, Any]]:
        rows = ec2_rows(aws, *RouteTable.listing, by_ids(filter_name, values))
        return [item for row in rows for item in row.get("Associations", ())]

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Disassociate."""
        aws.client("ec2").disassociate_route_table(AssociationId=identity)


def _association_state(row: Mapping[str, Any]) -> str:
    return str(row.get("AssociationState", {}).get("State", "associated"))


def _association(identity: str, state: str) -> Observed:
    if state == "disassociated":
        return ABSENT
    status = {"associated": "ready", "failed": "failed"}.get(state, "pending")
    return Observed(status, {"Ref": identity, "Id": identity}, "" if status == "ready" else state)  # type: ignore[arg-type]
