"""Refuses to delete what is in use, with AWS's own error codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisioners.sandbox.api.extend import Call, Refused, before
from provisioners.sandbox.api.world import World


def _dependency(text: str) -> Refused:
    return Refused("DependencyViolation", text)


@before("ec2", "DeleteSubnet")
def _subnet(_: World, call: Call) -> None:
    ec2, subnet_id = call.response.ec2_backend, call.get("SubnetId")
    if any(interface.subnet.id == subnet_id for interface in ec2.enis.values()):
        raise _dependency(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


@before("ec2", "DeleteSecurityGroup")
def _security_group(_: World, call: Call) -> None:
    ec2, group_id = call.response.ec2_backend, call.get("GroupId")
    group = ec2.get_security_group_from_id(group_id)
    if group is None:
        return
    if group.name == "default":
        raise Refused("CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user')
    used = any(group_id in {held.id for held in interface.group_set} for interface in ec2.enis.values())
    if used or group_id in set(_referred_groups(ec2, group_id)):
        raise _dependency(f"resource {group_id} has a dependent object")


def _referred_groups(ec2: Any, group_id: str) -> Iterator[str]:
    """Groups that the rules of other groups name."""
    for groups in list(ec2.groups.values()):
        for group in groups.values():
            if group.id == group_id:
                continue
            for rule in (*group.ingress_rules, *group.egress_rules):
                if "GroupId" in rule.source_group:
                    yield rule.source_group["GroupId"]


@before("ec2", "DeleteVpc")
def _vpc(_: World, call: Call) -> None:
    ec2, vpc_id = call.response.ec2_backend, call.get("VpcId")
    ec2.get_vpc(vpc_id)
    attached = any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values())
    groups = any(group.name != "default" for group in ec2.groups.get(vpc_id, {}).values())
    tables = any(table.vpc_id == vpc_id and table.main_association_id is None for table in ec2.route_tables.values())
    interfaces = any(interface.vpc_id == vpc_id for interface in ec2.enis.values())
    if attached or groups or tables or interfaces:
        raise _dependency(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


@before("ec2", "DetachInternetGateway")
def _mapped_addresses(_: World, call: Call) -> None:
    ec2, vpc_id = call.response.ec2_backend, call.get("VpcId")
    if any(interface.vpc_id == vpc_id and interface.public_ip for interface in ec2.enis.values()):
        raise _dependency(
            f"Network {vpc_id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway."
        )


@before("ec2", "DeleteInternetGateway")
def _attached_gateway(_: World, call: Call) -> None:
    gateway_id = call.get("InternetGatewayId")
    gateway = call.response.ec2_backend.get_internet_gateway(gateway_id)
    if gateway.vpc is not None:
        raise _dependency(f"The internetGateway '{gateway_id}' has dependencies and cannot be deleted.")


@before("ec2", "DeleteRouteTable")
def _route_table(_: World, call: Call) -> None:
    table = call.response.ec2_backend.get_route_table(call.get("RouteTableId"))
    if table.associations:  # the main table is associated with its VPC
        raise _dependency(f"The routeTable '{table.id}' has dependencies and cannot be deleted.")


@before("ec2", "ReleaseAddress")
def _address(_: World, call: Call) -> None:
    for address in call.response.ec2_backend.addresses:
        if address.allocation_id == call.get("AllocationId") and address.association_id:
            raise Refused("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")


@before("ec2", "DeleteNetworkInterface")
def _interface(_: World, call: Call) -> None:
    interface = call.response.ec2_backend.get_network_interface(call.get("NetworkInterfaceId"))
    if interface.requester_managed:
        raise Refused("OperationNotPermitted", "You are not allowed to manage this network interface.")
    if interface.instance is not None:
        raise Refused("InvalidParameterValue", f"Network interface '{interface.id}' is currently in use.")


@before("rds", "DeleteDBSubnetGroup")
def _db_subnet_group(_: World, call: Call) -> None:
    name = str(call.get("DBSubnetGroupName")).lower()
    if any(database.db_subnet_group.name == name for database in call.response.backend.databases.values()):
        raise Refused(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database instance is still using it.",
        )


@before("rds", "DeleteDBParameterGroup")
def _db_parameter_group(_: World, call: Call) -> None:
    name = str(call.get("DBParameterGroupName"))
    if name.startswith("default."):
        raise Refused("InvalidDBParameterGroupState", "Default DB parameter groups cannot be deleted.")
    if any(database.db_parameter_group_name == name for database in call.response.backend.databases.values()):
        raise Refused(
            "InvalidDBParameterGroupState", f"One or more database instances are still members of this group {name}."
        )
