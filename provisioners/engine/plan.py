"""The plan: the blueprint against what stands, line by line, and the hash that ties a run to what was reviewed.

==========  ==============================================================================================
action      when
==========  ==============================================================================================
`create`    it does not stand, has vanished, or an earlier run was interrupted while it was being made
`keep`      it stands, and its resolved properties are those wanted
`change`    it stands, and all that differs can be changed in place
`replace`   it stands, and something differs that cannot; or it refers to something that is replaced; or its
            creation failed. Old things are deleted, in reverse order, before anything new is created:
            the site is down meanwhile. Replacing what once stood must be allowed explicitly
`delete`    it stands and is no longer wanted
`retain`    the same, and its DeletionPolicy says that it stays
`verify`    a step of ours that was done before: it runs again, and may change nothing
==========  ==============================================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Literal

from provisioners.blueprint.graph import STEP_PREFIX, TIERS, Blueprint, Resource
from provisioners.engine.kinds import Child, Observed, ResourceKind, StepKind
from provisioners.engine.pace import pace_of
from provisioners.engine.resolve import Resolver, UnresolvedError
from provisioners.engine.state import DeployState, StepState
from provisioners.target import DeploymentId

_TIER_ORDER = {tier: index for index, tier in enumerate(TIERS)}

KEPT_BY_POLICY = {"Retain": "kept, as the profile says", "Snapshot": "a final snapshot is kept"}
"""What outlives a deletion, by DeletionPolicy."""

Action = Literal["create", "change", "replace", "keep", "delete", "retain", "verify"]


@dataclass(frozen=True)
class PlanLine:
    """One thing and what will be done about it.

    :param requires: ids of what it stands on; deletion goes the other way round.
    :param monthly_usd: its price on AWS; ``None`` where it is not known.
    :param expected_seconds: how long it usually takes on this target; shown, never a limit.
    :param reason: why this action, one clause; empty where it is plain.
    :param policy: its DeletionPolicy.
    :param destructive: it replaces or deletes something that was complete and holds what is not made anew by itself.
    :param interrupts: what those who use it notice of a change in place; empty when nothing.
    """

    id: str
    type: str
    tier: str
    label: str
    action: Action
    requires: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    monthly_usd: float | None = 0.0
    expected_seconds: float = 0.0
    reason: str = ""
    policy: str = "Delete"
    digest: str = ""
    changed: tuple[str, ...] = ()
    destructive: bool = False
    interrupts: str = ""

    @property
    def is_step(self) -> bool:
        """Whether it is a step of ours rather than an AWS resource."""
        return self.type.startswith(STEP_PREFIX)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; ``dataclasses.asdict`` takes ten times as long, which thousands of lines feel."""
        children = [dict(vars(child)) for child in self.children]
        return {**vars(self), "requires": list(self.requires), "changed": list(self.changed), "children": children}


@dataclass(frozen=True)
class Plan:
    """All lines, in the order the tree shows them.

    :param lookups: what the account said when it was made.
    """

    deployment: DeploymentId
    lines: tuple[PlanLine, ...]
    lookups: Mapping[str, Any]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of deployment, lookups and everything in the lines that decides what is done."""
        told = [{**line.to_json(), "monthly_usd": 0, "expected_seconds": 0, "reason": ""} for line in self.lines]
        text = json.dumps([self.deployment.folder, self.lookups, told], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def by_id(self) -> Mapping[str, PlanLine]:
        """The lines by logical id."""
        return {line.id: line for line in self.lines}

    def count(self, action: Action) -> int:
        """How many lines have this action."""
        return sum(line.action == action for line in self.lines)

    @property
    def changes_nothing(self) -> bool:
        """Whether all it does is to look."""
        return all(line.action in ("keep", "verify") for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "deployment": self.deployment.folder,
            "hash": self.hash,
            "lookups": dict(self.lookups),
            "lines": [line.to_json() for line in self.lines],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The reverse of :meth:`to_json`."""
        lines = tuple(_line(item) for item in data["lines"])
        return cls(DeploymentId.from_folder(data["deployment"]), lines, data["lookups"])


