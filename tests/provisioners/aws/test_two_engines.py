"""Both engines, preset by preset: the same things stand in the account, and both leave nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from profiles import store
from profiles.model import Profile
from provisioners.aws import lookups, policy
from provisioners.blueprint.build import for_engine
from provisioners.engine.deployment import Deployment
from provisioners.engine.operations import prepare_destroy
from provisioners.sandbox import client
from provisioners.target import Target

from .recorded import FREE, mutating, recorded
from .test_presets import REPOSITORY, carry_out, fill_buckets, review_of


def census(sandbox: client.Sandbox) -> Counter[str]:
    """How many of each type stand: names that CloudFormation invents, and the stacks themselves, apart."""
    return Counter({kind: len(names) for kind, names in sandbox.census().items() if "CloudFormation" not in kind})


def destroyed(profile: Profile, target: Target, sandbox: client.Sandbox) -> None:
    gone = prepare_destroy(Deployment(target.deployment(profile.name)), target)
    assert carry_out(gone, "destroy", target) == "ok"
    assert sandbox.census() == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", store.presets())
def test_both_engines_end_in_the_same_census(name: str, sandbox: client.Sandbox) -> None:
    direct = store.apply(store.load(store.resolve(name)), {"site.repository": REPOSITORY})
    stacked = store.apply(direct, {"aws.engine": "cloudformation"})
    target = sandbox.target(direct.aws.region)
    with recorded(target.aws) as first:
        review = review_of(stacked, target)
        assert carry_out(review, "create", target) == "ok"
    by_stacks = census(sandbox)
    with recorded(target.aws) as second:
        again = review_of(stacked, target)
        assert again.plan.changes_nothing, [line for line in again.plan.lines if line.action not in ("keep", "verify")]
        assert carry_out(again, "create", target) == "ok"
    assert mutating(second) == []
    fill_buckets(target)
    with recorded(target.aws) as last:
        destroyed(stacked, target, sandbox)
    allowed = {need.action for need in policy.needs(for_engine(stacked, lookups.resolve(stacked, target, {}, False)))}
    assert {*first, *second, *last} - FREE <= allowed

    assert carry_out(review_of(direct, target), "create", target) == "ok"
    assert by_stacks == census(sandbox)
    destroyed(direct, target, sandbox)
