"""What a front end calls. Synchronous and blocking: call it from a thread.

``prepare`` (or ``prepare_destroy``, ``prepare_resume``) changes nothing and gives a :class:`Review` for a person to say
yes to; ``launch`` starts the detached engine on exactly that; ``follow`` shows what it does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from profiles.errors import UsageError
from profiles.model import Profile
from provisioners.blueprint.graph import Blueprint
from provisioners.engine import launcher, stack_review
from provisioners.engine.deployment import Deployment
from provisioners.engine.events import RunFinished, Stamped, Verb
from provisioners.engine.kinds import Observed, ResourceKind, StepKind
from provisioners.engine.lock import busy
from provisioners.engine.plan import Plan, plan, plan_destroy
from provisioners.engine.request import Request
from provisioners.engine.state import DeployState
from provisioners.target import Target

Kinds = Mapping[str, ResourceKind]
Steps = Mapping[str, StepKind]
Progress = Callable[[str], None]

POLL_SECONDS = 0.1
"""How often :func:`follow` looks into the journal."""


class Lookups(Protocol):
    """What only the account can say (``provisioners.blueprint.lookups.Lookups``)."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        ...


class PricedLine(Protocol):
    """One line of an estimate."""

    @property
    def logical_id(self) -> str:
        """Which resource."""
        ...

    @property
    def monthly_usd(self) -> float | None:
        """Its price; ``None`` where it is not known."""
        ...


class Estimate(Protocol):
    """What the blueprint costs (``provisioners.engine.cost.Estimate``)."""

    @property
    def lines(self) -> Sequence[PricedLine]:
        """One line a resource that costs something."""
        ...


@dataclass(frozen=True)
class Sources:
    """The pure and the asking parts that a review is made of; ``drucloud_tui`` wires the real ones.

    :param resolve_lookups: ``(profile, target, pinned, refresh)``; takes what is pinned unless ``refresh``.
    :param preflight: ``(profile, target, lookups)``; findings with ``status``, ``what`` and ``do``.
    :param dump: the profile as YAML text.
    """

    resolve_lookups: Callable[[Profile, Target, Mapping[str, Any], bool], Any]
    build: Callable[[Profile, Any], Blueprint]
    estimate: Callable[[Blueprint, str], Any]
    preflight: Callable[[Profile, Target, Any], Sequence[Mapping[str, str]]]
    dump: Callable[[Profile], str]


@dataclass(frozen=True)
class Review:
    """What will happen, for a person to say yes to.

    :param profile: ``None`` for a destroy, which works from the journal alone.
    :param findings: of the preflight; one with status ``fail`` forbids the launch.
    :param state: how the deployment stands before it.
    :param verb: what :func:`launch` will be asked for.
    :param allow_replace: whether complete resources may be replaced.
    """

    profile: Profile | None
    target: Target
    deployment: Deployment
    plan: Plan
    estimate: Any
    findings: tuple[Mapping[str, str], ...]
    state: DeployState
    profile_text: str
    template: Mapping[str, Any]
    verb: Verb
    allow_replace: bool = False


def prepare(
    profile: Profile,
    target: Target,
    kinds: Kinds,
    steps: Steps,
    *,
    sources: Sources,
    refresh: bool = False,
    allow_replace: bool = False,
    verb: Verb = "create",
    progress: Progress = lambda text: None,
) -> Review:
    """Everything that is known before anything is changed: lookups, blueprint, what stands, plan, cost, preflight."""
    deployment = _idle(Deployment(target.deployment(profile.name)))
    state = deployment.state()
    progress("asking the account what it offers")
    pinned = state.lookups if state.standing() else {}
    lookups = sources.resolve_lookups(profile, target, pinned, refresh)
    blueprint = sources.build(profile, lookups)
    stack_review.require_same_engine(blueprint, state)
    progress("looking at what stands")
    observed = observe_standing(state, target, kinds)
    estimate = sources.estimate(blueprint, target.region)
    made = plan(
        deployment.id,
        blueprint,
        state,
        observed,
        kinds,
        steps,
        lookups=lookups.to_json(),
        prices=stack_review.prices(blueprint, estimate.lines),
    )
    made, risks = stack_review.with_change_sets(made, blueprint, state, kinds, target, allow_replace)
    progress("checking quotas and rights")
    findings = (*risks, *sources.preflight(profile, target, lookups))
    return Review(
        profile,
        target,
        deployment,
        made,
        estimate,
        findings,
        state,
        sources.dump(profile),
        blueprint.template,
        verb,
        allow_replace,
    )


