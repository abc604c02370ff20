"""The choices about machines and their way out, each deployed, replayed and destroyed against the strict API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from profiles import store
from profiles.model import Profile
from provisioners.sandbox import client

from . import cases_compute as cases
from . import test_lifecycle as lifecycle
from .stack import Stack
from .test_changes import change
from .test_presets import stand_and_fall


def profile(**answers: str) -> Profile:
    return store.apply(Profile(), {key.replace("__", "."): value for key, value in answers.items()})


@pytest.mark.slow
def test_the_admin_node_is_the_way_out(sandbox: client.Sandbox) -> None:
    stand_and_fall(profile(network__egress="admin", balancer__kind="alb", web__servers="2"), sandbox)


AUTO = {"web__scaling": "auto", "balancer__kind": "alb", "web__servers": "2", "web__servers_at_most": "3"}


@pytest.mark.parametrize("egress", ["public", pytest.param("nat", marks=pytest.mark.slow)])
def test_a_group_from_a_golden_image_stands_and_nothing_of_it_is_left(egress: str, sandbox: client.Sandbox) -> None:
    stand_and_fall(profile(network__egress=egress, **AUTO), sandbox)


def servers(stack: Stack) -> dict[str, str]:
    """Version of the launch template by server in service."""
    (row,) = stack.aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {one["InstanceId"]: one["LaunchTemplate"]["Version"] for one in row["Instances"]}


def test_another_image_replaces_the_servers_and_the_same_one_does_not(stack: Stack) -> None:
    server = lifecycle._instance(stack)
    stack.make("Servers", cases.GROUP, **cases.group(stack, server))
    old = servers(stack)
    assert set(old.values()) == {"1"} and len(old) == 2
    zones = stack.aws.client("ec2").describe_instances(InstanceIds=list(old))["Reservations"]
    assert {row["Instances"][0]["SubnetId"] for row in zones} == {stack.made[f"Subnet{letter}"][0] for letter in "AB"}

    data = stack.made["Template"][1].properties["LaunchTemplateData"]
    for _ in range(2):  # a repeated call makes no third version
        change(stack, "Template", LaunchTemplateData={**data, "UserData": "IyEvYmluL3NoCg=="})
    assert stack.see(cases.TEMPLATE, stack.made["Template"][0]).attributes["LatestVersionNumber"] == "2"

    template = {"LaunchTemplateId": stack.made["Template"][0], "Version": "2"}
    change(stack, "Servers", LaunchTemplate=template)
    new = servers(stack)
    assert set(new.values()) == {"2"} and not set(new) & set(old)
    first = stack.see(cases.GROUP, stack.made["Servers"][0]).attributes["FirstInstanceId"]
    assert first in new, "never one that is gone"
    change(stack, "Servers", LaunchTemplate=template)
    assert servers(stack) == new


def test_a_server_that_is_terminated_is_replaced_and_leaves_the_target_group(stack: Stack) -> None:
    made = stack.make("Servers", cases.GROUP, **cases.group(stack, lifecycle._instance(stack)))
    gone = made["FirstInstanceId"]
    stack.aws.client("ec2").terminate_instances(InstanceIds=[gone])
    stack.until("ready", cases.GROUP, made["Ref"])
    assert gone not in servers(stack) and len(servers(stack)) == 2
    health = stack.aws.client("elbv2").describe_target_health(TargetGroupArn=stack.made["Targets"][0])
    assert gone not in {one["Target"]["Id"] for one in health["TargetHealthDescriptions"]}


def test_what_auto_scaling_refuses_is_refused(stack: Stack) -> None:
    wanted = cases.group(stack, lifecycle._instance(stack))
    name = stack.make("Servers", cases.GROUP, **wanted)["Ref"]
    client = stack.aws.client("autoscaling", creating=True)
    template = wanted["LaunchTemplate"]
    new = {"MinSize": 1, "MaxSize": 1, "LaunchTemplate": template, "VPCZoneIdentifier": stack.made["SubnetA"][0]}

    def refused(call: Any, **given: Any) -> str:
        with pytest.raises(ClientError) as error:
            call(**given)
        return str(error.value.response["Error"]["Code"])

    create = client.create_auto_scaling_group
    assert refused(create, AutoScalingGroupName=name, **new) == "AlreadyExists"
    assert refused(create, AutoScalingGroupName="x", **{**new, "MinSize": 2}) == "ValidationError"
    assert refused(create, AutoScalingGroupName="x", **{**new, "VPCZoneIdentifier": "subnet-1"}) == "ValidationError"
    no_such = {**template, "Version": "7"}
    assert refused(create, AutoScalingGroupName="x", **{**new, "LaunchTemplate": no_such}) == "ValidationError"
    assert refused(client.delete_auto_scaling_group, AutoScalingGroupName=name) == "ResourceInUse"
