"""An address that moves between machines, as directors move it: by an interface's second private address."""

from __future__ import annotations

from typing import Any

from tests.provisioners.sandbox.api.stack import refused
from tests.provisioners.sandbox.api.waiting import until


def director(stack: Any, subnet: int) -> tuple[str, str, str, str]:
    """A running machine with two private addresses: its id, its interface's, and both."""
    card = {
        "DeviceIndex": 0,
        "SubnetId": stack.subnets[subnet],
        "Groups": [stack.group],
        "SecondaryPrivateIpAddressCount": 1,
    }
    made = stack.ec2.run_instances(
        ImageId=stack.image, InstanceType="t4g.small", KeyName=stack.key, NetworkInterfaces=[card], MinCount=1,
        MaxCount=1,
    )  # fmt: skip
    instance = made["Instances"][0]["InstanceId"]
    until(lambda: stack.state(instance) == "running")
    (interface,) = stack.instance(instance)["NetworkInterfaces"]
    first, second = sorted(interface["PrivateIpAddresses"], key=lambda one: not one["Primary"])
    return instance, interface["NetworkInterfaceId"], first["PrivateIpAddress"], second["PrivateIpAddress"]


def address(stack: Any) -> tuple[str, str]:
    made = stack.ec2.allocate_address(Domain="vpc")
    return made["AllocationId"], made["PublicIp"]


def where(stack: Any, allocation: str) -> tuple[str, str]:
    (row,) = stack.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    return row.get("NetworkInterfaceId", ""), row.get("PrivateIpAddress", "")


def test_a_second_address_has_an_elastic_ip_of_its_own_that_moves(stack: Any) -> None:
    one, other = director(stack, 0), director(stack, 1)
    own, public = address(stack)
    site, _ = address(stack)
    stack.ec2.associate_address(AllocationId=own, InstanceId=one[0])
    for instance, interface, _, second in (one, other, one):
        stack.ec2.associate_address(
            AllocationId=site, NetworkInterfaceId=interface, PrivateIpAddress=second, AllowReassociation=True
        )
        assert where(stack, site) == (interface, second)
        assert stack.state(instance) == "running"
        assert stack.instance(one[0])["PublicIpAddress"] == public, "its own address stays"
    assert "PublicIpAddress" not in stack.instance(other[0])
    with refused("Resource.AlreadyAssociated"):
        stack.ec2.associate_address(AllocationId=site, NetworkInterfaceId=other[1], PrivateIpAddress=other[3])
    with refused("InvalidParameterValue", "is not an address"):
        stack.ec2.associate_address(AllocationId=site, NetworkInterfaceId=other[1], PrivateIpAddress=one[3])
    for instance, *_ in (one, other):
        stack.terminate(instance)
    for allocation in (own, site):
        assert where(stack, allocation) == ("", "")
        stack.ec2.release_address(AllocationId=allocation)


def test_a_default_route_leads_to_one_interface_and_then_to_another(stack: Any) -> None:
    one, other = director(stack, 0), director(stack, 1)
    table = stack.ec2.create_route_table(VpcId=stack.vpc)["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    with refused("InvalidParameterValue"):
        stack.ec2.replace_route(**route, NetworkInterfaceId=one[1])
    stack.ec2.create_route(**route, NetworkInterfaceId=one[1])
    stack.ec2.replace_route(**route, NetworkInterfaceId=other[1])
    (shown,) = stack.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert [row.get("NetworkInterfaceId") for row in shown["Routes"]][-1] == other[1]
    foreign = stack.ec2.create_vpc(CidrBlock="127.43.0.0/16")["Vpc"]["VpcId"]
    elsewhere = stack.ec2.create_route_table(VpcId=foreign)["RouteTable"]["RouteTableId"]
    with refused("InvalidParameterValue", "different networks"):
        stack.ec2.create_route(**{**route, "RouteTableId": elsewhere}, NetworkInterfaceId=one[1])
    stack.ec2.delete_route_table(RouteTableId=elsewhere)
    stack.ec2.delete_vpc(VpcId=foreign)
    stack.ec2.delete_route_table(RouteTableId=table)
