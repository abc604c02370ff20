"""A small network in the sandbox's API, for tests to build on."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest

from tests.provisioners.sandbox.api.waiting import until

_numbers = itertools.count(1)


@contextlib.contextmanager
def refused(code: str, words: str = "") -> Iterator[None]:
    """The call inside is refused with AWS's error ``code``."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert words in error["Message"], error


def unique(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


class Stack:
    """A VPC with a gateway, two subnets in two zones, a security group, a key pair and Debian's image.

    Addresses are loopback ones (127.42.0.0/16): the in-memory host's machines dial from them.
    """

    def __init__(self, aws: Any, region: str) -> None:
        self.ec2 = ec2 = aws("ec2")
        self.ssm = aws("ssm")
        self.vpc = ec2.create_vpc(CidrBlock="127.42.0.0/16")["Vpc"]["VpcId"]
        until(lambda: ec2.describe_vpcs(VpcIds=[self.vpc])["Vpcs"][0]["State"] == "available")
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"127.42.{number}.0/24", AvailabilityZone=region + zone)[
                "Subnet"
            ]["SubnetId"]
            for number, zone in ((0, "a"), (1, "b"))
        ]
        self.group = self.security_group()
        self.key = unique("key")
        self.public_key = (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ0tNF8n2P5L2sDT/3wkEvKxIK0w3H9PVn0JZV7xQ0S test@example"
        )
        ec2.import_key_pair(KeyName=self.key, PublicKeyMaterial=self.public_key.encode())
        self.image = self.image_of("arm64")

    def image_of(self, architecture: str) -> str:
        name = f"/aws/service/debian/release/13/latest/{architecture}"
        return str(self.ssm.get_parameter(Name=name)["Parameter"]["Value"])

    def security_group(self) -> str:
        name = unique("group")
        return str(self.ec2.create_security_group(GroupName=name, Description="-", VpcId=self.vpc)["GroupId"])

    def run(self, **more: Any) -> str:
        wanted = {
            "ImageId": self.image,
            "InstanceType": "t4g.small",
            "KeyName": self.key,
            "SubnetId": self.subnets[0],
            "SecurityGroupIds": [self.group],
            "MinCount": 1,
            "MaxCount": 1,
            **more,
        }
        return str(self.ec2.run_instances(**wanted)["Instances"][0]["InstanceId"])

    def instance(self, instance_id: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return dict(found["Reservations"][0]["Instances"][0])

    def state(self, instance_id: str) -> str:
        return str(self.instance(instance_id)["State"]["Name"])

    def running(self, **more: Any) -> str:
        instance_id = self.run(**more)
        until(lambda: self.state(instance_id) == "running")
        return instance_id

    def terminate(self, *instance_ids: str) -> None:
        self.ec2.terminate_instances(InstanceIds=list(instance_ids))
        for instance_id in instance_ids:
            until(lambda name=instance_id: self.state(name) == "terminated")  # type: ignore[misc]

    def close(self) -> None:
        """Everything away, in the order AWS wants it: proves that nothing is left tied to anything."""
        ec2 = self.ec2
        by_vpc = [{"Name": "vpc-id", "Values": [self.vpc]}]
        held = [
            one["InstanceId"]
            for reservation in ec2.describe_instances(Filters=by_vpc)["Reservations"]
            for one in reservation["Instances"]
            if one["State"]["Name"] != "terminated"
        ]
        if held:
            self.terminate(*held)
        for address in ec2.describe_addresses()["Addresses"]:
            ec2.release_address(AllocationId=address["AllocationId"])
        for table in ec2.describe_route_tables(Filters=by_vpc)["RouteTables"]:
            main = any(one.get("Main") for one in table["Associations"])
            if not main:
                for one in table["Associations"]:
                    ec2.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
                ec2.delete_route_table(RouteTableId=table["RouteTableId"])
        for subnet in self.subnets:
            ec2.delete_subnet(SubnetId=subnet)
        groups = [
            group
            for group in ec2.describe_security_groups(Filters=by_vpc)["SecurityGroups"]
            if group["GroupName"] != "default"
        ]
        for group in groups:
            if group["IpPermissions"]:
                ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        for group in groups:
            ec2.delete_security_group(GroupId=group["GroupId"])
        ec2.detach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        ec2.delete_internet_gateway(InternetGatewayId=self.gateway)
        ec2.delete_vpc(VpcId=self.vpc)
        ec2.delete_key_pair(KeyName=self.key)
