"""Stacks under change and failure: what a review says, what a change set does, how a failed creation goes on."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from profiles import store
from profiles.errors import UsageError
from provisioners.aws.kinds import KINDS
from provisioners.blueprint.stacks import STACK
from provisioners.engine.deployment import Deployment
from provisioners.engine.kinds import Observed
from provisioners.engine.operations import launch, prepare_destroy
from provisioners.sandbox import client

from .recorded import mutating, recorded
from .stack import REGION, SECONDS, Stack
from .test_lifecycle import TRUST
from .test_presets import carry_out, review_of

BIGGER = {"database.instance_class": "db.t4g.small"}


def template(**more: Any) -> str:
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.42.0.0/16", "EnableDnsSupport": True, **more}}
    return json.dumps({"Resources": {"Vpc": vpc}})


def networks(stack: Stack) -> list[str]:
    rows = stack.aws.client("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.42.0.0/16"]}])["Vpcs"]
    return [row["VpcId"] for row in rows]


def until_settled(stack: Stack, identity: str) -> Observed:
    end = time.monotonic() + SECONDS
    while (seen := stack.see(STACK, identity)).status == "pending":
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


def test_a_change_set_is_shown_before_it_is_executed_and_an_empty_one_is_no_change(stack: Stack) -> None:
    given = {"StackName": "drucloud-trial", "TemplateBody": template(), "Parameters": {}}
    stack.make("Net", STACK, **given)
    identity, wanted = stack.made["Net"]
    kind: Any = KINDS[STACK]
    assert kind.preview(stack.aws, identity, wanted) == []
    changed = stack.wanted("Net", wanted.type, **{**given, "TemplateBody": template(EnableDnsHostnames=True)})
    (one,) = kind.preview(stack.aws, identity, changed)
    assert (one.action, one.logical_id, one.replaces) == ("Modify", "Vpc", False)
    other = stack.wanted("Net", wanted.type, **{**given, "TemplateBody": template(CidrBlock="10.43.0.0/16")})
    (one,) = kind.preview(stack.aws, identity, other)
    assert one.replaces
    with recorded(stack.aws) as calls:
        kind.change(stack.aws, identity, wanted, frozenset({"TemplateBody"}))
    assert "cloudformation:ExecuteChangeSet" not in mutating(calls)
    kind.change(stack.aws, identity, changed, frozenset({"TemplateBody"}))
    stack.until("ready", wanted.type, identity)
    (vpc,) = networks(stack)
    told = stack.aws.client("ec2").describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert told["EnableDnsHostnames"]["Value"] is True


def test_a_failed_creation_keeps_what_stands_and_goes_on_from_there(stack: Stack) -> None:
    group = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": ["trial-missing"]}}
    body = json.loads(template())
    body["Resources"]["Profile"] = {**group, "DependsOn": "Vpc"}
    given = {"StackName": "drucloud-trial", "TemplateBody": json.dumps(body), "Parameters": {}}
    wanted = stack.wanted("Net", STACK, **given)
    kind: Any = KINDS[STACK]
    identity = kind.create(stack.aws, wanted)
    stack.made["Net"] = (identity, wanted)
    kind.settle(stack.aws, identity, wanted)
    seen = until_settled(stack, identity)
    assert seen.status == "failed" and "Profile" in seen.detail and seen.parts["Vpc"].status == "changed"
    before = networks(stack)

    stack.aws.client("iam").create_role(RoleName="trial-missing", AssumeRolePolicyDocument=json.dumps(TRUST))
    try:
        kind.settle(stack.aws, identity, wanted)
        assert until_settled(stack, identity).status == "ready"
        assert networks(stack) == before
        stack.remove("Net")
    finally:
        stack.aws.client("iam").delete_role(RoleName="trial-missing")


@pytest.mark.slow
def test_a_changed_profile_is_a_change_set_and_the_engine_is_pinned(sandbox: client.Sandbox) -> None:
    profile = store.apply(
        store.load(store.resolve("starter")), {"name": "stacked", "aws.engine": "cloudformation", "aws.region": REGION}
    )
    target = sandbox.target(REGION)
    assert carry_out(review_of(profile, target), "create", target) == "ok"
    state = Deployment(target.deployment("stacked")).state()
    rows = state.steps["Stack1"].children
    assert rows["Database"].status == "changed" and rows["Database"].text.startswith("CREATE_COMPLETE")

    with pytest.raises(UsageError, match="stays with it"):
        review_of(store.apply(profile, {"aws.engine": "direct"}), target)

    review = review_of(store.apply(profile, BIGGER), target)
    (line,) = [line for line in review.plan.lines if line.id == "Stack1"]
    assert line.action == "change" and "Database" in line.reason, line.reason
    assert carry_out(review, "create", target) == "ok"

    other = review_of(store.apply(profile, {"network.cidr": "10.77.0.0/16"}), target)
    assert "Vpc" in next(finding["what"] for finding in other.findings if finding["status"] == "fail")
    with pytest.raises(UsageError, match="replace"):
        launch(other, "create", ["false"])

    gone = prepare_destroy(Deployment(target.deployment("stacked")), target)
    assert carry_out(gone, "destroy", target) == "ok"
    assert sandbox.census() == {}
