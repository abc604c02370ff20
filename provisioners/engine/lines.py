"""The lines of a plan as work: what is done for each, in what order, and what is told about it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from profiles.errors import CancelledError, DrucloudError, FailedError
from provisioners.aws.errors import explain
from provisioners.blueprint.graph import Resource
from provisioners.engine import events as ev
from provisioners.engine import step_run
from provisioners.engine.context import RunContext
from provisioners.engine.creation import create, until_ready
from provisioners.engine.plan import KEPT_BY_POLICY, Plan, PlanLine
from provisioners.engine.removal import delete
from provisioners.engine.schedule import Ending, run_graph
from provisioners.engine.state import StepState
from provisioners.engine.stop import StoppedError

_log = logging.getLogger(__name__)

_REMOVE = "-"
"""Before the id of a line: the node of the graph that takes the thing down (or the old one, of a replacement)."""

_DOING = {"create": "Creating", "change": "Changing", "keep": "Looking at", "verify": "Verifying"}


class Lines:
    """The work on one plan."""

    def __init__(self, run: RunContext, plan: Plan, resources: Mapping[str, Resource]) -> None:
        """:param resources: the blueprint's; none are needed for a destroy."""
        self.run = run
        self.plan = plan
        self.resources = resources
        self.failed = False
        self.interrupted: set[str] = set()
        self._started: dict[str, float] = {}

    async def work_off(self) -> None:
        """Do all of it, or as much as failures and a stop leave."""
        graph = order(self.plan, {line["id"]: line["requires"] for line in self.run.before.plan.get("lines", ())})
        seconds = {line.id: line.expected_seconds for line in self.plan.lines}
        await run_graph(graph, self._work, self._skip, self.run.stop, seconds)

    async def _work(self, node: str) -> Ending:
        line = self.plan.by_id[node.removeprefix(_REMOVE)]
        self._started.setdefault(line.id, time.monotonic())
        self.interrupted.discard(line.id)
        try:
            await self.run.store(ev.StepStarted(line.id))
            await (self._remove(line) if node.startswith(_REMOVE) else self._make(line))
        except Exception as error:
            if isinstance(error, StoppedError) or (isinstance(error, CancelledError) and self.run.stop.how):
                self.interrupted.add(line.id)
                return "interrupted"
            await self._fail(line, error)
            return "failed"
        return "done"

    async def _fail(self, line: PlanLine, error: Exception) -> None:
        self.failed = True
        said = (
            error
            if isinstance(error, DrucloudError)
            else explain(error, f"{_DOING.get(line.action, 'Deleting')} {line.label}")
        )
        _log.warning("%s failed: %s", line.id, said, exc_info=not isinstance(error, DrucloudError))
        await self.run.store(ev.StepFailed(line.id, said.what, said.do, self._seconds(line)))

    async def _skip(self, node: str, lacking: str) -> None:
        line = self.plan.by_id[node.removeprefix(_REMOVE)]
        if lacking:
            cause = self.plan.by_id[lacking.removeprefix(_REMOVE)].label
            why = f"{cause} still stands" if lacking.startswith(_REMOVE) else f"needs {cause}"
        else:
            why = "stopped"
            self.interrupted.add(line.id)
        await self.run.store(ev.StepSkipped(line.id, why))

    def _seconds(self, line: PlanLine) -> float:
        return round(time.monotonic() - self._started[line.id], 3)

    async def _make(self, line: PlanLine) -> None:
        properties = self.run.resolver.properties(self.resources[line.id].properties)
        if line.is_step:
            result = await step_run.perform(self.run, line, properties)
            outcome: ev.Outcome = "changed" if result.changed else "passed"
            await self._finish(line, outcome, properties, result.attributes, result.summary)
            return
        before = self.run.before.steps.get(line.id)
        if line.action in ("keep", "change") and before is not None:
            await self._keep(self._as_it_turned_out(line, before, properties), before, properties)
            return
        seen = await create(self.run, line, None if line.action == "replace" else before, properties)
        await self._finish(line, "replaced" if line.action == "replace" else "created", properties, seen.attributes)

    def _as_it_turned_out(self, line: PlanLine, before: StepState, properties: Mapping[str, Any]) -> PlanLine:
        """``line``, with what differs now that every attribute is known.

        No plan foresees what a step of ours finds when it runs: a new commit of the site is a new image, another
        version of the launch template, other servers. Only what changes in place follows it; all else wants a new plan.
        """
        names = properties.keys() | before.properties.keys()
        differs = {name for name in names if _plain(properties.get(name)) != _plain(before.properties.get(name))}
        if not differs:
            return replace(line, action="keep", changed=())
        if not differs <= self.run.kinds[line.type].mutable:
            raise FailedError(
                f"{line.label} has to be replaced: {', '.join(sorted(differs))} changed while this ran.",
                "Run it again and review the plan.",
            )
        return replace(line, action="change", changed=tuple(sorted(differs)))

    async def _keep(self, line: PlanLine, before: StepState, properties: Mapping[str, Any]) -> None:
        """See that it stands, after changing in place what has to be changed."""
        if line.action == "change":
            await self.run.calls.safely("change", self.run.tell(line.id), self._change, line, before, properties)
        seen = await until_ready(self.run, line, before.identity, grace=0.0)
        await self._finish(line, "changed" if line.action == "change" else "kept", properties, seen.attributes)

    def _change(self, line: PlanLine, before: StepState, properties: Mapping[str, Any]) -> None:
        token = self.run.deployment.token(self.run.incarnation, line.id, "change", self.run.run)
        self.run.journal.append(ev.IntentStored(line.id, "change", token, properties))
        wanted = self.run.wanted(line, properties, before.token)
        self.run.kinds[line.type].change(self.run.target.aws, before.identity, wanted, frozenset(line.changed))

    async def _remove(self, line: PlanLine) -> None:
        if line.is_step:
            await self._finish(line, "deleted", {}, {}, await step_run.undo(self.run, line))
            return
        standing = self.run.before.steps[line.id]
        policy = line.policy if standing.digest else "Delete"  # what was never complete holds no data
        if policy == "Retain":
            await self.run.store(ev.IdentityStored(line.id, ""))
        else:
            await delete(self.run, standing, policy)
        if line.action != "replace":
            outcome: ev.Outcome = "retained" if policy == "Retain" else "deleted"
            await self._finish(line, outcome, {}, {}, KEPT_BY_POLICY.get(policy, ""))

    async def _finish(
        self,
        line: PlanLine,
        outcome: ev.Outcome,
        properties: Mapping[str, Any],
        attributes: Mapping[str, Any],
        summary: str = "",
    ) -> None:
        self.run.attributes[line.id] = attributes
        await self.run.store(
            ev.StepFinished(line.id, outcome, line.digest, attributes, summary, self._seconds(line), properties)
        )


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def order(plan: Plan, formerly: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The plan's lines as a graph: nodes by logical id, those that take down marked; each with what it waits for.

    What is made waits for what it requires. What is taken down waits until everything that requires it is down, and
    until everything kept that required it once (``formerly``) has been changed so that it does no longer.
    What a change interrupts is changed one after the other: see :func:`_one_by_one`.
    """
    made = {line.id for line in plan.lines if line.action not in ("delete", "retain")}
    removed = {line.id for line in plan.lines if line.action in ("delete", "retain", "replace")}
    graph: dict[str, set[str]] = {node: set() for node in [*made, *(_REMOVE + name for name in removed)]}
    for line in plan.lines:
        if line.id in made:
            graph[line.id] |= made.intersection(line.requires)
        if line.action == "replace":
            graph[line.id].add(_REMOVE + line.id)
        for name in removed.intersection({*line.requires, *formerly.get(line.id, ())}):
            if line.id in removed:
                graph[_REMOVE + name].add(_REMOVE + line.id)
            elif name not in made:
                graph[_REMOVE + name].add(line.id)
    _one_by_one(plan, graph)
    return graph


def _one_by_one(plan: Plan, graph: dict[str, set[str]]) -> None:
    """Things of one type and tier that are interrupted wait for each other, and for the steps on the one before.

    So that of two web servers one always answers.
    """
    before: dict[tuple[str, str], PlanLine] = {}
    for line in plan.lines:
        if not line.interrupts:
            continue
        if (earlier := before.get((line.type, line.tier))) is not None:
            steps = {other.id for other in plan.lines if other.is_step and earlier.id in other.requires}
            graph[line.id] |= {name for name in {earlier.id, *steps} if not _needs(graph, name, line.id)}
        before[line.type, line.tier] = line


def _needs(graph: Mapping[str, Collection[str]], node: str, other: str) -> bool:
    """Whether ``node`` comes after ``other``."""
    seen, ahead = {node}, [node]
    while ahead:
        fresh = set(graph[ahead.pop()]) - seen
        seen |= fresh
        ahead += fresh
    return other in seen
