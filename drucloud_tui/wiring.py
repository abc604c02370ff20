"""The one place where the rooms are put together: resource kinds, step kinds, and how a target is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from profiles.model import Profile
from provisioners.engine.kinds import ResourceKind, StepKind
from provisioners.person import Person
from provisioners.target import DeploymentId, Target, TargetName

if TYPE_CHECKING:
    from provisioners.engine.operations import Sources
    from provisioners.engine.request import Request

Progress = Callable[[str], None]

SANDBOX_MODES = ("auto", "machines", "rehearsal")
"""Values of ``--sandbox``."""


def kinds() -> Mapping[str, ResourceKind]:
    """Every AWS resource type the engine can deal with."""
    from provisioners.aws.kinds import KINDS

    return KINDS


def steps() -> Mapping[str, StepKind]:
    """Every step of ours."""
    from health.steps import STEPS as CHECKS
    from provisioners.nodes.steps import STEPS as NODES

    return {**NODES, **CHECKS}


def sources() -> Sources:
    """What a plan is made of: the account's answers, the blueprint, the prices, the preflight."""
    from profiles import store
    from provisioners.aws import lookups, preflight
    from provisioners.blueprint.build import for_engine, whole
    from provisioners.engine.cost import estimate
    from provisioners.engine.operations import Sources

    return Sources(
        resolve_lookups=lookups.resolve,
        build=for_engine,
        estimate=lambda blueprint, region: estimate(whole(blueprint), region),
        preflight=preflight.check,
        dump=store.dumps,
    )


def target_name(profile: Profile) -> TargetName:
    """What ``target: auto`` means here: AWS when credentials are found, else the sandbox. No network."""
    if profile.target != "auto":
        return profile.target
    from provisioners.aws.account import credentials_found

    return "aws" if credentials_found() else "sandbox"


def open_target(profile: Profile, sandbox_mode: str, progress: Progress, person: Person | None = None) -> Target:
    """Open the account or the sandbox; starts the sandbox if it does not run.

    :param sandbox_mode: one of :data:`SANDBOX_MODES`.
    :param person: who to ask for MFA codes and to sign in to AWS; ``None``: nobody is there.
    """
    if target_name(profile) == "aws":
        from provisioners.aws.account import open_aws

        return open_aws(profile, person)
    from provisioners.sandbox.client import ensure

    return ensure(sandbox_mode, progress=progress).target(profile.aws.region)


def reopen(request: Request) -> Target:
    """The target that ``request`` was reviewed for: the engine's side of :func:`open_target`."""
    from profiles import store
    from provisioners.engine.deployment import Deployment
    from provisioners.nodes.reach import close_entrances

    profile = store.loads(request.profile_text, source="the reviewed profile")
    target = open_target(pinned(profile, request.deployment), request.mode, lambda text: None)
    # Each run begins with a closed door, whatever ended the last one.
    close_entrances(target, Deployment(request.deployment).state())
    return target


def pinned(profile: Profile, deployment: DeploymentId) -> Profile:
    """``profile`` bound to where ``deployment`` stands, so that opening it can lead nowhere else."""
    aws = profile.aws.model_copy(
        update={
            "region": deployment.region,
            "expected_account": deployment.account if deployment.target == "aws" else profile.aws.expected_account,
        }
    )
    return profile.model_copy(update={"target": deployment.target, "name": deployment.name, "aws": aws})
