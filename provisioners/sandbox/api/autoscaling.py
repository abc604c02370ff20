"""Auto Scaling groups whose servers are machines: launched from the template, in service once they run, replaced.

moto launches everything in the first subnet, in service at once, without key, role and tags. Here the subnets take
turns, a server is ``Pending`` until its machine runs, registers with the target groups then, and a machine that does
not boot is a failed activity and launched again. Not played: load (nobody measures it, so no policy ever scales), and
that servers are replaced which the load balancer finds unhealthy.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState, autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from provisioners.sandbox.api import balancers
from provisioners.sandbox.api.extend import Call, Refused, around, before, computed
from provisioners.sandbox.api.instances import follow
from provisioners.sandbox.api.world import ACCOUNT, World

_GIVE_UP = 5
"""So many launches that fail in a row: AWS, too, stops to launch then for a while."""


@before("autoscaling", "CreateAutoScalingGroup", "UpdateAutoScalingGroup")
def _sound(_: World, call: Call) -> None:
    name, backend = call.get("AutoScalingGroupName"), call.response.autoscaling_backend
    known = backend.autoscaling_groups.get(name)
    if call.action == "CreateAutoScalingGroup" and known is not None:
        raise Refused("AlreadyExists", f"AutoScalingGroup by this name already exists - A group with the name {name}")
    least, most = (int(call.get(which, getattr(known, attribute, 0) or 0)) for which, attribute in _SIZES)
    if least > most:
        raise Refused("ValidationError", f"Min bound, {least}, must be less than or equal to max bound, {most}")
    _places(call)
    if template := call.get("LaunchTemplate"):
        _template(call, template)


_SIZES = (("MinSize", "min_size"), ("MaxSize", "max_size"))


def _places(call: Call) -> None:
    ec2 = ec2_backends[call.account][call.region]
    subnets = [one for one in str(call.get("VPCZoneIdentifier", "")).split(",") if one]
    known = {subnet.id for zone in ec2.subnets.values() for subnet in zone.values()}
    if unknown := set(subnets) - known:
        raise Refused("ValidationError", f"The subnet ID '{sorted(unknown)[0]}' does not exist")
    groups = elbv2_backends[call.account][call.region].target_groups
    for arn in call.get("TargetGroupARNs", []):
        if arn not in groups:
            raise Refused("ValidationError", f"Provided Target Groups may not be valid: {arn}")


def _template(call: Call, template: dict[str, Any]) -> None:
    ec2 = ec2_backends[call.account][call.region]
    found = ec2.launch_templates.get(template.get("LaunchTemplateId", ""))
    number = str(template.get("Version", "$Default"))
    if found is None or (number.isdigit() and not 1 <= int(number) <= len(found.versions)):
        raise Refused("ValidationError", "You must use a valid fully-formed launch template.")
    image = ec2.amis.get(found.get_version(number).image_id)
    if image is None:
        raise Refused(
            "ValidationError",
            "You must use a valid fully-formed launch template. The image id "
            f"'[{found.get_version(number).image_id}]' does not exist",
        )


# -- servers come ----------------------------------------------------------------------------------------------------


@around(FakeAutoScalingGroup, "active_instances")
def _active(_: World, original: Callable[[], Any], group: Any) -> list[Any]:
    """A server that boots counts: or each look at the group would launch another."""
    return [one for one in group.instance_states if one.lifecycle_state in ("Pending", "InService")]


@around(FakeAutoScalingGroup, "replace_autoscaling_group_instances")
def _launch(_: World, original: Callable[..., Any], group: Any, count_needed: int, tags: dict[str, str]) -> None:
    for _number in range(count_needed):
        _launch_one(group, {**tags, "aws:autoscaling:groupName": group.name})


def _launch_one(group: Any, tags: dict[str, str]) -> None:
    version = group.ec2_launch_template.get_version(group.launch_template_version)
    data = version.data
    (card,) = data.get("NetworkInterfaces") or [{}]
    told = data.get("UserData")
    reservation = group.ec2_backend.run_instances(
        version.image_id,
        1,
        Base64EncodedString(str(told)) if told else None,
        [],
        instance_type=version.instance_type,
        is_instance_type_default=False,
        region_name=group.region,
        key_name=data.get("KeyName"),
        security_group_ids=list(card.get("Groups") or data.get("SecurityGroupIds", [])),
        subnet_id=_subnet(group),
        associate_public_ip=str(card.get("AssociatePublicIpAddress", False)).lower() == "true",
        block_device_mappings=data.get("BlockDeviceMappings", []),
        metadata_options=data.get("MetadataOptions", {}),
        tags={"instance": {**version.instance_tags, **tags}, "volume": tags},
    )
    (instance,) = reservation.instances
    if profile := data.get("IamInstanceProfile", {}).get("Name"):
        group.ec2_backend.associate_iam_instance_profile(instance.id, iam_instance_profile_name=profile)
    instance.autoscaling_group = group
    instance.drucloud_template = {
        "LaunchTemplateId": version.template.id,
        "LaunchTemplateName": version.template.name,
        "Version": str(version.number),
    }
    state = InstanceState(instance, protected_from_scale_in=group.new_instances_protected_from_scale_in)
    state.lifecycle_state = "Pending"
    group.instance_states.append(state)


def _subnet(group: Any) -> str:
    """The subnet with the fewest servers."""
    used = Counter(one.instance.subnet_id for one in group.instance_states)
    subnets: list[str] = group.vpc_zone_identifier.split(",")
    return min(subnets, key=lambda subnet: used[subnet])


@computed(InstanceState, "launch_template")
def _launched_from(original: Callable[[Any], Any], state: Any) -> Any:
    return getattr(state.instance, "drucloud_template", None) or original(state)


@around(AutoScalingBackend, "update_attached_target_groups")
def _register(_: World, original: Callable[..., Any], backend: Any, group_name: str) -> None:
    """Servers that run; moto registers those that boot, too, and stumbles over them."""
    group = backend.autoscaling_groups[group_name]
    elb = elbv2_backends[ACCOUNT][group.region]
    serving = [one.instance for one in group.instance_states if one.instance.state == "running"]
    for arn in group.target_group_arns:
        targets = elb.target_groups[arn]
        fresh = [one for one in serving if one.id not in targets.targets]
        if fresh:
            elb.register_targets(arn, [{"Id": one.id, "Port": targets.port} for one in fresh])


# -- servers change --------------------------------------------------------------------------------------------------


@follow
def _follow(world: World, instance: Any) -> None:
    """A server runs now, or is terminated now."""
    group = getattr(instance, "autoscaling_group", None)
    if group is None:
        return
    backend = autoscaling_backends[ACCOUNT][group.region]
    if instance.state == "running":
        _note(group, instance, "Successful")
        for state in group.instance_states:
            if state.instance is instance:
                state.lifecycle_state = "InService"
        backend.update_attached_target_groups(group.name)
        return
    reason = getattr(instance, "drucloud_failure", "")
    _leave(world, group, instance)
    if reason:
        _note(group, instance, "Failed", reason)
    if getattr(group, "status", ""):
        if not _left(group):
            backend.autoscaling_groups.pop(group.name, None)
    elif reason and not _hopeless(group):
        group.set_desired_capacity(group.desired_capacity)


def _left(group: Any) -> bool:
    """Whether a server of the group is not terminated yet."""
    everything = ec2_backends[ACCOUNT][group.region].all_instances()
    return any(getattr(one, "autoscaling_group", None) is group and one.state != "terminated" for one in everything)


def _leave(world: World, group: Any, instance: Any) -> None:
    """No traffic any more, and no member."""
    group.instance_states = [one for one in group.instance_states if one.instance is not instance]
    elb = elbv2_backends[ACCOUNT][group.region]
    for arn in group.target_group_arns:
        targets = elb.target_groups.get(arn)
        if targets is not None and instance.id in targets.targets:
            elb.deregister_targets(arn, [{"Id": instance.id}])
    balancers.lead(world)


def _note(group: Any, instance: Any, status: str, reason: str = "") -> None:
    """One more scaling activity, newest first."""
    activity = {
        "ActivityId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Description": f"Launching a new EC2 instance: {instance.id}",
        "Cause": "An instance was started in response to a difference between desired and actual capacity.",
        "StartTime": instance.launch_time,
        "EndTime": utcnow(),
        "StatusCode": status,
        "StatusMessage": reason,
        "Progress": 100,
    }
    group.drucloud_activities = [activity, *getattr(group, "drucloud_activities", [])]


def _hopeless(group: Any) -> bool:
    newest = group.drucloud_activities[:_GIVE_UP]
    return len(newest) == _GIVE_UP and all(one["StatusCode"] == "Failed" for one in newest)


@around(AutoScalingResponse, "describe_scaling_activities")
def _activities(_: World, original: Callable[[], Any], response: Any) -> Any:
    group = response.autoscaling_backend.autoscaling_groups.get(response._get_param("AutoScalingGroupName"))
    rows = getattr(group, "drucloud_activities", [])
    return ActionResult({"Activities": rows[: response._get_int_param("MaxRecords", 100)]})


@around(AutoScalingBackend, "delete_auto_scaling_group")
def _delete(_: World, original: Callable[..., Any], backend: Any, group_name: str) -> None:
    """Gone when its servers are."""
    group = backend.autoscaling_groups.get(group_name)
    if group is None:
        raise Refused("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found")
    group.status = "Delete in progress"
    servers = [one.instance.id for one in group.instance_states]
    backend.policies = {key: one for key, one in backend.policies.items() if one.auto_scaling_group_name != group_name}
    if servers:
        backend.ec2_backend.terminate_instances(servers)
    elif not _left(group):
        backend.autoscaling_groups.pop(group_name)


@before("autoscaling", "DeleteAutoScalingGroup")
def _empty_or_forced(_: World, call: Call) -> None:
    group = call.response.autoscaling_backend.autoscaling_groups.get(call.get("AutoScalingGroupName"))
    if group is None:
        return
    if getattr(group, "status", ""):
        raise Refused("ScalingActivityInProgress", f"You cannot delete {group.name}: it is being deleted already.")
    if group.instance_states and str(call.get("ForceDelete", False)).lower() != "true":
        raise Refused(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still "
            "in the group.",
        )


@around(AutoScalingBackend, "delete_policy")
def _delete_policy(_: World, original: Callable[..., Any], backend: Any, group_name: str) -> None:
    """By name or ARN; moto knows the name only (its argument's name is a slip)."""
    backend.policies = {key: one for key, one in backend.policies.items() if group_name not in (one.name, one.arn)}


@around(AutoScalingResponse, "put_scaling_policy")
def _put_policy(_: World, original: Callable[[], Any], response: Any) -> Any:
    """Moto takes a policy of no group, and answers with a member of another name."""
    group = response._get_param("AutoScalingGroupName")
    if group not in response.autoscaling_backend.autoscaling_groups:
        raise Refused("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{group}' not found")
    return ActionResult({"PolicyARN": original()._result["PolicyArn"]})
