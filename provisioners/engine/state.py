"""What the events add up to: the one state every view, resume and destroy work from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from provisioners.engine import events as ev

StepStatus = Literal["waiting", "running", "done", "failed", "skipped"]
Phase = Literal["empty", "running", "ok", "failed", "stopped"]

LOG_TAIL = 400
"""Log lines kept per step; the whole log is in the journal."""


@dataclass(frozen=True)
class ChildState:
    """A foreseen part of a step, as it stands."""

    id: str
    label: str
    status: str = "waiting"
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class StepState:
    """A line of the plan, as it stands.

    :param identity: what AWS calls it; survives into later runs, empty once deleted.
    :param pending_token: token of an intent without an answer, empty otherwise.
    :param token: token of the intent that made what stands; names and tags of the thing hold it.
    """

    id: str
    type: str
    tier: str
    label: str
    action: str = ""
    status: StepStatus = "waiting"
    outcome: str = ""
    started_at: float = 0.0
    seconds: float = 0.0
    expected_seconds: float = 0.0
    progress: str = ""
    error: str = ""
    advice: str = ""
    identity: str = ""
    pending_operation: str = ""
    pending_token: str = ""
    token: str = ""
    digest: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    children: Mapping[str, ChildState] = field(default_factory=dict)
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeployState:
    """A deployment as its journal tells it.

    ``steps`` holds every line of the newest plan in plan order, and after them what earlier plans made that still
    stands. ``dirty`` names the steps that the newest fold touched.
    """

    target: str = ""
    account: str = ""
    region: str = ""
    name: str = ""
    mode: str = ""
    incarnation: str = ""
    profile: str = ""
    verb: str = ""
    run: str = ""
    pid: int = 0
    phase: Phase = "empty"
    stop_requested: str = ""
    started_at: float = 0.0
    updated_at: float = 0.0
    seconds: float = 0.0
    last_number: int = 0
    lookups: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, StepState] = field(default_factory=dict)
    findings: tuple[Mapping[str, Any], ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    dirty: frozenset[str] = frozenset()

    def counts(self) -> Counter[str]:
        """How many steps of the newest plan are in each status."""
        planned = {line["id"] for line in self.plan.get("lines", ())}
        return Counter(step.status for step in self.steps.values() if step.id in planned)

    def standing(self) -> dict[str, StepState]:
        """AWS resources that exist as far as the journal knows, or may exist because an intent has no answer."""
        return {
            step.id: step
            for step in self.steps.values()
            if not step.type.startswith("Drucloud::") and (step.identity or step.pending_operation == "create")
        }


def fold(stamped: Iterable[ev.Stamped], into: DeployState | None = None) -> DeployState:
    """Add events to a state; pure. ``into`` is left as it was.

    A batch costs one copy of the step table, not one an event, so that a view may fold ten times a second.
    """
    folding = _Folding(into or DeployState())
    for item in stamped:
        folding.add(item)
    return folding.result()


class _Folding:
    """Mutable scratch space of one :func:`fold` call."""

    def __init__(self, state: DeployState) -> None:
        self.state = state
        self.steps = dict(state.steps)
        self.lookups = dict(state.lookups)
        self.findings = list(state.findings)
        self.dirty: set[str] = set()

    def result(self) -> DeployState:
        return replace(
            self.state,
            steps=self.steps,
            lookups=self.lookups,
            findings=tuple(self.findings),
            dirty=frozenset(self.dirty),
        )

    def add(self, item: ev.Stamped) -> None:
        event = item.event
        self.state = replace(self.state, last_number=item.number, updated_at=item.at)
        match event:
            case ev.RunStarted():
                self._run_started(event, item.at)
            case ev.LookupPinned():
                self.lookups[event.name] = event.value
            case ev.StopRequested():
                self.state = replace(self.state, stop_requested="" if event.how == "continue" else event.how)
            case ev.RunFinished():
                self.state = replace(
                    self.state, phase=event.outcome, summary=event.summary, seconds=event.seconds, pid=0
                )
            case ev.FindingRecorded():
                self.findings.append(event.finding)
                self.dirty.add(event.step)
            case _:
                self._step(event, item.at)

    def _run_started(self, event: ev.RunStarted, at: float) -> None:
        planned: dict[str, StepState] = {}
        for line in event.plan.get("lines", ()):
            planned[line["id"]] = _planned(line, self.steps.get(line["id"]))
        left = {
            key: replace(step, action="", status="waiting", children={}, log=())
            for key, step in self.steps.items()
            if key not in planned and (step.identity or step.pending_operation)
        }
        self.steps = {**planned, **left}
        self.findings = []
        self.dirty = set(self.steps)
        self.state = replace(
            self.state,
            target=event.target,
            account=event.account,
            region=event.region,
            name=event.name,
            mode=event.mode,
            incarnation=event.incarnation,
            profile=event.profile,
            plan=event.plan,
            verb=event.verb,
            run=event.run,
            pid=event.pid,
            phase="running",
            stop_requested="",
            started_at=at,
            seconds=0.0,
            summary={},
        )

    def _step(self, event: Any, at: float) -> None:
        step = self.steps.get(event.step) or StepState(event.step, "", "", event.step)
        self.steps[event.step] = _stepped(step, event, at)
        self.dirty.add(event.step)


def _planned(line: Mapping[str, Any], before: StepState | None) -> StepState:
    """A plan's line at the start of a run, with what earlier runs know of its thing."""
    children = {child["id"]: ChildState(child["id"], child["label"]) for child in line["children"]}
    fresh = StepState(
        id=line["id"],
        type=line["type"],
        tier=line["tier"],
        label=line["label"],
        action=line["action"],
        expected_seconds=line["expected_seconds"],
        children=children,
    )
    if before is None:
        return fresh
    return replace(
        fresh,
        identity=before.identity,
        pending_operation=before.pending_operation,
        pending_token=before.pending_token,
        token=before.token,
        digest=before.digest,
        attributes=before.attributes,
        properties=before.properties,
    )


