"""Refuses to create over what is not there or stands elsewhere, with AWS's own error codes (EC2).

Sources: "Error codes for the Amazon EC2 API" and each operation's reference.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.iam.models import iam_backends

from provisioners.sandbox.api.extend import Call, Refused, before
from provisioners.sandbox.api.images import ROOT_GIB
from provisioners.sandbox.api.world import PARTITION, World


@before("ec2", "RunInstances")
def _image_and_type(_: World, call: Call) -> None:
    ec2 = call.response.ec2_backend
    image_id = str(call.get("ImageId", ""))
    image = ec2.amis.get(image_id)
    if image is None:
        raise Refused("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    kind = str(call.get("InstanceType", "m1.small"))
    offered = {offer["InstanceType"] for offer in INSTANCE_TYPE_OFFERINGS["region"].get(call.region, [])}
    if kind not in offered:
        raise Refused("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    supported = ec2.describe_instance_types([kind])[0]["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in supported:
        raise Refused(
            "InvalidParameterValue",
            f"The architecture '{','.join(supported)}' of the specified instance type does not match the architecture "
            f"'{image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again.",
        )


@before("ec2", "RunInstances")
def _key_and_profile(_: World, call: Call) -> None:
    key = call.get("KeyName")
    if key and key not in call.response.ec2_backend.key_pairs:
        raise Refused("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    name, arn = call.get("IamInstanceProfile.Name"), call.get("IamInstanceProfile.Arn")
    profiles = iam_backends[call.account][PARTITION].instance_profiles.values()
    if name and not any(profile.name == name for profile in profiles):
        raise Refused(
            "InvalidParameterValue",
            f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        )
    if arn and not any(profile.arn == arn for profile in profiles):
        raise Refused(
            "InvalidParameterValue",
            f"Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN",
        )


@before("ec2", "RunInstances")
def _place(_: World, call: Call) -> None:
    nics = call.get("NetworkInterfaces", [])
    subnet_id = call.get("SubnetId") or next((nic["SubnetId"] for nic in nics if "SubnetId" in nic), None)
    if not subnet_id:
        raise (
            Refused("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
            if call.response.ec2_backend.get_default_vpc()
            else Refused(
                "VPCIdNotSpecified", "No default VPC for this user. GroupName is only supported for default VPC."
            )
        )
    subnet = call.response.ec2_backend.get_subnet(subnet_id)
    groups = [*call.get("SecurityGroupIds", []), *(name for nic in nics for name in nic.get("Groups", []))]
    for group_id in groups:
        group = _group(call, group_id)
        if group.vpc_id != subnet.vpc_id:
            raise Refused(
                "InvalidParameter",
                f"Security group {group_id} and subnet {subnet_id} belong to different networks.",
            )


@before("ec2", "RunInstances")
def _root_volume(_: World, call: Call) -> None:
    for mapping in call.get("BlockDeviceMappings", []):
        size = mapping.get("Ebs", {}).get("VolumeSize")
        if size is not None and mapping.get("DeviceName") == "/dev/xvda" and int(size) < ROOT_GIB:
            raise Refused(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than the image's snapshot, expect size>= {ROOT_GIB}GB",
            )


def same_network(table: Any, other: str, vpc_id: str) -> None:
    """Refuse a route table together with something that is not in its VPC.

    :param other: what it is, in EC2's words.
    :param vpc_id: where it is; empty for nowhere.
    """
    if vpc_id != table.vpc_id:
        raise Refused("InvalidParameterValue", f"route table {table.id} and {other} belong to different networks")


@before("ec2", "CreateRoute", "ReplaceRoute")
def _gateway_attached(_: World, call: Call) -> None:
    gateway_id = str(call.get("GatewayId", ""))
    if not gateway_id.startswith("igw-"):
        return
    ec2 = call.response.ec2_backend
    table = ec2.get_route_table(call.get("RouteTableId"))
    gateway = ec2.get_internet_gateway(gateway_id)
    same_network(table, f"network gateway {gateway_id}", gateway.vpc.id if gateway.vpc else "")


@before("ec2", "CreateRoute", "ReplaceRoute")
def _instance_that_can_pass_on(_: World, call: Call) -> None:
    instance_id = call.get("InstanceId")
    if not instance_id:
        return
    ec2 = call.response.ec2_backend
    instance, table = ec2.get_instance(instance_id), ec2.get_route_table(call.get("RouteTableId"))
    same_network(table, f"instance {instance_id}", instance.vpc_id)
    if instance.state not in ("running", "stopped", "pending"):
        raise Refused("IncorrectInstanceState", f"The instance {instance_id} is {instance.state}.")


@before("ec2", "AttachInternetGateway")
def _one_gateway_a_vpc(_: World, call: Call) -> None:
    ec2, vpc_id = call.response.ec2_backend, call.get("VpcId")
    ec2.get_vpc(vpc_id)
    gateway_id = call.get("InternetGatewayId")
    gateway = ec2.get_internet_gateway(gateway_id)
    if gateway.vpc is not None:
        raise Refused(
            "Resource.AlreadyAssociated",
            f"resource {gateway_id} is already attached to network {gateway.vpc.id}",
        )
    if any(other.vpc is not None and other.vpc.id == vpc_id for other in ec2.internet_gateways.values()):
        raise Refused("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")


@before("ec2", "AssociateRouteTable")
def _same_vpc(_: World, call: Call) -> None:
    ec2 = call.response.ec2_backend
    table = ec2.get_route_table(call.get("RouteTableId"))
    subnet = ec2.get_subnet(call.get("SubnetId"))
    same_network(table, f"subnet {subnet.id}", subnet.vpc_id)
    for other in ec2.route_tables.values():
        if other.id != table.id and subnet.id in other._associations.values():
            raise Refused(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {table.id} conflicts with an existing association",
            )


@before(
    "ec2",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
)
def _known_sources(_: World, call: Call) -> None:
    group = _group(call, call.get("GroupId"))
    for permission in call.get("IpPermissions", []):
        for pair in permission.get("UserIdGroupPairs", []):
            if "GroupId" in pair and _group(call, pair["GroupId"]).vpc_id != group.vpc_id:
                raise Refused(
                    "InvalidGroup.NotFound",
                    f"You have specified two resources that belong to different networks: {group.id}",
                )


@before("ec2", "AssociateAddress")
def _reachable(_: World, call: Call) -> None:
    instance_id = call.get("InstanceId")
    if not instance_id:
        return
    ec2 = call.response.ec2_backend
    instance = ec2.get_instance(instance_id)
    if instance.state not in ("running", "stopped"):
        raise Refused(
            "InvalidInstanceID",
            f"The {instance.state} instance '{instance_id}' is not in a valid state for this operation.",
        )
    if not any(
        gateway.vpc is not None and gateway.vpc.id == instance.vpc_id for gateway in ec2.internet_gateways.values()
    ):
        raise Refused("Gateway.NotAttached", f"Network {instance.vpc_id} is not attached to any internet gateway")


@before("ec2", "CreateNetworkInterface")
def _interface_groups(_: World, call: Call) -> None:
    subnet = call.response.ec2_backend.get_subnet(call.get("SubnetId"))
    for group_id in call.get("Groups", []):
        if _group(call, group_id).vpc_id != subnet.vpc_id:
            raise Refused(
                "InvalidParameter", f"Security group {group_id} and subnet {subnet.id} belong to different networks."
            )


def _group(call: Call, group_id: Any) -> Any:
    group = call.response.ec2_backend.get_security_group_from_id(group_id)
    if group is None:
        raise Refused("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    return group
