"""EBS volumes that outlive their machine, and their attachment."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from profiles.errors import FailedError
from provisioners.aws.permissions import IN_REGION, REQUEST_TAG, RESOURCE_TAG, Need, anywhere, ec2, ec2_makes, ec2_uses
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Ec2Kind, Kind, by_ids, ec2_rows
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_specification
from provisioners.engine.kinds import Observed, Status, Wanted

STOP_SECONDS = 300.0
"""How long a machine may take to shut down before its volume is taken from it."""


class Volume(Ec2Kind):
    """``AWS::EC2::Volume``. With policy ``Snapshot`` a last snapshot of it is kept."""

    type = "AWS::EC2::Volume"
    expected_seconds = 5.0
    resource, id_key, id_filter = "volume", "VolumeId", "volume-id"
    listing = ("describe_volumes", "Volumes")
    mutable = frozenset({"Iops", "Size", "Throughput", "VolumeType"})
    needs = (
        *ec2_makes("ec2:CreateVolume", "volume"),
        *anywhere("ec2:DescribeVolumes"),
        ec2_uses("ec2:ModifyVolume", "volume", phase="change"),
        # only where the profile keeps data: a last snapshot before the volume goes
        Need("ec2:DescribeSnapshots", "destroy", condition=IN_REGION, beside="ec2:DeleteVolume"),
        Need("ec2:CreateSnapshot", "destroy", (ec2("volume"),), RESOURCE_TAG, beside="ec2:DeleteVolume"),
        Need("ec2:CreateSnapshot", "destroy", (ec2("snapshot"),), REQUEST_TAG, beside="ec2:DeleteVolume"),
        Need(
            "ec2:CreateTags",
            "destroy",
            (ec2("snapshot"),),
            {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
            beside="ec2:DeleteVolume",
        ),
        ec2_uses("ec2:DeleteVolume", "volume", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "CreateVolume", wanted.properties, without=frozenset({"Tags"}))
        made = client.create_volume(
            **values, ClientToken=wanted.token, TagSpecifications=as_specification(wanted, "volume")
        )
        return str(made["VolumeId"])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """In one call; EBS makes volumes larger, never smaller."""
        client = aws.client("ec2")
        properties = {name: wanted.properties[name] for name in changed}
        client.modify_volume(VolumeId=identity, **arguments(client, "ModifyVolume", properties))

    def alive(self, row: Mapping[str, Any]) -> bool:
        """One that is being deleted must not be adopted."""
        return row["State"] not in ("deleting", "deleted")

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when it can be attached, or is."""
        states: dict[str, Status] = {"available": "ready", "in-use": "ready", "error": "failed", "deleted": "absent"}
        state = str(row["State"])
        attributes = {"Ref": row["VolumeId"], "VolumeId": row["VolumeId"]}
        return Observed(states.get(state, "pending"), attributes, "" if states.get(state) == "ready" else state)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; with policy ``Snapshot`` after a snapshot that carries its tags, with ``Retain`` not at all."""
        if policy == "Retain":
            return
        client = aws.client("ec2")
        if policy == "Snapshot" and not self._kept(aws, identity):
            _snapshot(aws, identity)
        client.delete_volume(VolumeId=identity)

    def _kept(self, aws: Aws, identity: str) -> bool:
        """Whether an earlier try took the last snapshot."""
        wanted = [{"Name": "volume-id", "Values": [identity]}, {"Name": "tag-key", "Values": [_LAST]}]
        pages = aws.client("ec2").get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=wanted)
        return any(page["Snapshots"] for page in pages)


_LAST = "drucloud:last-of"
"""Tag of the snapshot that is kept of a volume; its value is the volume's id."""


def _snapshot(aws: Aws, volume: str) -> None:
    """EBS copies what the volume holds at this moment; the volume may go at once."""
    client = aws.client("ec2")
    (row,) = client.describe_volumes(VolumeIds=[volume])["Volumes"]
    tags = [tag for tag in row.get("Tags", ()) if not tag["Key"].startswith("aws:")]
    client.create_snapshot(
        VolumeId=volume,
        Description=f"Last state of {volume}",
        TagSpecifications=[
            {"ResourceType": "snapshot", "Tags": [*tags, {"Key": _LAST, "Value": volume}]},
        ],
    )


class VolumeAttachment(Kind):
    """``AWS::EC2::VolumeAttachment``; identity ``volume|instance``."""

    type = "AWS::EC2::VolumeAttachment"
    expected_seconds = 5.0
    needs = (
        ec2_uses("ec2:AttachVolume", "instance", "volume", phase="deploy"),
        *anywhere("ec2:DescribeVolumes"),
        *anywhere("ec2:DescribeInstances", phase="destroy"),
        ec2_uses("ec2:StopInstances", "instance", phase="destroy"),
        ec2_uses("ec2:DetachVolume", "instance", "volume", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Attach it: a volume is attached to one machine, which makes the call safe to repeat."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "AttachVolume", wanted.properties)
        client.attach_volume(**values)
        return f"{values['VolumeId']}|{values['InstanceId']}"

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its two ends."""
        identity = f"{wanted.properties['VolumeId']}|{wanted.properties['InstanceId']}"
        return identity if _attachments(aws, [identity]) else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call for all."""
        states = _attachments(aws, identities)
        return {one: _attachment(one, states[one]) if one in states else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Shut the machine down first: a mounted volume is not let go, or not in one piece."""
        volume, instance = identity.split("|")
        if identity in _attachments(aws, [identity]):
            _shut_down(aws, instance)
            aws.client("ec2").detach_volume(VolumeId=volume, InstanceId=instance)


def _attachments(aws: Aws, identities: Sequence[str]) -> dict[str, str]:
    """State of each attachment that there is."""
    rows = ec2_rows(aws, "describe_volumes", "Volumes", by_ids("volume-id", [one.split("|")[0] for one in identities]))
    found = {
        f"{row['VolumeId']}|{held['InstanceId']}": str(held["State"]) for row in rows for held in row["Attachments"]
    }
    return {one: found[one] for one in identities if found.get(one, "detached") != "detached"}


def _attachment(identity: str, state: str) -> Observed:
    return Observed("ready", {"Ref": identity}) if state == "attached" else Observed("pending", detail=state)


def _shut_down(aws: Aws, instance: str) -> None:
    client = aws.client("ec2")
    end = time.monotonic() + STOP_SECONDS
    asked = False
    while time.monotonic() < end:
        rows = ec2_rows(aws, "describe_instances", "Reservations", by_ids("instance-id", [instance]))
        states = {machine["State"]["Name"] for row in rows for machine in row["Instances"]}
        if not states - {"stopped", "terminated"}:
            return
        if not asked and states & {"running", "pending"}:
            client.stop_instances(InstanceIds=[instance])
            asked = True
        time.sleep(2.0)
    raise FailedError(f"{instance} does not shut down, so its volume stays with it.", "Stop it in EC2, then go on.")
