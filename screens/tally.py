"""Figures of groups of steps, kept up by what changes: adding up thousands of steps ten times a second is too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provisioners.engine.state import StepState


@dataclass(frozen=True)
class Summary:
    """A group of steps in figures."""

    status: str
    total: int
    done: int
    running: int
    failed: int
    seconds: float


@dataclass
class Tally:
    """One group: how many steps are in each status, when the first began and when the last that is over ended."""

    counts: Counter[str] = field(default_factory=Counter)
    first: float = 0.0
    last: float = 0.0

    @property
    def status(self) -> str:
        """The group's worst status."""
        counts = self.counts
        if counts["failed"]:
            return "failed"
        if counts["running"] or (counts["done"] and counts["waiting"]):
            return "running"
        if counts["waiting"]:
            return "waiting"
        return "skipped" if counts["skipped"] else "done"

    def summary(self, now: float) -> Summary:
        """Its figures at ``now`` (Unix seconds)."""
        end = now if self.counts["running"] else self.last
        return Summary(
            status=self.status,
            total=self.counts.total(),
            done=self.counts["done"],
            running=self.counts["running"],
            failed=self.counts["failed"],
            seconds=end - self.first if self.first else 0.0,
        )


class Tallies:
    """The groups of one plan."""

    def __init__(self, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        """:param groups: names of steps by group."""
        self._group = {step: group for group, steps in (groups or {}).items() for step in steps}
        self._counted: dict[str, str] = {}
        self.of: dict[str, Tally] = {group: Tally() for group in groups or {}}

    def count(self, steps: Iterable[StepState]) -> None:
        """Take the newest state of these steps; one that is in no group is left out."""
        for step in steps:
            group = self._group.get(step.id)
            if group is None:
                continue
            tally = self.of[group]
            if before := self._counted.get(step.id):
                tally.counts[before] -= 1
            self._counted[step.id] = step.status
            tally.counts[step.status] += 1
            if step.started_at:
                tally.first = min(tally.first or step.started_at, step.started_at)
                if step.status != "running":
                    tally.last = max(tally.last, step.started_at + step.seconds)

    def total(self) -> Counter[str]:
        """How many steps of the plan are in each status."""
        return sum((tally.counts for tally in self.of.values()), Counter())
