"""The same token gives the same thing; with other parameters it is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.provisioners.sandbox.api.stack import refused
from tests.provisioners.sandbox.api.waiting import until


def test_run_instances_twice_is_one_machine(stack):
    first = stack.run(ClientToken="t1")
    assert stack.run(ClientToken="t1") == first
    assert stack.run(ClientToken="t2") != first
    with refused("IdempotentParameterMismatch"):
        stack.run(ClientToken="t1", InstanceType="t4g.micro")


def test_the_same_token_side_by_side_is_one_machine(stack):
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda _: stack.run(ClientToken="side"), range(6)))) == 1


def test_a_refused_call_does_not_use_its_token_up(stack):
    with refused("InvalidKeyPair.NotFound"):
        stack.run(ClientToken="t9", KeyName="nobody")
    assert stack.run(ClientToken="t9").startswith("i-")


def test_route_table(stack):
    def make(vpc, token):
        return stack.ec2.create_route_table(VpcId=vpc, ClientToken=token)["RouteTable"]["RouteTableId"]

    first = make(stack.vpc, "rt")
    assert make(stack.vpc, "rt") == first
    assert make(stack.vpc, "other") != first
    with refused("IdempotentParameterMismatch"):
        make("vpc-0123456789abcdef0", "rt")


def test_volume(stack):
    def make(size, token):
        zone = "eu-central-1a"
        return stack.ec2.create_volume(AvailabilityZone=zone, Size=size, ClientToken=token)["VolumeId"]

    first = make(8, "v")
    assert make(8, "v") == first
    with refused("IdempotentParameterMismatch"):
        make(9, "v")
    stack.ec2.delete_volume(VolumeId=first)


def test_nat_gateway(stack):
    address = stack.ec2.allocate_address(Domain="vpc")["AllocationId"]

    def make(subnet):
        answer = stack.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken="n")
        return answer["NatGateway"]["NatGatewayId"]

    first = make(stack.subnets[0])
    assert make(stack.subnets[0]) == first
    with refused("IdempotentParameterMismatch"):
        make(stack.subnets[1])
    stack.ec2.delete_nat_gateway(NatGatewayId=first)
    until(lambda: gateway(stack, first)["State"] == "deleted")


def gateway(stack, name):
    return stack.ec2.describe_nat_gateways(NatGatewayIds=[name])["NatGateways"][0]


def test_network_interface(stack):
    def make(**more):
        answer = stack.ec2.create_network_interface(SubnetId=stack.subnets[0], ClientToken="e", **more)
        return answer["NetworkInterface"]["NetworkInterfaceId"]

    first = make()
    assert make() == first
    with refused("IdempotentParameterMismatch"):
        make(Description="other")
    stack.ec2.delete_network_interface(NetworkInterfaceId=first)