def _line(data: Mapping[str, Any]) -> PlanLine:
    return PlanLine(
        **{
            **data,
            "requires": tuple(data["requires"]),
            "changed": tuple(data["changed"]),
            "children": tuple(Child(**child) for child in data["children"]),
        }
    )


def plan(
    deployment: DeploymentId,
    blueprint: Blueprint,
    state: DeployState,
    observed: Mapping[str, Observed],
    kinds: Mapping[str, ResourceKind],
    steps: Mapping[str, StepKind],
    *,
    lookups: Mapping[str, Any],
    prices: Mapping[str, float | None] | None = None,
) -> Plan:
    """What has to be done so that ``blueprint`` stands; pure.

    :param observed: by logical id, what AWS says now about everything that the journal gives an identity.
    :param prices: monthly USD by logical id.
    """
    planner = _Planner(deployment, blueprint, state, observed, kinds, steps)
    sorter = TopologicalSorter({name: resource.requires for name, resource in blueprint.resources.items()})
    made = {name: planner.line(blueprint.resources[name]) for name in sorter.static_order()}
    lines = sorted(
        (made[name] for name in blueprint.resources), key=lambda line: _TIER_ORDER.get(line.tier, len(TIERS))
    )
    lines += [_removal(step, state) for step in state.standing().values() if step.id not in blueprint.resources]
    priced = (replace(line, monthly_usd=(prices or {}).get(line.id, 0.0)) for line in lines)
    return Plan(deployment, tuple(priced), lookups)


def plan_destroy(deployment: DeploymentId, state: DeployState) -> Plan:
    """How to take down everything the journal knows; pure. Steps of ours are undone first, last things first."""
    begun = [step for step in state.steps.values() if step.type.startswith(STEP_PREFIX) and _begun(step)]
    lines = [_removal(step, state) for step in [*state.standing().values(), *begun]]
    order = {step: index for index, step in enumerate(state.steps)}
    return Plan(deployment, tuple(sorted(lines, key=lambda line: -order[line.id])), {})


def plan_rollback(before: DeployState, now: DeployState, deployment: DeploymentId) -> Plan:
    """How to take down what the run that led from ``before`` to ``now`` has made."""
    made = {
        step.id
        for step in now.steps.values()
        if (step.identity or step.pending_operation == "create" or _begun(step))
        and not _same_thing(step, before.steps.get(step.id))
    }
    everything = plan_destroy(deployment, now)
    return replace(everything, lines=tuple(line for line in everything.lines if line.id in made))


def _same_thing(step: StepState, before: StepState | None) -> bool:
    if before is None:
        return False
    if step.type.startswith(STEP_PREFIX):
        return _begun(before)
    return bool(before.identity) and before.identity == step.identity


def _begun(step: StepState) -> bool:
    return bool(step.digest or step.pending_operation)


def _removal(step: StepState, state: DeployState) -> PlanLine:
    known: Mapping[str, Any] = next((line for line in state.plan.get("lines", ()) if line["id"] == step.id), {})
    policy = known.get("policy", "Delete") if step.digest else "Delete"  # what was never complete holds no data
    return PlanLine(
        step.id,
        step.type,
        step.tier,
        step.label,
        "retain" if policy == "Retain" else "delete",
        requires=tuple(known.get("requires", ())),
        reason=KEPT_BY_POLICY.get(policy, ""),
        policy=policy,
        destructive=bool(step.digest) and not step.type.startswith(STEP_PREFIX),
    )


