"""Auto Scaling: the group of web servers, and the policy that follows the load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.ec2_instances import Instance
from provisioners.aws.errors import code
from provisioners.aws.permissions import (
    REQUEST_TAG,
    ROLES,
    TO_EC2,
    Need,
    Phase,
    anywhere,
    ec2,
    on,
    service_linked,
    tagged,
)
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind, NamedKind, by_ids
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list, physical_name
from provisioners.engine.kinds import Observed, Wanted
from provisioners.foreign_text import clean_line

_SERVICE = "autoscaling"
_SETTLED = frozenset({"Tags"})
_REFRESHING = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})

REFRESH = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "SkipMatching": True}
"""A new server is healthy before an old one goes; one that is of the new image already stays."""

FAILED_LAUNCHES = 3
"""So many launches that fail in a row are a reason to tell; one may be IAM's own delay."""


_GROUPS = ("arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/drucloud-{name}-*",)

_NEW = tuple(map(ec2, ("instance", "volume", "network-interface", "subnet", "security-group", "key-pair")))
_IMAGES = ("arn:{partition}:ec2:{region}::image/*", ec2("image"))


def _launching(phase: Phase, beside: str) -> tuple[Need, ...]:
    """Who gives a group its launch template must be allowed to launch from it (EC2 Auto Scaling user guide)."""
    return (
        Need("ec2:RunInstances", phase, (*_NEW, ec2("launch-template")), beside=beside),
        Need("ec2:RunInstances", phase, _IMAGES, beside=beside),
        Need("iam:PassRole", phase, ROLES, TO_EC2, beside=beside),
    )


