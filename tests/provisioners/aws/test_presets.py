"""Every preset, planned, deployed, planned again and destroyed by the engine against the strict API: nothing is left.

The steps that need machines are played; every AWS resource is really asked of the API.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from profiles import store
from profiles.errors import FailedError
from profiles.model import Profile
from provisioners.aws import lookups, policy, preflight
from provisioners.aws.kinds import KINDS
from provisioners.blueprint.build import for_engine, whole
from provisioners.blueprint.graph import Blueprint
from provisioners.engine.cost import estimate
from provisioners.engine.deployment import Deployment
from provisioners.engine.journal import Journal
from provisioners.engine.kinds import Child, StepContext, StepResult
from provisioners.engine.operations import Review, Sources, prepare, prepare_destroy
from provisioners.engine.request import Request
from provisioners.engine.run import run
from provisioners.engine.stop import Stop
from provisioners.nodes.apply import Applied
from provisioners.nodes.golden import ImageStep
from provisioners.nodes.steps import node_settings
from provisioners.sandbox import client
from provisioners.target import Target

from .recorded import FREE, mutating, recorded
from .stack import Stack

SOURCES = Sources(
    lookups.resolve, for_engine, lambda made, region: estimate(whole(made), region), preflight.check, store.dumps
)


class Played:
    """A step that has nothing to do."""

    expected_seconds = 0.0

    def __init__(self, type_name: str) -> None:
        self.type = type_name

    def children(self, properties: Any) -> list[Child]:
        return []

    async def run(self, context: StepContext) -> StepResult:
        return StepResult(changed=False)

    async def undo(self, context: StepContext) -> None:
        pass


REPOSITORY = "git@github.com:example/site.git"
"""Of a known server, and never asked: this sandbox serves no Git."""


def nothing_to_do(*_: Any) -> Applied:
    """A converge of a machine that is only played."""
    return Applied({})


STEPS = {
    **{name: Played(name) for name in ("Drucloud::Node", "Drucloud::Site", "Drucloud::Check")},
    "Drucloud::Image": ImageStep(nothing_to_do, node_settings, lambda context: "0" * 40),
}


def carry_out(review: Review, verb: Any, target: Target) -> str:
    deployment = review.deployment
    deployment.folder.mkdir(parents=True, exist_ok=True)
    request = Request(verb, deployment.id, target.mode, review.profile_text, review.template, review.plan)
    with Journal.open(deployment.journal_path) as journal:
        outcome = asyncio.run(
            run(request, target, KINDS, STEPS, journal=journal, folder=deployment.folder, stop=Stop())
        )
    return str(outcome)


def review_of(profile: Profile, target: Target) -> Review:
    return prepare(profile, target, KINDS, STEPS, sources=SOURCES)


@pytest.mark.parametrize("name", store.presets())
def test_a_preset_stands_changes_nothing_when_replayed_and_leaves_nothing(name: str, sandbox: client.Sandbox) -> None:
    profile = store.load(store.resolve(name))
    stand_and_fall(profile, sandbox)


@pytest.mark.parametrize(("cdn", "region"), [("none", "us-east-1"), ("cloudfront", "eu-central-1")])
def test_a_domain_gets_its_certificates_and_records_and_all_go_again(
    cdn: str, region: str, sandbox: client.Sandbox
) -> None:
    route53 = sandbox.target("us-east-1").aws.client("route53")
    zone = route53.create_hosted_zone(Name=f"{cdn}.test", CallerReference=cdn)["HostedZone"]["Id"]
    answers = {"names.dns": "route53", "site.domain": f"www.{cdn}.test", "edge.cdn": cdn, "aws.region": region}
    stand_and_fall(store.apply(store.load(store.resolve("standard")), answers), sandbox)
    kept = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert {row["Type"] for row in kept if row["Name"].startswith("www.")} == set()


def test_a_record_of_somebody_else_is_never_overwritten(sandbox: client.Sandbox) -> None:
    target = sandbox.target("us-east-1")
    route53 = target.aws.client("route53")
    zone = route53.create_hosted_zone(Name="taken.test", CallerReference="taken")["HostedZone"]["Id"]
    theirs = {"Name": "taken.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.7"}]}
    change = {"Action": "CREATE", "ResourceRecordSet": theirs}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    wanted = Stack(target.aws).wanted(
        "Name", "AWS::Route53::RecordSet",
        HostedZoneId=zone.removeprefix("/hostedzone/"), Name="taken.test", Type="A",
        TTL="300", ResourceRecords=["192.0.2.1"],
    )  # fmt: skip
    assert KINDS[wanted.type].find(target.aws, wanted) is None
    with pytest.raises(FailedError, match="never overwrites"):
        KINDS[wanted.type].create(target.aws, wanted)
    rows = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [row["ResourceRecords"] for row in rows if row["Type"] == "A"] == [[{"Value": "192.0.2.7"}]]


def stand_and_fall(profile: Profile, sandbox: client.Sandbox) -> None:
    """Deploy, replay, destroy: nothing is left, the replay changes nothing, and the calls are those of the policy."""
    target = sandbox.target(profile.aws.region)
    profile = store.apply(profile, {"site.repository": REPOSITORY})
    with recorded(target.aws) as calls:
        review = review_of(profile, target)
        assert [finding for finding in review.findings if finding["status"] == "fail"] == []
        assert carry_out(review, "create", target) == "ok"
    with recorded(target.aws) as second:
        again = review_of(profile, target)
        assert {line.action for line in again.plan.lines} == {"keep", "verify"}, [
            (line.id, line.action, line.reason) for line in again.plan.lines if line.action not in ("keep", "verify")
        ]
        assert carry_out(again, "create", target) == "ok"
    assert mutating(second) == []

    fill_buckets(target)
    with recorded(target.aws) as last:
        gone = prepare_destroy(Deployment(target.deployment(profile.name)), target)
        assert carry_out(gone, "destroy", target) == "ok"
    assert sandbox.census() == {}
    needs = policy.needs(Blueprint(review.template), frozenset({"deploy", "read", "destroy"}))
    needed = {need.action for need in needs if not need.beside}
    made = {*calls, *second, *last} - FREE
    assert made <= needed
    # what the preflight asks depends on what it finds (a quota that is set is not asked for its default) and on where
    # it is: nobody delegates a domain to the sandbox
    looking = [*policy.LOOKING, *(need for more in policy.LOOKING_FOR.values() for need in more)]
    assert needed - {need.action for need in looking} <= made


def fill_buckets(target: Target) -> None:
    """Something in every bucket, so that destroying has to empty it: an object, and an upload that never ended."""
    s3 = target.aws.client("s3")
    for row in s3.list_buckets()["Buckets"]:
        s3.put_object(Bucket=row["Name"], Key="files/a.txt", Body=b"a")
        s3.create_multipart_upload(Bucket=row["Name"], Key="files/b.bin")
