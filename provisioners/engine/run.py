"""One run of the engine: exactly the plan that was reviewed, from beginning to end.

Everything that happens is in the journal before anything depends on it, so that a run may end at any point, by a kill
too, and the next one goes on from there.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from profiles.errors import UsageError
from provisioners.engine import events as ev
from provisioners.engine.calls import Calls
from provisioners.engine.context import RunContext
from provisioners.engine.journal import Journal
from provisioners.engine.kinds import Observed, ResourceKind, StepKind
from provisioners.engine.lines import Lines
from provisioners.engine.operations import observe_standing
from provisioners.engine.pace import Pace, pace_of
from provisioners.engine.plan import KEPT_BY_POLICY, Plan, plan, plan_destroy, plan_rollback
from provisioners.engine.request import Request
from provisioners.engine.state import DeployState, fold
from provisioners.engine.stop import Stop
from provisioners.target import Target

THREADS = 16
"""API calls under way at the same time; as many again are there for blocking parts of our steps."""

_log = logging.getLogger(__name__)


async def run(
    request: Request,
    target: Target,
    kinds: Mapping[str, ResourceKind],
    steps: Mapping[str, StepKind],
    *,
    journal: Journal,
    folder: Path,
    stop: Stop,
    begun: Callable[[], None] = lambda: None,
    program: str = "",
    pid: int = 0,
    pace: Pace | None = None,
) -> ev.RunOutcome:
    """Run ``request`` to its end; how it ended. The caller holds the deployment's lock.

    :param begun: called once the run is in the journal; before that, ``UsageError`` means that nothing was done.
    :raises UsageError: what stands is no longer what it was when the plan was reviewed.
    """
    started = time.monotonic()
    api, ours = ThreadPoolExecutor(THREADS, "aws"), ThreadPoolExecutor(THREADS, "step")
    try:
        paces = pace or pace_of(target.name)
        calls, step_calls = Calls(api, paces, stop), Calls(ours, paces, stop)
        before = fold(journal.read())
        observed = await calls.safely("observe", _silent, observe_standing, before, target, kinds)
        _require_same_plan(request, before, observed, kinds, steps)
        incarnation = before.incarnation if before.standing() else secrets.token_hex(8)
        context = RunContext(
            request.deployment, request.run, incarnation, target, kinds, steps, journal, folder, before, observed,
            calls, step_calls,
        )  # fmt: skip
        await context.store(*_opening(request, context, program, pid))
        begun()
        return await _carry_out(request, context, started)
    finally:
        api.shutdown(cancel_futures=True)
        ours.shutdown(cancel_futures=True)


async def _carry_out(request: Request, context: RunContext, started: float) -> ev.RunOutcome:
    """Everything between RunStarted and RunFinished, both of which are always written."""
    outcome: ev.RunOutcome = "failed"
    extra: dict[str, Any] = {}
    try:
        resources = request.blueprint.resources if request.template else {}
        lines = Lines(context, request.plan, resources)
        await lines.work_off()
        stopped = bool(lines.interrupted)
        if context.stop.how == "rollback":
            stopped = True
            extra["rolled_back"] = await _roll_back(context)
            lines.failed |= not extra["rolled_back"]
        outcome = "failed" if lines.failed else "stopped" if stopped else "ok"
    except Exception as error:
        _log.exception("the run ended by an error inside drucloud")
        extra["error"] = f"An error inside drucloud ended the run: {type(error).__name__}."
    summary = {**_summary(fold(context.journal.read())), **extra}
    await context.store(ev.RunFinished(outcome, summary, round(time.monotonic() - started, 3)))
    return outcome


async def _roll_back(context: RunContext) -> bool:
    """Take down what this run has made; whether all of it went. Changes in place are not taken back."""
    now = fold(context.journal.read())
    undoing = replace(context, before=now, calls=_unstopped(context.calls), step_calls=_unstopped(context.step_calls))
    lines = Lines(undoing, plan_rollback(context.before, now, context.deployment), {})
    await lines.work_off()
    return not lines.failed


def _unstopped(calls: Calls) -> Calls:
    """The same way to AWS, on which nobody has asked to stop."""
    return Calls(calls.pool, calls.pace, Stop())


def _require_same_plan(
    request: Request,
    state: DeployState,
    observed: Mapping[str, Observed],
    kinds: Mapping[str, ResourceKind],
    steps: Mapping[str, StepKind],
) -> None:
    reviewed = request.plan
    if request.verb == "destroy":
        now: Plan = plan_destroy(request.deployment, state)
    else:
        blueprint = request.blueprint
        now = plan(request.deployment, blueprint, state, observed, kinds, steps, lookups=reviewed.lookups)
    if now.hash != reviewed.hash:
        raise UsageError(
            f"'{request.deployment.name}' has changed since the plan was reviewed; nothing was done.",
            "Review it again.",
        )


def _opening(request: Request, context: RunContext, program: str, pid: int) -> list[ev.Event]:
    pinned = context.before.lookups
    events: list[ev.Event] = [
        ev.LookupPinned(name, value)
        for name, value in request.plan.lookups.items()
        if name not in pinned or pinned[name] != value
    ]
    place = request.deployment
    events.append(
        ev.RunStarted(
            run=request.run,
            verb=request.verb,
            target=place.target,
            account=place.account,
            region=place.region,
            name=place.name,
            mode=context.target.mode,
            incarnation=context.incarnation,
            profile=request.profile_text,
            plan=request.plan.to_json(),
            pid=pid,
            program=program,
        )
    )
    return events


def _summary(state: DeployState) -> dict[str, Any]:
    """Counts by outcome (or by status, of what has none), what is kept after a destroy, and the site's URL."""
    planned = [state.steps[line["id"]] for line in state.plan["lines"] if line["id"] in state.steps]
    counts = Counter(step.outcome if step.status == "done" else step.status for step in planned)
    summary: dict[str, Any] = {"counts": dict(counts), "changed": sum(counts[name] for name in _CHANGING)}
    summary["kept"] = [
        f"{step.label}: {step.progress}"
        for step in planned
        if step.status == "done"
        and step.outcome in ("deleted", "retained")
        and step.progress in KEPT_BY_POLICY.values()
    ]
    if urls := [step.attributes["Url"] for step in planned if "Url" in step.attributes]:
        summary["url"] = urls[0]
    return summary


_CHANGING = ("created", "changed", "replaced", "deleted", "retained")


def _silent(text: str) -> None:
    """Nobody is listening before the run has begun."""
