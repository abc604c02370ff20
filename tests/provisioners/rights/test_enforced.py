"""A deployer with exactly the actions of its policy, under enforced IAM: it can do all of it, and nothing is to spare.

moto enforces actions, not resources and conditions (those are held to the reference in ``aws/test_policy.py``); that
every action is needed is shown by ``aws/test_presets.py``, where recorded calls and declared actions are equal. Here a
sample of them is really taken away.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import boto3
import pytest

from profiles import store
from profiles.model import Profile
from provisioners.aws import policy
from provisioners.aws.session import Aws
from provisioners.blueprint.build import for_engine
from provisioners.blueprint.placeholders import placeholder_lookups
from provisioners.engine.deployment import Deployment
from provisioners.engine.operations import prepare_destroy
from provisioners.sandbox import client
from provisioners.sandbox.api.keys import OPERATOR
from provisioners.target import Target
from tests.provisioners.aws.recorded import ACTIONS
from tests.provisioners.aws.test_presets import REPOSITORY, carry_out, review_of

PROGRAM = (sys.executable, "-m", "tests.provisioners.rights.program")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRUCLOUD_STATE", str(tmp_path_factory.mktemp("state")))
        yield client.ensure("rehearsal", program=PROGRAM).target("us-east-1")
        client.stop()


@pytest.fixture(scope="module")
def guard(target: Target) -> Aws:
    """Somebody without limits, who hands out the deployer's."""
    iam = target.aws.client("iam")
    iam.create_user(UserName="guard")
    key = iam.create_access_key(UserName="guard")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=target.region)
    return Aws(session, target.region, target.aws.endpoint_url)


def limit(guard: Aws, profile: Profile, without: str = "") -> None:
    """Give the operator the policy of ``profile``, as far as moto can enforce it.

    moto knows a service only by the name that its calls are signed with, CloudWatch's being ``monitoring``, and an
    action only by the name of the call, also where IAM has another (HeadBucket is ``s3:ListBucket``).
    """
    wanted = policy.document(for_engine(profile, placeholder_lookups(profile, "aws")), policy.Place("*", "*"))
    names = {name for statement in wanted["Statement"] for name in statement["Action"]}
    assert not without or without in names
    given = names - {without}
    calls = {call for call, action in ACTIONS.items() if action in given}
    allowed = sorted(name.replace("cloudwatch:", "monitoring:") for name in given | calls)
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    guard.client("iam").put_user_policy(UserName=OPERATOR, PolicyName="deployer", PolicyDocument=document)


def errors(profile: Profile, target: Target) -> list[str]:
    state = Deployment(target.deployment(profile.name)).state()
    return [step.error for step in state.steps.values() if step.error]


def destroyed(profile: Profile, target: Target) -> str:
    return carry_out(prepare_destroy(Deployment(target.deployment(profile.name)), target), "destroy", target)


def test_the_policy_is_enough_to_deploy_replay_and_destroy(target: Target, guard: Aws) -> None:
    profile = store.apply(store.load(store.resolve("drucloud")), {"site.repository": REPOSITORY})
    limit(guard, profile)
    for _ in range(2):
        assert carry_out(review_of(profile, target), "create", target) == "ok", errors(profile, target)
    assert destroyed(profile, target) == "ok"


@pytest.mark.parametrize("action", ["ec2:CreateSubnet", "iam:PutRolePolicy", "secretsmanager:CreateSecret"])
def test_without_one_action_it_ends_with_that_and_nothing_is_lost(action: str, target: Target, guard: Aws) -> None:
    profile = store.load(store.resolve("starter"))
    limit(guard, profile, without=action)
    assert carry_out(review_of(profile, target), "create", target) == "failed"
    said = errors(profile, target)
    assert said and all(action.split(":")[1] in text or "AccessDenied" in text for text in said), said
    limit(guard, profile)
    assert destroyed(profile, target) == "ok"
