"""Lifecycle cases of volumes and file systems."""

from __future__ import annotations

from typing import Any

from provisioners.aws import offers

from .case import Case
from .stack import REGION, Stack


def volume(stack: Stack) -> dict[str, Any]:
    return {"AvailabilityZone": f"{REGION}a", "Size": 20, "VolumeType": "gp3", "Encrypted": True}


def _attachment(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    machine = stack.make(
        "Machine", "AWS::EC2::Instance", ImageId=offers.debian_image(stack.aws, "arm64"), InstanceType="t4g.small",
        SubnetId=net["SubnetA"], SecurityGroupIds=[net["Group"]],
    )["Ref"]  # fmt: skip
    made = stack.make("Volume", "AWS::EC2::Volume", **volume(stack))["Ref"]
    return {"VolumeId": made, "InstanceId": machine, "Device": "/dev/sdf"}


def system(stack: Stack) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "elasticfilesystem:ClientMount"}
    return {
        "Encrypted": True,
        "ThroughputMode": "elastic",
        "LifecyclePolicies": [{"TransitionToIA": "AFTER_30_DAYS"}],
        "BackupPolicy": {"Status": "DISABLED"},
        "FileSystemPolicy": {"Version": "2012-10-17", "Statement": [statement]},
    }


def _target(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    made = stack.make("System", "AWS::EFS::FileSystem", **system(stack))["Ref"]
    return {"FileSystemId": made, "SubnetId": net["SubnetA"], "SecurityGroups": [net["Group"]]}


CASES = [
    Case("AWS::EC2::Volume", volume, ("Ref",)),
    Case("AWS::EC2::VolumeAttachment", _attachment, ("Ref",)),
    Case("AWS::EFS::FileSystem", system, ("Ref", "Arn"), "efs"),
    Case("AWS::EFS::MountTarget", _target, ("Ref", "IpAddress"), "efs"),
]
