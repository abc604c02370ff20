"""Instances are machines: their states, their console, their addresses."""

from __future__ import annotations

import base64

from tests.provisioners.sandbox.api.stack import refused
from tests.provisioners.sandbox.api.waiting import until


def test_states_follow_the_machine(stack, sandbox):
    instance = stack.run()
    assert stack.state(instance) == "pending"
    until(lambda: stack.state(instance) == "running")
    assert sandbox.status()["machines"][instance] == "running"
    stack.ec2.stop_instances(InstanceIds=[instance])
    assert stack.state(instance) == "stopping"
    until(lambda: stack.state(instance) == "stopped")
    assert sandbox.status()["machines"][instance] == "stopped"
    stack.ec2.start_instances(InstanceIds=[instance])
    until(lambda: stack.state(instance) == "running")
    stack.ec2.terminate_instances(InstanceIds=[instance])
    assert stack.state(instance) == "shutting-down"
    until(lambda: stack.state(instance) == "terminated")
    assert instance not in sandbox.status()["machines"]


def test_no_public_address_unless_asked_for(stack):
    assert "PublicIpAddress" not in stack.instance(stack.run())


def test_a_machine_that_does_not_boot_says_why(stack):
    instance = stack.run(UserData="#!/bin/sh\nfail-to-boot")
    until(lambda: stack.state(instance) == "terminated")
    assert "did not boot" in stack.instance(instance)["StateReason"]["Message"]


def test_console_is_the_machine_s_own(stack):
    instance = stack.running()
    output = stack.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]
    assert f"DRUCLOUD-HOSTKEY ssh-ed25519 AAAA{instance}" in output


def test_an_elastic_address_needs_a_running_machine_and_leaves_with_it(stack):
    address = stack.ec2.allocate_address(Domain="vpc")
    instance = stack.run()
    with refused("InvalidInstanceID", "pending"):
        stack.ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=instance)
    until(lambda: stack.state(instance) == "running")
    stack.ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=instance)
    assert stack.instance(instance)["PublicIpAddress"] == address["PublicIp"]
    with refused("InvalidIPAddress.InUse"):
        stack.ec2.release_address(AllocationId=address["AllocationId"])
    with refused("DependencyViolation", "mapped public"):
        stack.ec2.detach_internet_gateway(InternetGatewayId=stack.gateway, VpcId=stack.vpc)
    stack.terminate(instance)
    stack.ec2.release_address(AllocationId=address["AllocationId"])


def test_what_run_instances_refuses(stack):
    with refused("InvalidAMIID.NotFound"):
        stack.run(ImageId="ami-0123456789abcdef0")
    with refused("InvalidParameterValue", "InstanceType"):
        stack.run(InstanceType="t9.huge")
    with refused("InvalidParameterValue", "architecture"):
        stack.run(InstanceType="t3.small")
    with refused("InvalidKeyPair.NotFound"):
        stack.run(KeyName="nobody")
    with refused("InvalidSubnetID.NotFound"):
        stack.run(SubnetId="subnet-0123456789abcdef0")
    with refused("InvalidGroup.NotFound"):
        stack.run(SecurityGroupIds=["sg-0123456789abcdef0"])
    with refused("InvalidParameterValue", "IAM Instance Profile"):
        stack.run(IamInstanceProfile={"Name": "nobody"})
    with refused("InvalidBlockDeviceMapping"):
        stack.run(BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4}}])
    other = stack.ec2.create_vpc(CidrBlock="127.43.0.0/16")["Vpc"]["VpcId"]
    group = stack.ec2.create_security_group(GroupName="other", Description="-", VpcId=other)["GroupId"]
    with refused("InvalidParameter", "different networks"):
        stack.run(SecurityGroupIds=[group])
    stack.ec2.delete_security_group(GroupId=group)
    stack.ec2.delete_vpc(VpcId=other)


def test_user_data_comes_back_as_it_was(stack):
    instance = stack.run(UserData="#!/bin/sh\necho hello\n")
    answer = stack.ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]) == b"#!/bin/sh\necho hello\n"
