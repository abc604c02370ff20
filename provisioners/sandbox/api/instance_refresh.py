"""Instance refresh: the servers of an Auto Scaling group are replaced one after the other; moto has none.

A new server has to be healthy, for the load balancer too, before an old one goes (``MinHealthyPercentage`` 100).
Source: "Start an instance refresh", Amazon EC2 Auto Scaling API Reference.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.elbv2.models import elbv2_backends

from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import ACCOUNT, World

_PAUSE = 0.1
_UNDER_WAY = ("Pending", "InProgress", "Cancelling")


@before("autoscaling", "StartInstanceRefresh")
def _one_at_a_time(_: World, call: Call) -> None:
    group = _group(call.response)
    if any(one["Status"] in _UNDER_WAY for one in getattr(group, "drucloud_refreshes", [])):
        raise Refused(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )


def _group(response: Any) -> Any:
    name = response._get_param("AutoScalingGroupName")
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise Refused("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


@around(AutoScalingResponse, "start_instance_refresh")
def _start(world: World, _: Callable[..., Any] | None, response: Any) -> Any:
    group = _group(response)
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "StartTime": utcnow(),
        "PercentageComplete": 0,
    }
    group.drucloud_refreshes = [refresh, *getattr(group, "drucloud_refreshes", [])]
    threading.Thread(target=_replace_all, args=(world, group, refresh), name="refresh", daemon=True).start()
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


@around(AutoScalingResponse, "describe_instance_refreshes")
def _describe(_: World, __: Callable[..., Any] | None, response: Any) -> Any:
    rows = getattr(_group(response), "drucloud_refreshes", [])
    return ActionResult({"InstanceRefreshes": rows[: response._get_int_param("MaxRecords", 50)]})


def _replace_all(world: World, group: Any, refresh: dict[str, Any]) -> None:
    """In a thread of its own; the lock is held only to look and to ask."""
    with world.lock:
        refresh["Status"] = "InProgress"
        old = [one.instance for one in group.instance_states if not _matches(group, one)]
    for done, instance in enumerate(old, 1):
        with world.lock:
            group.replace_autoscaling_group_instances(1, group.get_propagated_tags())
            wanted = group.desired_capacity + 1
        while not _healthy(world, group, wanted):
            if getattr(group, "status", ""):  # the group is being deleted
                refresh["Status"] = "Cancelled"
                return
            time.sleep(_PAUSE)
        with world.lock:
            group.ec2_backend.terminate_instances([instance.id])
            group.instance_states = [one for one in group.instance_states if one.instance is not instance]
        refresh["PercentageComplete"] = 100 * done // len(old)
    refresh |= {"Status": "Successful", "PercentageComplete": 100, "EndTime": utcnow()}


def _matches(group: Any, state: Any) -> bool:
    """Whether the server is of the group's present template."""
    version = group.ec2_launch_template.get_version(group.launch_template_version)
    told = state.launch_template
    return (told["LaunchTemplateId"], told["Version"]) == (version.template.id, str(version.number))


def _healthy(world: World, group: Any, wanted: int) -> bool:
    with world.lock:
        serving = [one.instance for one in group.instance_states if one.lifecycle_state == "InService"]
        elb = elbv2_backends[ACCOUNT][group.region]
        for arn in group.target_group_arns:
            targets = elb.target_groups[arn]
            asked = [targets.health_for({"Id": one.id}, group.ec2_backend) for one in serving]
            serving = [one for one, seen in zip(serving, asked, strict=True) if seen.status == "healthy"]
        return len(serving) >= wanted
