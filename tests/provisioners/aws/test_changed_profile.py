"""A changed profile says before what it replaces or interrupts, and makes only the calls it needs: they are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from profiles import store
from profiles.errors import UsageError
from profiles.model import Profile
from provisioners.aws import lookups
from provisioners.aws.kinds import KINDS
from provisioners.blueprint.build import build
from provisioners.engine import operations
from provisioners.engine.deployment import Deployment
from provisioners.engine.kinds import Wanted
from provisioners.engine.operations import Review, prepare_destroy
from provisioners.sandbox import client
from provisioners.target import Target

from .test_presets import STEPS, carry_out, review_of

pytestmark = pytest.mark.slow

READING = ("Describe", "Get", "List", "Head", "Simulate")
PROFILE = store.apply(
    store.load(store.resolve("standard")),
    {"name": "changing", "web.instance_class": "m7g.large", "edge.cdn": "cloudfront", "monitoring.budget": "none"},
)


class Counted:
    """A target whose successful mutating calls are counted, whichever client makes them."""

    def __init__(self, sandbox: client.Sandbox) -> None:
        self.target: Target = sandbox.target(PROFILE.aws.region)
        self.calls: Counter[str] = Counter()
        self.profile = PROFILE
        self.target.aws.session.events.register("after-call", self._count)

    def _count(self, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code < 300 and not model.name.startswith(READING):
            self.calls[model.name] += 1

    def review(self, profile: Profile) -> Review:
        return review_of(profile, self.target)

    def apply(self, review: Review) -> Counter[str]:
        self.calls.clear()
        assert carry_out(review, "create", self.target) == "ok"
        return Counter(self.calls)


@pytest.fixture(scope="module")
def standing(sandbox: client.Sandbox) -> Iterator[Counted]:
    counted = Counted(sandbox)
    assert counted.apply(counted.review(PROFILE))
    yield counted
    gone = prepare_destroy(Deployment(counted.target.deployment(PROFILE.name)), counted.target)
    assert carry_out(gone, "destroy", counted.target) == "ok"
    assert sandbox.census() == {}


def changes(review: Review) -> dict[str, tuple[str, str]]:
    return {
        line.id: (line.action, line.interrupts) for line in review.plan.lines if line.action not in ("keep", "verify")
    }


def test_an_unchanged_profile_makes_no_mutating_call(standing: Counted) -> None:
    again = standing.review(standing.profile)
    assert changes(again) == {}
    assert standing.apply(again) == Counter()


@pytest.mark.parametrize(
    ("answers", "lines", "calls"),
    [
        ({"cache.micro_cache_seconds": "300"}, {}, {}),
        (
            {"web.instance_class": "m7g.xlarge"},
            {name: "stops and starts it, away for a minute or two" for name in ("WebServer", "Web2Server")},
            {"StopInstances": 2, "ModifyInstanceAttribute": 2, "StartInstances": 2},
        ),
        (
            {"database.instance_class": "db.t4g.large"},
            {"Database": "fails over to its standby, away for a minute or two"},
            {"ModifyDBInstance": 1},
        ),
        (
            {"database.multi_az": "no", "database.instance_class": "db.t4g.xlarge"},
            {"Database": "restarts it on another machine, away for several minutes"},
            {"ModifyDBInstance": 1},
        ),
        (
            {"database.storage_gib": "60"},
            {"Database": "", "DatabaseFull": ""},
            {"ModifyDBInstance": 1, "PutMetricAlarm": 1},
        ),
        (
            {"cache.nodes": "3"},
            {"Cache": "its keys are spread anew, so a part of the cache is cold for some minutes"},
            {"ModifyCacheCluster": 1},
        ),
        (
            {"cache.nodes": "1"},
            {"Cache": "its keys are spread anew, so a part of the cache is cold for some minutes"},
            {"ModifyCacheCluster": 1},
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_a_change_in_place(
    standing: Counted, answers: dict[str, str], lines: dict[str, str], calls: dict[str, int]
) -> None:
    wish = store.apply(standing.profile, answers)
    review = standing.review(wish)
    assert changes(review) == {name: ("change", interrupts) for name, interrupts in lines.items()}
    assert not any(line.destructive for line in review.plan.lines)
    for line in review.plan.lines:
        if line.interrupts:
            assert line.interrupts in line.reason, "every display shows the reason"
    assert standing.apply(review) == Counter(calls)
    standing.profile = wish
    assert changes(standing.review(wish)) == {}, "what was asked for stands"


def test_another_node_class_makes_the_cache_anew_without_leave_for_it_holds_nothing(standing: Counted) -> None:
    review = standing.review(store.apply(standing.profile, {"cache.node_class": "cache.t4g.small"}))
    assert changes(review)["Cache"][0] == "replace"
    assert not review.plan.by_id["Cache"].destructive
    assert "it is away until the new one stands" in review.plan.by_id["Cache"].reason


def test_what_replaces_data_needs_leave_of_its_own(standing: Counted) -> None:
    wish = store.apply(standing.profile, {"web.instance_class": "m7i.large"})  # another architecture: another image
    review = operations.prepare(
        wish, standing.target, KINDS, STEPS,
        sources=operations.Sources(
            lambda profile, target, pinned, refresh: lookups.resolve(profile, target, {}, True),
            build, lambda *_: _NO_PRICES, lambda *_: [], store.dumps,
        ),
    )  # fmt: skip
    replaced = {line.id for line in review.plan.lines if line.action == "replace" and line.destructive}
    assert {"WebServer", "Web2Server"} <= replaced
    standing.calls.clear()
    with pytest.raises(UsageError, match="delete and make again, with their data"):
        operations.launch(review, "create", ("false",))
    assert not standing.calls


def test_a_longer_time_to_live_at_the_edge_is_one_call(standing: Counted) -> None:
    target = standing.target
    state = Deployment(target.deployment(PROFILE.name)).state()
    step = state.steps["CachePolicy"]
    config = {**step.properties["CachePolicyConfig"], "DefaultTTL": 600}
    kind = KINDS[step.type]
    assert kind.mutable >= {"CachePolicyConfig"}
    assert kind.interruption(step.properties, frozenset({"CachePolicyConfig"})) == ""
    standing.calls.clear()
    for properties in ({"CachePolicyConfig": config}, step.properties):
        kind.change(
            target.aws, step.identity,
            Wanted(Deployment(target.deployment(PROFILE.name)).id, step.id, step.type, properties, step.token, {}),
            frozenset({"CachePolicyConfig"}),
        )  # fmt: skip
    assert standing.calls == Counter({"UpdateCachePolicy": 2})


class _Estimate:
    lines = ()


_NO_PRICES = _Estimate()