def _stepped(step: StepState, event: Any, at: float) -> StepState:
    match event:
        case ev.StepStarted():
            return replace(step, status="running", started_at=at, error="", advice="", progress="")
        case ev.IntentStored():
            return _intended(step, event)
        case ev.IdentityStored():
            return _identified(step, event.identity)
        case ev.StepProgress():
            return replace(step, progress=event.text)
        case ev.LogLine():
            return replace(step, log=(*step.log[-LOG_TAIL + 1 :], event.text))
        case ev.ChildChanged():
            known = step.children.get(event.child) or ChildState(event.child, event.child)
            child = replace(known, status=event.status, text=event.text, seconds=event.seconds)
            return replace(step, children={**step.children, event.child: child})
        case ev.StepFailed():
            return replace(step, status="failed", error=event.what, advice=event.do, seconds=event.seconds)
        case ev.StepSkipped():
            return replace(step, status="skipped", progress=event.why)
        case ev.StepFinished():
            return _finished(step, event)
    return step


def _intended(step: StepState, event: ev.IntentStored) -> StepState:
    pending = replace(step, pending_operation=event.operation, pending_token=event.token)
    if event.operation == "create":  # whatever stood under this name before is gone, or it would not be created
        return replace(pending, identity="", digest="", token=event.token, attributes={}, properties=event.properties)
    return pending


def _identified(step: StepState, identity: str) -> StepState:
    answered = replace(step, identity=identity, pending_operation="", pending_token="")
    return answered if identity else replace(answered, digest="", attributes={}, properties={})


def _finished(step: StepState, event: ev.StepFinished) -> StepState:
    done = replace(
        step,
        status="done",
        outcome=event.outcome,
        seconds=event.seconds,
        progress=event.summary,
        pending_operation="",
        pending_token="",
    )
    if event.outcome in ("deleted", "retained"):
        return replace(done, identity="", digest="", attributes={}, properties={})
    return replace(done, digest=event.digest, attributes=event.attributes, properties=event.properties)