class AutoScalingGroup(NamedKind):
    """``AWS::AutoScaling::AutoScalingGroup``; identity is its name.

    It is ready when as many servers as it wants are in service and healthy, also for the load balancer, and all of them
    are of its present launch template. Attributes beyond CloudFormation's, for our own steps: ``FirstInstanceId`` and
    ``FirstPrivateIp``, the server that has been there longest.
    """

    type = "AWS::AutoScaling::AutoScalingGroup"
    poll_seconds = 5.0
    expected_seconds = 90.0
    name_property, name_limit = "AutoScalingGroupName", 255
    mutable = frozenset(
        {
            "DefaultInstanceWarmup",
            "HealthCheckGracePeriod",
            "HealthCheckType",
            "LaunchTemplate",
            "MaxSize",
            "MinSize",
            "VPCZoneIdentifier",
        }
    )
    needs = (
        Need("autoscaling:CreateAutoScalingGroup", "deploy", _GROUPS, REQUEST_TAG),
        *on(_GROUPS, "deploy", "autoscaling:CreateOrUpdateTags", beside="autoscaling:CreateAutoScalingGroup"),
        *_launching("deploy", "autoscaling:CreateAutoScalingGroup"),
        *_launching("change", "autoscaling:UpdateAutoScalingGroup"),
        *service_linked("autoscaling", "AWSServiceRoleForAutoScaling", "autoscaling:CreateAutoScalingGroup"),
        *anywhere("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeInstanceRefreshes"),
        *anywhere("ec2:DescribeInstances"),
        *anywhere("elasticloadbalancing:DescribeTargetHealth", given="TargetGroupARNs"),
        *anywhere("autoscaling:DescribeScalingActivities"),
        *tagged(_GROUPS, "change", "autoscaling:UpdateAutoScalingGroup", "autoscaling:StartInstanceRefresh"),
        *tagged(_GROUPS, "destroy", "autoscaling:DeleteAutoScalingGroup"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it under its name, with the tags, which its servers get too."""
        client = aws.client(_SERVICE, creating=True)
        properties = {**_flat(wanted.properties), self.name_property: self.name(wanted)}
        values = arguments(client, "CreateAutoScalingGroup", properties, without=_SETTLED)
        tags = [{**pair, "PropagateAtLaunch": True} for pair in as_list(wanted)]
        client.create_auto_scaling_group(**values, Tags=tags)
        return self.name(wanted)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is one."""
        return name if _groups(aws, [name]) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags it carries."""
        (row,) = _groups(aws, [identity])
        return as_dict(row["Tags"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call for the groups, and some for each: its servers, their health, a refresh under way."""
        there = [str(row["AutoScalingGroupName"]) for row in _groups(aws, identities)]
        refreshes = {name: _newest_refresh(aws, name) for name in there}
        # only now: who serves is worth something when it is asked after the refresh was seen to be over
        rows = {str(row["AutoScalingGroupName"]): row for row in _groups(aws, identities)}
        return {one: _seen(aws, rows[one], refreshes.get(one, {})) if one in rows else ABSENT for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Update it; when its servers are to be made of something else, replace them one after the other."""
        client = aws.client(_SERVICE)
        given = {name: value for name, value in _flat(wanted.properties).items() if name in changed}
        client.update_auto_scaling_group(
            **arguments(client, "UpdateAutoScalingGroup", given), AutoScalingGroupName=identity
        )
        if "LaunchTemplate" in changed:
            client.start_instance_refresh(AutoScalingGroupName=identity, Strategy="Rolling", Preferences=REFRESH)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with its servers; what is being deleted already is left to it."""
        rows = _groups(aws, [identity])
        if rows and not rows[0].get("Status"):
            aws.client(_SERVICE).delete_auto_scaling_group(AutoScalingGroupName=identity, ForceDelete=True)


def _flat(properties: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation lists subnets; the API wants them in one string."""
    subnets = properties.get("VPCZoneIdentifier")
    return {**properties, "VPCZoneIdentifier": ",".join(subnets)} if subnets else dict(properties)


def _groups(aws: Aws, names: Sequence[str]) -> list[dict[str, Any]]:
    pages = aws.client(_SERVICE).get_paginator("describe_auto_scaling_groups").paginate(AutoScalingGroupNames=names)
    return [row for page in pages for row in page["AutoScalingGroups"]]


def _seen(aws: Aws, row: Mapping[str, Any], refresh: Mapping[str, Any]) -> Observed:
    name = str(row["AutoScalingGroupName"])
    if row.get("Status"):  # set only while it is being deleted
        return Observed("pending", detail=str(row["Status"]).lower())
    if refresh.get("Status") in _REFRESHING:
        return Observed("pending", detail=f"replacing servers, {refresh.get('PercentageComplete', 0)} %")
    if refresh.get("Status") == "Failed" and not _all_of_its_template(row):
        return Observed("failed", detail=clean_line(str(refresh.get("StatusReason", "replacing servers failed"))))
    serving = _healthy(aws, row)
    count = int(row["DesiredCapacity"])
    if len(serving) < count:
        if failure := _launch_failure(aws, name):
            return Observed("failed", detail=failure)
        return Observed("pending", detail=f"{len(serving)} of {count} servers healthy")
    return Observed("ready", _attributes(aws, row, serving))


def _all_of_its_template(row: Mapping[str, Any]) -> bool:
    """Whether every server is of the version that the group names now."""
    wanted = row.get("LaunchTemplate", {}).get("Version")
    return all(one.get("LaunchTemplate", {}).get("Version") == wanted for one in row.get("Instances", ()))


def _healthy(aws: Aws, row: Mapping[str, Any]) -> list[str]:
    """Instances that are in service, and healthy for every target group."""
    serving = {
        str(one["InstanceId"])
        for one in row.get("Instances", ())
        if one["LifecycleState"] == "InService" and one["HealthStatus"] == "Healthy"
    }
    for group in row.get("TargetGroupARNs", ()):
        if serving:
            told = aws.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            serving &= {str(one["Target"]["Id"]) for one in told if one["TargetHealth"]["State"] == "healthy"}
    return sorted(serving)


def _attributes(aws: Aws, row: Mapping[str, Any], serving: Sequence[str]) -> dict[str, Any]:
    name = row["AutoScalingGroupName"]
    machines = Instance().rows(aws, by_ids(Instance.id_filter, serving)) if serving else []
    known = {"Ref": name, "AutoScalingGroupARN": row["AutoScalingGroupARN"]}
    if not machines:
        return known
    first = min(machines, key=lambda one: (str(one["LaunchTime"]), one["InstanceId"]))
    return {**known, "FirstInstanceId": first["InstanceId"], "FirstPrivateIp": first["PrivateIpAddress"]}


def _newest_refresh(aws: Aws, name: str) -> Mapping[str, Any]:
    """The newest instance refresh; AWS lists them newest first, and forgets them after six weeks."""
    try:
        told = aws.client(_SERVICE).describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)
    except ClientError as error:
        if code(error) != "ValidationError":  # its words for a group that has just gone
            raise
        return {}
    rows: list[dict[str, Any]] = told["InstanceRefreshes"]
    return rows[0] if rows else {}


def _launch_failure(aws: Aws, name: str) -> str:
    """What AWS says when launches fail again and again; newest first."""
    told = aws.client(_SERVICE).describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=FAILED_LAUNCHES)
    rows = told["Activities"]
    if len(rows) < FAILED_LAUNCHES or any(row["StatusCode"] != "Failed" for row in rows):
        return ""
    return clean_line(str(rows[0].get("StatusMessage", "launching servers fails")))


class ScalingPolicy(Kind):
    """``AWS::AutoScaling::ScalingPolicy``; identity and ``Ref`` are its ARN. Its alarms come and go with it."""

    type = "AWS::AutoScaling::ScalingPolicy"
    mutable = frozenset({"TargetTrackingConfiguration", "EstimatedInstanceWarmup"})
    needs = (
        *tagged(_GROUPS, "deploy", "autoscaling:PutScalingPolicy"),
        *anywhere("autoscaling:DescribePolicies"),
        *tagged(_GROUPS, "change", "autoscaling:PutScalingPolicy"),
        *tagged(_GROUPS, "destroy", "autoscaling:DeletePolicy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Put it under a name of its own; the same again changes nothing."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(client, "PutScalingPolicy", wanted.properties)
        return str(client.put_scaling_policy(**values, PolicyName=physical_name(wanted, 255))["PolicyARN"])

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its name, which holds the intent's token."""
        group = str(wanted.properties["AutoScalingGroupName"])
        name = physical_name(wanted, 255)
        found = [row for row in _policies(aws, group) if row["PolicyName"] == name]
        return str(found[0]["PolicyARN"]) if found else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing; it has no states."""
        known = {str(row["PolicyARN"]): row for row in _policies(aws)}
        return {
            one: Observed("ready", {"Ref": one, "PolicyName": known[one]["PolicyName"]}) if one in known else ABSENT
            for one in identities
        }

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put it again."""
        self.make(aws, wanted)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; gone with its group is gone."""
        if self.observe(aws, [identity])[identity].status != "absent":
            aws.client(_SERVICE).delete_policy(PolicyName=identity)


def _policies(aws: Aws, group: str = "") -> list[dict[str, Any]]:
    chosen = {"AutoScalingGroupName": group} if group else {}
    try:
        pages = aws.client(_SERVICE).get_paginator("describe_policies").paginate(**chosen)
        return [row for page in pages for row in page["ScalingPolicies"]]
    except ClientError as error:
        if code(error) == "ValidationError" and group:  # the group is gone
            return []
        raise
