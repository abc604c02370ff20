"""Machine images of our own: a builder instance is run, stopped, imaged and terminated; images go with their snapshots.

None of this is a resource of the graph: CloudFormation has no word for it. Everything is found again by its tags, so
that a step that was killed goes on where it was, and makes nothing twice.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import ROLES, TO_EC2, Need, anywhere, ec2_makes, ec2_uses
from provisioners.aws.requests import arguments
from provisioners.aws.resource import by_ids, ec2_rows
from provisioners.aws.session import Aws
from provisioners.foreign_text import clean_line

DEPLOYMENT, RESOURCE, IMAGE = "drucloud:deployment", "drucloud:resource", "drucloud:image"
"""Tags: whose it is, which step made it, and what is in it (the image's key)."""

NEEDS = (
    *ec2_makes(
        "ec2:RunInstances", "instance", "volume", "network-interface", of=("subnet", "security-group", "key-pair")
    ),
    Need("ec2:RunInstances", "deploy", ("arn:{partition}:ec2:{region}::image/*",)),
    Need("iam:PassRole", "deploy", ROLES, TO_EC2, beside="ec2:RunInstances"),
    ec2_uses("ec2:StopInstances", "instance", phase="deploy"),
    *ec2_makes("ec2:CreateImage", "image", "snapshot", of=("instance",)),
    ec2_uses("ec2:TerminateInstances", "instance", phase="deploy"),
    *anywhere("ec2:DescribeImages", "ec2:DescribeInstances"),
    ec2_uses("ec2:DeregisterImage", "image", phase="change"),
    ec2_uses("ec2:DeleteSnapshot", "snapshot", phase="change"),
    ec2_uses("ec2:DeregisterImage", "image", phase="destroy"),
    ec2_uses("ec2:DeleteSnapshot", "snapshot", phase="destroy"),
    *anywhere("ec2:DescribeSnapshots", phase="destroy"),
)
"""What making an image asks of IAM."""

_GONE = ("shutting-down", "terminated")


@dataclass(frozen=True)
class Image:
    """One image: its id, its key, EC2's word for its state, and why it failed if it did."""

    id: str
    key: str
    state: str
    created: str
    reason: str = ""
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owner:
    """Whose images they are: a deployment's step."""

    deployment: str
    logical_id: str

    @property
    def filters(self) -> list[dict[str, Any]]:
        """EC2 filters that only what is theirs passes."""
        return [
            {"Name": f"tag:{DEPLOYMENT}", "Values": [self.deployment]},
            {"Name": f"tag:{RESOURCE}", "Values": [self.logical_id]},
        ]

    def tags(self, key: str) -> list[dict[str, str]]:
        """Tags for what is made with the image's ``key``."""
        pairs = {
            "Name": f"{self.deployment} {self.logical_id}",
            DEPLOYMENT: self.deployment,
            RESOURCE: self.logical_id,
            IMAGE: key,
        }
        return [{"Key": name, "Value": value} for name, value in pairs.items()]


def images(aws: Aws, owner: Owner) -> list[Image]:
    """All images of ``owner``, newest first."""
    pages = aws.client("ec2").get_paginator("describe_images").paginate(Owners=["self"], Filters=owner.filters)
    rows = [_image(row) for page in pages for row in page["Images"]]
    return sorted(rows, key=lambda image: image.created, reverse=True)


def _image(row: Mapping[str, Any]) -> Image:
    disks = [mapping.get("Ebs", {}) for mapping in row.get("BlockDeviceMappings", ())]
    tags = {pair["Key"]: pair["Value"] for pair in row.get("Tags", ())}
    return Image(
        str(row["ImageId"]),
        tags.get(IMAGE, ""),
        str(row["State"]),
        str(row.get("CreationDate", "")),
        clean_line(str(row.get("StateReason", {}).get("Message", ""))),
        tuple(str(disk["SnapshotId"]) for disk in disks if disk.get("SnapshotId")),
    )


def builders(aws: Aws, owner: Owner) -> dict[str, dict[str, Any]]:
    """Builder instances of ``owner`` that are not terminated, by id."""
    groups = ec2_rows(aws, "describe_instances", "Reservations", owner.filters)
    rows = [row for group in groups for row in group["Instances"]]
    return {str(row["InstanceId"]): row for row in rows if row["State"]["Name"] not in _GONE}


def state_of(aws: Aws, instance_id: str) -> Mapping[str, Any]:
    """An instance as EC2 describes it; an empty mapping where EC2 does not (or not yet) know it."""
    groups = ec2_rows(aws, "describe_instances", "Reservations", by_ids("instance-id", [instance_id]))
    rows: list[dict[str, Any]] = [row for group in groups for row in group["Instances"]]
    return rows[0] if rows else {}


def run_builder(aws: Aws, owner: Owner, key: str, wanted: Mapping[str, Any], token: str) -> str:
    """Run the builder; its id. ``wanted`` is in the words of a launch template, with an image and a subnet."""
    client = aws.client("ec2", creating=True)
    values = dict(wanted)
    if "UserData" in values:  # botocore encodes it itself
        values["UserData"] = base64.b64decode(values["UserData"], validate=True).decode()
    kinds = ("instance", "volume", "network-interface")
    made = client.run_instances(
        **arguments(client, "RunInstances", values),
        MinCount=1,
        MaxCount=1,
        ClientToken=token,
        TagSpecifications=[{"ResourceType": kind, "Tags": owner.tags(key)} for kind in kinds],
    )
    return str(made["Instances"][0]["InstanceId"])


def create(aws: Aws, owner: Owner, key: str, instance_id: str) -> None:
    """Begin to make the image of a stopped builder; one of this name that is there already is it."""
    kinds = ("image", "snapshot")
    try:
        aws.client("ec2", creating=True).create_image(
            InstanceId=instance_id,
            Name=f"drucloud-{owner.deployment}-{key}",
            Description=f"Web server of {owner.deployment}, made by drucloud",
            TagSpecifications=[{"ResourceType": kind, "Tags": owner.tags(key)} for kind in kinds],
        )
    except ClientError as error:
        if classify(error) != "exists":
            raise


def stop(aws: Aws, instance_id: str) -> None:
    """Ask an instance to shut down."""
    aws.client("ec2").stop_instances(InstanceIds=[instance_id])


def terminate(aws: Aws, instance_id: str) -> None:
    """Terminate an instance."""
    aws.client("ec2").terminate_instances(InstanceIds=[instance_id])


def remove(aws: Aws, image: Image) -> None:
    """Deregister an image and delete its snapshots, which EC2 would keep and bill."""
    client = aws.client("ec2")
    _unless_gone(client.deregister_image, ImageId=image.id)
    for snapshot in image.snapshots:
        _unless_gone(client.delete_snapshot, SnapshotId=snapshot)


def remove_snapshots(aws: Aws, owner: Owner) -> None:
    """Delete snapshots that a killed :func:`remove` left."""
    pages = aws.client("ec2").get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=owner.filters)
    for snapshot in [str(row["SnapshotId"]) for page in pages for row in page["Snapshots"]]:
        _unless_gone(aws.client("ec2").delete_snapshot, SnapshotId=snapshot)


def _unless_gone(call: Any, **values: str) -> None:
    try:
        call(**values)
    except ClientError as error:
        if classify(error) != "gone":
            raise
