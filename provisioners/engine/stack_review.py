"""What a review says of CloudFormation stacks: their prices, their change sets, and that the engine is not switched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from profiles.errors import UsageError
from provisioners.aws.cloudformation import Change, Stack
from provisioners.blueprint.graph import Blueprint
from provisioners.blueprint.stacks import STACK, inside
from provisioners.engine.kinds import ResourceKind, Wanted
from provisioners.engine.plan import Plan, PlanLine
from provisioners.engine.resolve import Resolver, UnresolvedError
from provisioners.engine.state import DeployState
from provisioners.target import Target

Finding = Mapping[str, str]

_WORDS = {"Add": "adds", "Modify": "changes", "Remove": "deletes", "Import": "imports", "Dynamic": "may change"}


def require_same_engine(blueprint: Blueprint, state: DeployState) -> None:
    """Raise ``UsageError`` when what stands was made by the other engine."""
    standing = state.standing().values()
    if not standing:
        return
    by_stacks = any(step.type == STACK for step in standing)
    if by_stacks != any(one.type == STACK for one in blueprint.resources.values()):
        word = "cloudformation" if by_stacks else "direct"
        raise UsageError(
            f"'{state.name}' was made by the engine '{word}', and stays with it.",
            f"Set aws.engine={word}, or destroy the deployment first.",
        )


def prices(blueprint: Blueprint, lines: Sequence[Any]) -> dict[str, float | None]:
    """Monthly USD by logical id of the plan: a stack costs what stands in it, as far as that is known."""
    known = {line.logical_id: line.monthly_usd for line in lines}
    for name, resource in blueprint.resources.items():
        if resource.type == STACK:
            known[name] = sum(known.get(part) or 0.0 for part in inside(resource.properties))
    return known


def with_change_sets(
    plan: Plan,
    blueprint: Blueprint,
    state: DeployState,
    kinds: Mapping[str, ResourceKind],
    target: Target,
    allow_replace: bool,
) -> tuple[Plan, list[Finding]]:
    """``plan`` with what CloudFormation says that it would do to each stack that changes, and what that puts at risk.

    A change set is asked for, read and thrown away: nothing is changed. The run asks for it again.
    """
    findings: list[Finding] = []
    lines = []
    for line in plan.lines:
        if line.type == STACK and line.action == "change":
            changes = _preview(line, blueprint, state, kinds[STACK], target)
            line = replace(line, reason=_told(changes))
            findings += _risks(line, changes or (), allow_replace)
        lines.append(line)
    return replace(plan, lines=tuple(lines)), findings


def _preview(
    line: PlanLine, blueprint: Blueprint, state: DeployState, kind: ResourceKind, target: Target
) -> Sequence[Change] | None:
    before = state.steps[line.id]
    place = target.deployment(state.name)
    resolver = Resolver(place, {name: one.attributes for name, one in state.steps.items()})
    try:
        properties = resolver.properties(blueprint.resources[line.id].properties)
    except UnresolvedError:
        return None
    assert isinstance(kind, Stack)  # noqa: S101 (the registry's own)
    tags = {"drucloud:deployment": state.name, "drucloud:resource": line.id, "drucloud:intent": before.token}
    wanted = Wanted(place, line.id, line.type, properties, before.token, tags)
    return kind.preview(target.aws, before.identity, wanted)


def _told(changes: Sequence[Change] | None) -> str:
    if changes is None:
        return "its change set depends on what an earlier step gives"
    if not changes:
        return "the change set is empty"
    counted = Counter("replaces" if one.replaces else _WORDS.get(one.action, one.action) for one in changes)
    names = ", ".join(f"{one.logical_id}{' (replaced)' if one.replaces else ''}" for one in changes[:8])
    more = f" and {len(changes) - 8} more" if len(changes) > 8 else ""
    return f"the change set {', '.join(f'{word} {number}' for word, number in sorted(counted.items()))}: {names}{more}"


def _risks(line: PlanLine, changes: Sequence[Change], allow_replace: bool) -> list[Finding]:
    replaced = [one.logical_id for one in changes if one.replaces]
    if not replaced:
        return []
    what = f"{line.label}: CloudFormation would replace, with their data: {', '.join(replaced)}."
    do = "Undo the change in the profile, or allow it explicitly."
    return [{"status": "warn" if allow_replace else "fail", "what": what, "do": "" if allow_replace else do}]
