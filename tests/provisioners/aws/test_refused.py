"""AWS says no in the middle of a deploy: nothing is lost, one sentence and one advice, and a resume ends it."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from drucloud_tui.deploys import finish
from drucloud_tui.services import LiveServices
from profiles import store
from provisioners.aws.kinds import KINDS
from provisioners.engine import operations
from provisioners.engine.deployment import Deployment
from provisioners.sandbox import client
from provisioners.target import Target

from .answers import answered, refusal
from .test_presets import SOURCES, STEPS, carry_out, review_of

pytestmark = pytest.mark.slow

REGION = "us-east-1"
PROFILE = store.apply(store.load(store.resolve("starter")), {"name": "refused"})
ONCE = {"CreateVpc": 1, "CreateDBInstance": 1, "CreateCacheCluster": 1, "RunInstances": 2, "CreateBucket": 1}
"""What a deploy of the profile makes, told by its successful calls."""


class Deploy:
    """One deployment whose successful creating calls are counted over all its runs."""

    def __init__(self, sandbox: client.Sandbox) -> None:
        self.sandbox = sandbox
        self.made: Counter[str] = Counter()

    def target(self) -> Target:
        found = self.sandbox.target(REGION)
        found.aws.session.events.register("after-call", self._count)
        return found

    def _count(self, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code < 300 and model.name in ONCE:
            self.made[model.name] += 1

    @property
    def deployment(self) -> Deployment:
        return Deployment(self.target().deployment(PROFILE.name))

    def said(self) -> tuple[int, str]:
        """Exit code and summary, as the command line ends with them."""
        out = io.StringIO()
        deployment = self.deployment
        code = finish(LiveServices(), deployment.id, deployment.state(), False, "refused.yaml", out)
        return code, out.getvalue()

    def resume(self) -> str:
        target = self.target()
        review = operations.prepare_resume(
            self.deployment, target, KINDS, STEPS, sources=SOURCES, load=lambda text: PROFILE
        )
        return carry_out(review, "resume", target)


@pytest.fixture
def deploy(sandbox: client.Sandbox) -> Iterator[Deploy]:
    made = Deploy(sandbox)
    yield made
    gone = operations.prepare_destroy(made.deployment, made.target())
    assert carry_out(gone, "destroy", made.target()) == "ok"
    left = sandbox.census()
    left.pop("iam", None)
    assert left == {}, "what was made twice would be left"


def expired_session(target: Target) -> dict[str, str]:
    """Credentials of a session that is over."""
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    iam = target.aws.client("iam")
    role = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    sts = target.aws.session.client(
        "sts", endpoint_url=target.aws.endpoint_url, config=Config(parameter_validation=False)
    )
    found: dict[str, str] = sts.assume_role(RoleArn=role, RoleSessionName="over", DurationSeconds=0)["Credentials"]
    iam.delete_role(RoleName="operator")
    return found


def test_a_session_that_expires_in_mid_deploy(deploy: Deploy) -> None:
    target = deploy.target()
    over = expired_session(target)
    held = target.aws.session._session.get_credentials()

    def expire(**_: Any) -> None:
        held.access_key, held.secret_key, held.token = (
            over[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
        )

    target.aws.session.events.register("after-call.rds.CreateDBInstance", expire)
    assert carry_out(review_of(PROFILE, target), "create", target) == "failed"

    state = deploy.deployment.state()
    failed = [step for step in state.steps.values() if step.status == "failed"]
    assert failed
    assert {step.error for step in failed} == {"The AWS credentials have expired."}
    code, said = deploy.said()
    assert code == 1
    assert "The AWS credentials have expired." in said
    assert "Sign in again (aws sso login, aws configure)" in said
    assert "drucloud resume refused" in said
    assert state.steps["Database"].identity, "what AWS had begun is known"

    assert deploy.resume() == "ok"
    assert deploy.made == Counter(ONCE), "nothing is made twice"


def test_an_explicit_deny_on_one_action(deploy: Deploy) -> None:
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/Builder/me is not authorized to perform: "
        "elasticache:CreateCacheCluster on resource: arn:aws:elasticache:us-east-1:123456789012:cluster:refused "
        "with an explicit deny in a service control policy"
    )
    target = deploy.target()
    with answered(target.aws, "elasticache", "CreateCacheCluster", refusal("AccessDenied", message), 403) as asked:
        assert carry_out(review_of(PROFILE, target), "create", target) == "failed"
    assert asked == ["CreateCacheCluster"], "a no is a no: it is not asked again"

    state = deploy.deployment.state()
    (failed,) = [step for step in state.steps.values() if step.status == "failed"]
    assert failed.id == "Cache"
    assert "elasticache:CreateCacheCluster" in failed.error and "\n" not in failed.error
    assert failed.advice == "A deny wins over every allow: have the policy that denies it changed, then resume."
    assert state.steps["Database"].status == "done", "what does not need it is made all the same"
    code, said = deploy.said()
    assert code == 1
    assert "drucloud resume refused" in said

    assert deploy.resume() == "ok"
    assert deploy.made == Counter(ONCE)