class _Planner:
    """Decides line by line, in the order of dependencies."""

    def __init__(
        self,
        deployment: DeploymentId,
        blueprint: Blueprint,
        state: DeployState,
        observed: Mapping[str, Observed],
        kinds: Mapping[str, ResourceKind],
        steps: Mapping[str, StepKind],
    ) -> None:
        self.blueprint = blueprint
        self.state = state
        self.observed = observed
        self.kinds = kinds
        self.steps = steps
        self.known: dict[str, Mapping[str, Any]] = {}
        """Attributes of what will be the same thing after the run."""
        self.replaced: set[str] = set()
        self.resolver = Resolver(deployment, self.known)
        self.slowest = pace_of(deployment.target).slowest

    def line(self, resource: Resource) -> PlanLine:
        before = self.state.steps.get(resource.logical_id)
        made = self._step(resource, before) if resource.is_step else self._resource(resource, before)
        if made.action == "replace":
            self.replaced.add(resource.logical_id)
        if before and made.action in ("keep", "change", "verify"):
            seen = self.observed.get(resource.logical_id)
            attributes = {**before.attributes, **(seen.attributes if seen else {})}
            unsure = self._unsure(resource, before, made)
            self.known[resource.logical_id] = {key: attributes[key] for key in attributes if key not in unsure}
        return made

    def _unsure(self, resource: Resource, before: StepState, made: PlanLine) -> Collection[str]:
        """Attributes that may be others after the run, so that whoever uses them may change too."""
        if made.action == "change":
            return self.kinds[resource.type].volatile
        return before.attributes if resource.is_step and before.digest != resource.digest else ()

    def _step(self, resource: Resource, before: StepState | None) -> PlanLine:
        kind = self.steps[resource.type]
        return replace(
            self._fresh(resource, kind),
            action="verify" if before and before.digest else "create",
            children=tuple(kind.children(resource.properties)),
        )

    def _resource(self, resource: Resource, before: StepState | None) -> PlanLine:
        kind = self.kinds[resource.type]
        line = self._fresh(resource, kind)
        if parts := getattr(kind, "children", None):
            line = replace(line, children=tuple(parts(resource.properties)))
        if before is None or not before.identity:
            return line
        seen = self.observed.get(resource.logical_id, Observed("absent"))
        if before.pending_operation == "delete":  # gone already or not: the same plan, for it may go at any moment
            return replace(line, action="replace", reason="its deletion was interrupted")
        if seen.status == "absent":
            return replace(line, reason="it has vanished" if before.digest else "")
        if not before.digest and seen.status == "failed" and not getattr(kind, "mends", False):
            return replace(line, action="replace", reason=f"its creation failed ({seen.detail})")
        changed = self._changed(resource, before)
        if gone := sorted(resource.requires & self.replaced):
            return self._replace(line, before, changed, f"{', '.join(gone)} is replaced")
        if not changed:
            return replace(line, action="keep") if before.digest else line
        names = ", ".join(sorted(changed))
        if changed <= kind.mutable and before.digest:
            noticed = kind.interruption(before.properties, frozenset(changed))
            reason = f"{names}: {noticed}" if noticed else names
            return replace(line, action="change", changed=tuple(sorted(changed)), reason=reason, interrupts=noticed)
        return self._replace(line, before, changed, f"{names} cannot be changed in place")

    def _fresh(self, resource: Resource, kind: ResourceKind | StepKind) -> PlanLine:
        return PlanLine(
            resource.logical_id,
            resource.type,
            resource.tier,
            resource.label,
            "create",
            requires=tuple(sorted(resource.requires)),
            expected_seconds=min(kind.expected_seconds, self.slowest),
            policy=resource.deletion_policy,
            digest=resource.digest,
        )

    def _replace(self, line: PlanLine, before: StepState, changed: Collection[str], reason: str) -> PlanLine:
        return replace(
            line,
            action="replace",
            changed=tuple(sorted(changed)),
            reason=f"{reason}; it is away until the new one stands" if before.digest else reason,
            destructive=bool(before.digest) and not self.kinds[line.type].disposable,
        )

    def _changed(self, resource: Resource, before: StepState) -> set[str]:
        """Names of properties whose resolved value differs from the one it was made with."""
        wanted = {}
        unknown = set()
        for name, value in resource.properties.items():
            try:
                wanted.update(self.resolver.properties({name: value}))
            except UnresolvedError:
                unknown.add(name)
        names = (wanted.keys() | before.properties.keys()) - unknown
        return unknown | {name for name in names if _plain(wanted.get(name)) != _plain(before.properties.get(name))}


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