def prepare_destroy(deployment: Deployment, target: Target) -> Review:
    """How the deployment is taken down; from its journal alone."""
    state = _idle(deployment).state()
    made = plan_destroy(deployment.id, state)
    return Review(None, target, deployment, made, None, (), state, state.profile, {}, "destroy")


def prepare_resume(
    deployment: Deployment,
    target: Target,
    kinds: Kinds,
    steps: Steps,
    *,
    sources: Sources,
    load: Callable[[str], Profile],
    progress: Progress = lambda text: None,
) -> Review:
    """How the deployment's last run is brought to its end: a destroy goes on destroying, all else goes on creating.

    :param load: reads the profile back from the journal's text.
    """
    state = deployment.state()
    if state.phase == "empty":
        raise UsageError(f"'{deployment.id.name}' has never been begun.", "Use 'drucloud replay PROFILE'.")
    if state.verb == "destroy":
        return prepare_destroy(deployment, target)
    return prepare(
        load(state.profile),
        target,
        kinds,
        steps,
        sources=sources,
        allow_replace=_replacing(state),
        verb="resume",
        progress=progress,
    )


def launch(review: Review, verb: Verb, program: Sequence[str]) -> Deployment:
    """Start the detached engine on what was reviewed; returns once it holds the lock and has begun.

    :param program: argument list of the engine process; the deployment's folder is added to it.
    :raises UsageError: the preflight forbids it, it replaces what may not be replaced, or another engine is at work.
    :raises FailedError: the engine did not come up; names its log.
    """
    for finding in review.findings:
        if finding["status"] == "fail":
            raise UsageError(finding["what"], finding.get("do", ""))
    replaced = [line.label for line in review.plan.lines if line.action == "replace" and line.destructive]
    if replaced and not review.allow_replace:
        raise UsageError(
            f"This would delete and make again, with their data: {', '.join(replaced)}.",
            "Undo the change in the profile, or allow it with --allow-replace.",
        )
    request = Request(verb, review.deployment.id, review.target.mode, review.profile_text, review.template, review.plan)
    launcher.start(_idle(review.deployment), request, program)
    return review.deployment


def follow(deployment: Deployment, after: int = 0) -> Iterator[list[Stamped]]:
    """New events, as they come, until the run is over or its engine is gone."""
    while True:
        running = deployment.running() is not None  # asked before reading: what a dying engine wrote is not missed
        events = deployment.events(after)
        if events:
            after = events[-1].number
            yield events
        if not running or (events and isinstance(events[-1].event, RunFinished)):
            return
        time.sleep(POLL_SECONDS)


def observe_standing(state: DeployState, target: Target, kinds: Kinds) -> dict[str, Observed]:
    """By logical id, what AWS says now about everything the journal gives an identity; one call a type."""
    by_type: dict[str, dict[str, str]] = {}
    for step in state.standing().values():
        if step.identity:
            by_type.setdefault(step.type, {})[step.id] = step.identity
    seen: dict[str, Observed] = {}
    for type_name, identities in by_type.items():
        answers = kinds[type_name].observe(target.aws, list(identities.values()))
        seen.update({step: answers.get(identity, Observed("absent")) for step, identity in identities.items()})
    return seen


def _replacing(state: DeployState) -> bool:
    """Whether the run to be resumed was one in which replacing had been allowed."""
    return any(line["action"] == "replace" and line["destructive"] for line in state.plan.get("lines", ()))


def _idle(deployment: Deployment) -> Deployment:
    if (by := deployment.running()) is not None:
        raise busy(deployment.id.name, by)
    return deployment
