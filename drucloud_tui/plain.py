"""The plain display: lines that are only ever appended, for pipes, logs, screen readers and simple terminals.

It is a fold of the same events as every other view. Nothing moves the cursor; a glyph never stands without its word;
when nothing was printed for a while one line says what is being waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from drucloud_tui.words import duration, glyph_and_word, wants_ascii
from provisioners.engine import events as ev
from provisioners.engine.state import DeployState, StepState, fold

HEARTBEAT_SECONDS = 15.0
"""Silence after which a line says what is still being waited for."""

LOG_TAIL = 12
"""Lines of a failed step's log that are shown with it."""

_VERBS = {"create": "Building", "resume": "Resuming", "destroy": "Taking down"}
_NOTEWORTHY = ("changed", "failed", "unknown")


class PlainView:
    """Prints a run as it goes; ``state`` is what its events add up to."""

    def __init__(self, out: TextIO, state: DeployState | None = None, ascii_only: bool | None = None) -> None:
        """:param state: what happened before the first event that is to be printed."""
        self.out = out
        self.state = state or DeployState()
        self.ascii_only = wants_ascii(out) if ascii_only is None else ascii_only
        self._last_line_at: float | None = None

    def feed(self, events: Iterable[ev.Stamped]) -> None:
        """Fold ``events`` and print what a person wants to know of them."""
        for item in events:
            self.state = fold([item], self.state)
            for line in self._lines(item):
                self._print(line, item.at)

    def tick(self, now: float) -> None:
        """Print a heartbeat if the run is on and nothing was printed for a while. ``now`` in Unix seconds."""
        if self.state.phase != "running":
            return
        if self._last_line_at is None:
            self._last_line_at = now
        if now - self._last_line_at >= HEARTBEAT_SECONDS and (line := self._heartbeat(now)):
            self._print(line, now)

    def note(self, text: str) -> None:
        """A line of the program's own."""
        print(text, file=self.out, flush=True)

    def _print(self, line: str, at: float) -> None:
        elapsed = max(0, int(at - self.state.started_at))
        stamp = f"{elapsed // 60:02}:{elapsed % 60:02}"
        text = f"{stamp} {line}"
        print(text.encode("ascii", "replace").decode() if self.ascii_only else text, file=self.out, flush=True)
        self._last_line_at = at

    def _lines(self, item: ev.Stamped) -> Iterator[str]:
        match item.event:
            case ev.RunStarted() as event:
                yield from self._opening(event)
            case ev.StepStarted(step=step) if self._step(step).type.startswith("Drucloud::"):
                yield self._row("running", self._step(step))
            case ev.StepFinished(step=step, outcome=outcome, summary=summary, seconds=seconds):
                note = ", ".join(part for part in (summary, duration(seconds) if seconds >= 1 else "") if part)
                yield self._row(outcome, self._step(step), note)
            case ev.StepFailed(step=step, what=what, do=do):
                yield self._row("failed", self._step(step), what)
                yield from self._failure_details(self._step(step), do)
            case ev.StepSkipped(step=step, why=why):
                yield self._row("skipped", self._step(step), why)
            case ev.ChildChanged(step=step, child=child, status=status, text=text) if status in _NOTEWORTHY:
                known = self._step(step).children[child]
                yield self._detail(status, f"{self._step(step).label}: {known.label}", text)
            case ev.FindingRecorded(finding=found):
                value = f"{found.get('value', '')} {found.get('unit', '')}".strip()
                yield self._detail(str(found["status"]), f"{found['name']} {found['subject']}", value)
            case ev.StopRequested(how=how):
                after = "; what was made is then taken down again" if how == "rollback" else ""
                yield f"        stopping at the next safe point{after}"
            case ev.RunFinished(outcome=outcome, seconds=seconds):
                word = {"ok": "finished", "failed": "failed", "stopped": "stopped"}[outcome]
                yield f"        {word} after {duration(seconds)}"

    def _opening(self, event: ev.RunStarted) -> Iterator[str]:
        count = len(event.plan.get("lines", ()))
        yield (
            f"{_VERBS[event.verb]} '{event.name}': {count} steps, "
            f"target {event.target}, account {event.account}, region {event.region}"
        )
        if event.mode == "rehearsal":
            yield "this is a REHEARSAL: no software is installed, nothing costs money"

    def _step(self, step: str) -> StepState:
        return self.state.steps[step]

    def _row(self, status: str, step: StepState, note: str = "") -> str:
        counts = self.state.counts()
        done = counts["done"] + counts["failed"] + counts["skipped"]
        total = sum(counts.values())
        row = f"[{done:>{len(str(total))}}/{total}] {glyph_and_word(status, self.ascii_only):<11} {step.label}"
        return f"{row}: {note}" if note else row

    def _detail(self, status: str, what: str, note: str) -> str:
        row = f"        {glyph_and_word(status, self.ascii_only):<11} {what}"
        return f"{row}: {note}" if note else row

    def _failure_details(self, step: StepState, do: str) -> Iterator[str]:
        if do:
            yield f"        what to do: {do}"
        for text in step.log[-LOG_TAIL:]:
            yield f"        | {text}"

    def _heartbeat(self, now: float) -> str:
        running = [step for step in self.state.steps.values() if step.status == "running"]
        if not running:
            return ""
        running.sort(key=lambda step: step.started_at)
        parts = [_waiting_for(step, now) for step in running[:4]]
        more = f" and {len(running) - 4} more" if len(running) > 4 else ""
        return f"        still working: {'; '.join(parts)}{more}"


def _waiting_for(step: StepState, now: float) -> str:
    notes = [duration(now - step.started_at), *([step.progress] if step.progress else [])]
    return f"{step.label} ({', '.join(notes)})"
