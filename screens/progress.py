"""What the live tree says about a deployment: pure functions of the folded state and the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from provisioners.engine.state import ChildState, DeployState, StepState
from screens.critical_path import CriticalPath
from screens.tally import Tallies
from screens.theme import Glyphs, duration
from screens.widgets.row_tree import Line, Row, Span

TIER = "tier:"
"""Prefix of the keys of tier rows; a step's key is its id, a child's ``STEP/CHILD`` (see :func:`child_key`)."""

_WORD_WIDTH = 8

TIER_LABELS = {
    "network": "Network",
    "access": "Access",
    "storage": "Storage",
    "database": "Database",
    "cache": "Cache",
    "admin": "Admin node",
    "web": "Web server",
    "site": "Site",
    "checks": "Checks",
}


def child_key(step: str, child: str) -> str:
    """The key of a step's part."""
    return f"{step}/{child}"


def tier_label(tier: str) -> str:
    """The words for a tier."""
    return TIER_LABELS.get(tier, tier.capitalize() or "Other")


def tiers_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The plan's lines by tier, tiers and lines in plan order."""
    tiers: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        tiers.setdefault(line["tier"], []).append(line)
    return tiers


def rows_of(lines: Iterable[Mapping[str, Any]], *, expanded: bool) -> list[Row]:
    """The whole tree of a plan: tiers, their steps, and the steps' foreseen parts."""
    return [
        Row(f"{TIER}{tier}", [_step_row(line) for line in members], expanded=expanded)
        for tier, members in tiers_of(lines).items()
    ]


def _step_row(line: Mapping[str, Any]) -> Row:
    return Row(line["id"], [Row(child_key(line["id"], child["id"])) for child in line["children"]])


class LiveRows:
    """Draws the rows of one deployment. The screen replaces ``state`` and ``now``; drawing never changes them."""

    def __init__(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.state = DeployState()
        self.now = 0.0
        self.tallies = Tallies()
        self.path = CriticalPath()

    def dirty_keys(self, steps: Iterable[str]) -> set[str]:
        """The rows that change when these steps change: their own, their parts' and their tier's."""
        keys: set[str] = set()
        for name in steps:
            step = self.state.steps.get(name)
            if step is not None:
                keys.update((name, f"{TIER}{step.tier}"))
                keys.update(child_key(name, child) for child in step.children)
        return keys

    def draw(self, key: str) -> Line:
        """The line of a row."""
        if key.startswith(TIER):
            return self._tier(key.removeprefix(TIER))
        if (step := self.state.steps.get(key)) is not None:
            return self._step(step)
        name, _, child = key.partition("/")
        step = self.state.steps.get(name)
        part = step.children.get(child) if step is not None else None
        return self._part(part) if part is not None else Line(((key, "plain"),))

    def _status(self, status: str, word: str = "") -> tuple[Span, ...]:
        return ((f"{self.glyphs.mark(status)} {(word or status):<{_WORD_WIDTH}} ", self.glyphs.role(status)),)

    def _tier(self, tier: str) -> Line:
        group = self.tallies.of[tier].summary(self.now)
        figures = f"{group.done} of {group.total}"
        if group.failed:
            figures += f", {group.failed} failed"
        elif group.running:
            figures += f", {group.running} running"
        return Line(
            (*self._status(group.status), (f"{tier_label(tier)}  ", "strong"), (figures, "muted")),
            ((duration(group.seconds), "muted"),) if group.seconds else (),
        )

    def _step(self, step: StepState) -> Line:
        left: list[Span] = [*self._status(step.status, step.outcome or step.status), (f"{step.label}  ", "plain")]
        note = step.error if step.status == "failed" else step.progress
        if note and step.status != "waiting":
            left.append((note, "failed" if step.status == "failed" else "muted"))
        return Line(tuple(left), self._times(step))

    def _times(self, step: StepState) -> tuple[Span, ...]:
        expected = f"of ~{duration(step.expected_seconds)}" if step.expected_seconds >= 1 else ""
        deciding = ((f"{self.glyphs.critical} ", "warn"),) if step.id in self.path.steps else ()
        if step.status == "running":
            return (*deciding, (f"{duration(self.now - step.started_at)} ", "running"), (expected, "muted"))
        if step.status == "waiting":
            return (*deciding, (expected.removeprefix("of "), "waiting")) if expected else ()
        return ((duration(step.seconds), "muted"),) if step.status != "skipped" else ()

    def _part(self, part: ChildState) -> Line:
        left: list[Span] = [*self._status(part.status), (f"{part.label}  ", "plain")]
        if part.text:
            left.append((part.text, "muted"))
        return Line(tuple(left), ((f"{part.seconds:.1f} s", "muted"),) if part.seconds else ())


def headline(state: DeployState, counts: Counter[str], now: float, left: float, mark: str) -> tuple[str, str]:
    """Status and words for the whole run: counts, elapsed, and the seconds that are expected to be left.

    :param mark: stands at the steps that decide it.
    """
    total = sum(counts.values())
    words = [f"{counts['done']} of {total} done"]
    words += [f"{counts[status]} {status}" for status in ("running", "failed", "skipped") if counts[status]]
    elapsed = state.seconds or (now - state.started_at if state.started_at else 0.0)
    words.append(duration(elapsed))
    if state.phase == "running" and left >= 1:
        words.append(f"~{duration(left)} left, by {mark}")
    return state.phase, "  ".join(words)
