"""Which steps decide when a run is over: the longest chain of expected times that is not done yet.

The chain's length is the time left, an estimate and never a limit. The plan is put in order once; what is asked every
second is one walk over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from provisioners.engine.state import DeployState, StepState


class CriticalPath:
    """The chain of one plan."""

    def __init__(self, lines: Sequence[Mapping[str, Any]] = ()) -> None:
        """:param lines: the plan's lines, with ``id`` and ``requires``."""
        known = {line["id"] for line in lines}
        requires = {line["id"]: [need for need in line.get("requires", ()) if need in known] for line in lines}
        self._order = [(name, requires[name]) for name in TopologicalSorter(requires).static_order()]
        self.seconds = 0.0
        """Expected seconds left when last looked at."""
        self.steps: frozenset[str] = frozenset()
        """The steps of the chain that are not over yet."""

    def look(self, state: DeployState, now: float) -> None:
        """Find the chain anew at ``now`` (Unix seconds)."""
        left: dict[str, float] = {}
        before: dict[str, str] = {}
        for name, requires in self._order:
            longest = 0.0
            for need in requires:
                if left[need] > longest:
                    longest, before[name] = left[need], need
            left[name] = longest + _seconds_left(state.steps.get(name), now)
        last = max(left, key=left.__getitem__, default="")
        self.seconds = left.get(last, 0.0)
        self.steps = frozenset(_chain(last, before, state)) if self.seconds else frozenset()


def _chain(last: str, before: Mapping[str, str], state: DeployState) -> Iterable[str]:
    name: str | None = last
    while name:
        step = state.steps.get(name)
        if step is not None and step.status in ("waiting", "running"):
            yield name
        name = before.get(name)


def _seconds_left(step: StepState | None, now: float) -> float:
    if step is None or step.status in ("done", "failed", "skipped"):
        return 0.0
    if step.status != "running":
        return step.expected_seconds
    return max(0.0, step.expected_seconds - (now - step.started_at))
