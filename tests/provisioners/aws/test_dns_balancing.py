"""balancer.kind=dns: its records beside each other and beside those of others, and whole deployments with it."""

from __future__ import annotations

from typing import Any

import pytest

from profiles import store
from profiles.errors import FailedError
from profiles.model import Profile
from provisioners.aws.kinds import KINDS
from provisioners.aws.session import Aws
from provisioners.engine.deployment import Deployment
from provisioners.engine.operations import prepare_destroy
from provisioners.sandbox import client
from provisioners.target import Target

from . import lifecycle_names
from .recorded import mutating, recorded
from .stack import Stack
from .test_changes import change
from .test_presets import REPOSITORY, carry_out, review_of, stand_and_fall
from .test_two_engines import census, destroyed

RECORD, CHECK = "AWS::Route53::RecordSet", "AWS::Route53::HealthCheck"


def zone(aws: Aws, name: str) -> str:
    made = aws.client("route53").create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]
    return str(made["Id"]).removeprefix("/hostedzone/")


def answers(aws: Aws, zone_id: str, name: str) -> dict[str, list[str]]:
    """The addresses of the name, by set identifier."""
    rows = aws.client("route53").list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    return {
        row.get("SetIdentifier", ""): [one["Value"] for one in row["ResourceRecords"]]
        for row in rows
        if row["Name"] == f"{name}." and row["Type"] == "A"
    }


def put(aws: Aws, zone_id: str, **record: Any) -> None:
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    aws.client("route53").change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})


def profile(domain: str, **more: str) -> Profile:
    wanted = {
        "name": "spread",
        "balancer.kind": "dns",
        "web.servers": "2",
        "files.kind": "efs",
        "names.dns": "route53",
        "site.domain": domain,
        "site.repository": REPOSITORY,
    }
    return store.apply(store.load(store.resolve("starter")), {**wanted, **more})


def deployed(wanted: Profile, target: Target) -> None:
    assert carry_out(review_of(wanted, target), "create", target) == "ok"


# -- records -----------------------------------------------------------------------------------------------------------


def test_records_of_several_servers_stand_side_by_side_and_go_one_by_one(stack: Stack) -> None:
    held = zone(stack.aws, "side.test")
    for number in (1, 2):
        checked = stack.make(f"Check{number}", CHECK, **lifecycle_names.check(stack, f"198.18.0.{number}"))["Ref"]
        stack.make(f"Record{number}", RECORD, **lifecycle_names.record(held, "www.side.test", number, checked))
    both = {"drucloud-trial-web": ["198.18.0.1"], "drucloud-trial-web2": ["198.18.0.2"]}
    assert answers(stack.aws, held, "www.side.test") == both
    change(stack, "Record2", ResourceRecords=["198.18.0.7"])
    assert answers(stack.aws, held, "www.side.test") == {**both, "drucloud-trial-web2": ["198.18.0.7"]}
    stack.remove("Record1")
    assert answers(stack.aws, held, "www.side.test") == {"drucloud-trial-web2": ["198.18.0.7"]}


@pytest.mark.parametrize(
    "theirs",
    [{}, {"SetIdentifier": "shop", "MultiValueAnswer": True}, {"SetIdentifier": "drucloud-trial-web-web", "Weight": 1}],
    ids=["the only one", "one of several", "of a deployment whose name begins like ours"],
)
def test_a_name_that_leads_elsewhere_too_is_left_alone(stack: Stack, theirs: dict[str, Any]) -> None:
    name = f"taken-{len(theirs)}-{theirs.get('Weight', 0)}.test"
    held = zone(stack.aws, name)
    put(stack.aws, held, Name=name, Type="A", TTL=60, ResourceRecords=[{"Value": "192.0.2.7"}], **theirs)
    checked = stack.make("Check", CHECK, **lifecycle_names.check(stack))["Ref"]
    wanted = stack.wanted("Record", RECORD, **lifecycle_names.record(held, name, 1, checked))
    assert KINDS[RECORD].find(stack.aws, wanted) is None
    with pytest.raises(FailedError, match="never overwrites"):
        KINDS[RECORD].create(stack.aws, wanted)
    assert list(answers(stack.aws, held, name).values()) == [["192.0.2.7"]]


def test_a_health_check_asks_another_address_without_being_made_anew(stack: Stack) -> None:
    stack.make("Check", CHECK, **lifecycle_names.check(stack))
    (identity, wanted) = stack.made["Check"]
    settings = {**wanted.properties["HealthCheckConfig"], "IPAddress": "198.18.0.10", "FailureThreshold": "5"}
    change(stack, "Check", HealthCheckConfig=settings)
    told = stack.aws.client("route53").get_health_check(HealthCheckId=identity)["HealthCheck"]["HealthCheckConfig"]
    assert (told["IPAddress"], told["FailureThreshold"]) == ("198.18.0.10", 5)
    tags = stack.aws.client("route53").list_tags_for_resource(ResourceType="healthcheck", ResourceId=identity)
    assert {"Key": "drucloud:resource", "Value": "Check"} in tags["ResourceTagSet"]["Tags"]


# -- deployments -------------------------------------------------------------------------------------------------------


def test_it_stands_changes_nothing_when_replayed_and_leaves_nothing(sandbox: client.Sandbox) -> None:
    aws = sandbox.target("us-east-1").aws
    held = zone(aws, "spread.test")
    stand_and_fall(profile("www.spread.test"), sandbox)
    assert answers(aws, held, "www.spread.test") == {}


def test_another_server_is_one_more_record_and_the_way_there_and_back_is_clean(sandbox: client.Sandbox) -> None:
    target = sandbox.target("us-east-1")
    held = zone(target.aws, "grow.test")
    alone = profile("grow.test", **{"balancer.kind": "none", "web.servers": "1"})
    deployed(alone, target)
    assert list(answers(target.aws, held, "grow.test")) == [""]

    with recorded(target.aws) as calls:
        deployed(profile("grow.test"), target)
    assert "route53:CreateHealthCheck" in calls and "ec2:TerminateInstances" not in calls
    assert list(answers(target.aws, held, "grow.test")) == ["drucloud-spread-web", "drucloud-spread-web2"]

    with recorded(target.aws) as calls:
        deployed(profile("grow.test", **{"web.servers": "3"}), target)
    assert [calls[name] for name in ("route53:CreateHealthCheck", "route53:ChangeResourceRecordSets")] == [1, 1]

    deployed(alone, target)
    assert list(answers(target.aws, held, "grow.test")) == [""]
    assert CHECK not in sandbox.census()
    gone = prepare_destroy(Deployment(target.deployment("spread")), target)
    assert carry_out(gone, "destroy", target) == "ok"
    assert sandbox.census() == {}


@pytest.mark.slow
def test_both_engines_end_in_the_same_census(sandbox: client.Sandbox) -> None:
    target = sandbox.target("us-east-1")
    held = zone(target.aws, "engines.test")
    direct = profile("engines.test")
    stacked = store.apply(direct, {"aws.engine": "cloudformation"})
    deployed(stacked, target)
    by_stacks, names = census(sandbox), answers(target.aws, held, "engines.test").keys()
    with recorded(target.aws) as calls:
        deployed(stacked, target)
    assert mutating(calls) == []
    destroyed(stacked, target, sandbox)
    assert answers(target.aws, held, "engines.test") == {}

    deployed(direct, target)
    assert (census(sandbox), answers(target.aws, held, "engines.test").keys()) == (by_stacks, names)
    destroyed(direct, target, sandbox)
