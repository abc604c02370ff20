"""Networks: what is refused because it is in use, is not there, or stands elsewhere."""

from __future__ import annotations

import pytest

from tests.provisioners.sandbox.api.stack import refused, unique


@pytest.fixture
def other_vpc(stack):
    vpc = stack.ec2.create_vpc(CidrBlock="127.43.0.0/16")["Vpc"]["VpcId"]
    yield vpc
    stack.ec2.delete_vpc(VpcId=vpc)


def test_a_vpc_brings_its_network_and_takes_it_along(sandbox, aws):
    vpc = aws("ec2").create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]["VpcId"]
    aws("ec2").delete_vpc(VpcId=vpc)  # at once: waits for what still comes up
    assert vpc not in sandbox.status()["networks"]
    vpc = aws("ec2").create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]
    assert vpc["State"] == "pending"
    aws("ec2").delete_vpc(VpcId=vpc["VpcId"])


def test_a_vpc_in_use_stays(stack):
    with refused("DependencyViolation"):
        stack.ec2.delete_vpc(VpcId=stack.vpc)


@pytest.mark.parametrize("kind", ["gateway", "group", "table"])
def test_each_thing_in_a_vpc_keeps_it(stack, other_vpc, kind):
    ec2 = stack.ec2
    if kind == "gateway":
        made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=other_vpc)
    elif kind == "group":
        made = ec2.create_security_group(GroupName="keeps", Description="-", VpcId=other_vpc)["GroupId"]
    else:
        made = ec2.create_route_table(VpcId=other_vpc)["RouteTable"]["RouteTableId"]
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=other_vpc)
    if kind == "gateway":
        with refused("DependencyViolation"):
            ec2.delete_internet_gateway(InternetGatewayId=made)
        ec2.detach_internet_gateway(InternetGatewayId=made, VpcId=other_vpc)
        ec2.delete_internet_gateway(InternetGatewayId=made)
    elif kind == "group":
        ec2.delete_security_group(GroupId=made)
    else:
        ec2.delete_route_table(RouteTableId=made)


def test_subnet_and_group_of_a_machine_stay(stack):
    stack.run()
    with refused("DependencyViolation"):
        stack.ec2.delete_subnet(SubnetId=stack.subnets[0])
    with refused("DependencyViolation"):
        stack.ec2.delete_security_group(GroupId=stack.group)


def test_a_group_that_another_names_stays(stack):
    named = stack.security_group()
    rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": named}]}]
    stack.ec2.authorize_security_group_ingress(GroupId=stack.group, IpPermissions=rule)
    with refused("DependencyViolation"):
        stack.ec2.delete_security_group(GroupId=named)
    stack.ec2.revoke_security_group_ingress(GroupId=stack.group, IpPermissions=rule)
    stack.ec2.delete_security_group(GroupId=named)


def test_the_default_group_cannot_be_deleted(stack):
    filters = [{"Name": "vpc-id", "Values": [stack.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = stack.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    with refused("CannotDelete"):
        stack.ec2.delete_security_group(GroupId=group["GroupId"])


def test_a_group_needs_a_vpc_that_is_there(stack):
    with refused("VPCIdNotSpecified"):
        stack.ec2.create_security_group(GroupName=unique("none"), Description="-")
    with refused("InvalidVpcID.NotFound"):
        stack.ec2.create_security_group(GroupName=unique("none"), Description="-", VpcId="vpc-0123456789abcdef0")


def test_rules_name_groups_of_the_same_network(stack, other_vpc):
    def allow(group):
        rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": group}]}
        stack.ec2.authorize_security_group_ingress(GroupId=stack.group, IpPermissions=[rule])

    with refused("InvalidGroup.NotFound"):
        allow("sg-0123456789abcdef0")
    foreign = stack.ec2.create_security_group(GroupName="foreign", Description="-", VpcId=other_vpc)["GroupId"]
    with refused("InvalidGroup.NotFound", "different networks"):
        allow(foreign)
    stack.ec2.delete_security_group(GroupId=foreign)


def test_a_vpc_has_one_gateway_and_a_gateway_one_vpc(stack, other_vpc):
    ec2 = stack.ec2
    second = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    with refused("InvalidParameterValue", "already has"):
        ec2.attach_internet_gateway(InternetGatewayId=second, VpcId=stack.vpc)
    with refused("Resource.AlreadyAssociated"):
        ec2.attach_internet_gateway(InternetGatewayId=stack.gateway, VpcId=other_vpc)
    ec2.delete_internet_gateway(InternetGatewayId=second)


def test_a_route_needs_a_gateway_of_its_own_network(stack, other_vpc):
    ec2 = stack.ec2
    table = ec2.create_route_table(VpcId=other_vpc)["RouteTable"]["RouteTableId"]
    with refused("InvalidParameterValue", "different networks"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=stack.gateway)
    with refused("InvalidParameterValue", "different networks"):
        ec2.associate_route_table(RouteTableId=table, SubnetId=stack.subnets[0])
    with refused("InvalidInternetGatewayID.NotFound"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId="igw-0123456789abcdef0")
    ec2.delete_route_table(RouteTableId=table)


def test_a_route_table_in_use_stays(stack):
    ec2 = stack.ec2
    table = ec2.create_route_table(VpcId=stack.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=stack.subnets[0])
    with refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=table)
    second = ec2.create_route_table(VpcId=stack.vpc)["RouteTable"]["RouteTableId"]
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_route_table(RouteTableId=second, SubnetId=stack.subnets[0])


def test_an_address_needs_a_way_out(stack):
    instance = stack.running()
    stack.ec2.detach_internet_gateway(InternetGatewayId=stack.gateway, VpcId=stack.vpc)
    address = stack.ec2.allocate_address(Domain="vpc")["AllocationId"]
    with refused("Gateway.NotAttached"):
        stack.ec2.associate_address(AllocationId=address, InstanceId=instance)
    stack.ec2.attach_internet_gateway(InternetGatewayId=stack.gateway, VpcId=stack.vpc)
