"""Running the steps of ours: what they are given, and how their doing gets into the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, get_args

from profiles.errors import DrucloudError
from provisioners.engine import events as ev
from provisioners.engine.context import RunContext
from provisioners.engine.kinds import StepResult
from provisioners.engine.plan import PlanLine
from provisioners.foreign_text import clean, clean_line

T = TypeVar("T")

_CHILD_STATUSES = frozenset(get_args(ev.ChildStatus))


class RunningStep:
    """The :class:`provisioners.engine.kinds.StepContext` of one step in one run."""

    def __init__(self, run: RunContext, logical_id: str, properties: Mapping[str, Any]) -> None:
        self._run = run
        self.deployment = run.deployment
        self.target = run.target
        self.logical_id = logical_id
        self.properties = properties
        self.folder = str(run.folder)

    def progress(self, text: str) -> None:
        """See the protocol."""
        self._run.journal.append_soon(ev.StepProgress(self.logical_id, clean_line(text)))

    def child(self, child: str, status: str, text: str = "", seconds: float = 0.0) -> None:
        """See the protocol. Raises ``ValueError`` for a status that no view knows."""
        if status not in _CHILD_STATUSES:
            raise ValueError(f"{status!r} is not the status of a child")
        event = ev.ChildChanged(self.logical_id, child, status, clean_line(text), seconds)  # type: ignore[arg-type]
        self._run.journal.append_soon(event)

    def log(self, text: str) -> None:
        """See the protocol."""
        for line in clean(text).splitlines() or [""]:
            self._run.journal.append_soon(ev.LogLine(self.logical_id, line))

    def finding(self, finding: Mapping[str, Any]) -> None:
        """See the protocol."""
        self._run.journal.append(ev.FindingRecorded(self.logical_id, finding))

    def in_thread(self, call: Callable[..., T], *args: Any) -> Awaitable[T]:
        """See the protocol."""
        return self._run.step_calls.once(call, *args)

    @property
    def stopping(self) -> bool:
        """See the protocol."""
        return bool(self._run.stop.how)


async def perform(run: RunContext, line: PlanLine, properties: Mapping[str, Any]) -> StepResult:
    """Run the step of ``line``. Its properties are stored first: undoing it may need them."""
    token = run.new_token(line.id)
    await run.store(ev.IntentStored(line.id, "create", token, properties))
    return await run.steps[line.type].run(RunningStep(run, line.id, properties))


async def undo(run: RunContext, line: PlanLine) -> str:
    """Take back what the step did outside its machines; what went wrong, or the empty string.

    Its machines are about to be deleted, and may be gone: that it cannot be undone must not keep them standing.
    """
    context = RunningStep(run, line.id, run.before.steps[line.id].properties)
    try:
        await run.steps[line.type].undo(context)
    except DrucloudError as error:
        context.log(f"could not be undone: {error}")
        return f"could not be undone: {clean_line(error.what)}"
    return ""
