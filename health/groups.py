"""The web servers of an Auto Scaling group: which ones there are now, and whether they are as many as it wants.

The journal does not know them: the group makes and ends them by the load.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from health.machines import Standing
from health.report import Finding, Status
from health.services import unreachable
from provisioners.nodes.reach import Machine
from provisioners.target import Target

TYPE = "AWS::AutoScaling::AutoScalingGroup"
_SERVING = "InService"


def members(target: Target, group: str, admin: Machine, settings: Mapping[str, Any]) -> list[Standing]:
    """The group's servers in service, the oldest first; raises ``ReachError``.

    :param admin: the machine through which they are reached.
    :param settings: what they were made with (the golden image's).
    """
    row = _row(target, group)
    ids = [one["InstanceId"] for one in (row or {}).get("Instances", ()) if one["LifecycleState"] == _SERVING]
    if not ids:
        return []
    try:
        reservations = target.aws.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error
    rows = [one for reservation in reservations for one in reservation["Instances"]]
    rows.sort(key=lambda one: (one["LaunchTime"], one["InstanceId"]))
    return [
        Standing("web", "web server" if number == 1 else f"web server {number}", _machine(one, admin), settings)
        for number, one in enumerate(rows, start=1)
    ]


def _machine(row: Mapping[str, Any], admin: Machine) -> Machine:
    return Machine(
        str(row["InstanceId"]), str(row["PrivateIpAddress"]), "", admin.entrance_group,
        via=admin.host_public, via_instance_id=admin.instance_id,
    )  # fmt: skip


def size(target: Target, group: str) -> list[Finding]:
    """Whether as many servers are in service as the group wants."""
    row = _row(target, group)
    if row is None:
        return [_finding(group, "fail", "gone", "The group of web servers is not there.", "Run 'drucloud replay'.", 0)]
    wanted = int(row["DesiredCapacity"])
    serving = sum(one["LifecycleState"] == _SERVING for one in row["Instances"])
    value = f"{serving} of {wanted} (at most {row['MaxSize']})"
    if serving >= wanted and serving:
        full = serving >= int(row["MaxSize"])
        why = "As many as it may have: it cannot grow with the load." if full else "As many web servers as it wants."
        return [_finding(group, "ok", value, why, "", serving)]
    status: Status = "warn" if serving else "fail"
    why = "Web servers are missing: new ones are on their way, or fail to start."
    return [_finding(group, status, value, why, "See the group's activity in the EC2 console.", serving)]


def _row(target: Target, group: str) -> Mapping[str, Any] | None:
    try:
        rows: Sequence[Mapping[str, Any]] = target.aws.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[group]
        )["AutoScalingGroups"]
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error
    return rows[0] if rows else None


def _finding(group: str, status: Status, value: str, why: str, remedy: str, number: float) -> Finding:
    return Finding("group.size", group, status, value, "", why, remedy, time.time(), float(number))
