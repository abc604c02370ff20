"""What the review says about a plan: pure functions of the plan and its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from screens.plan_words import interruptions
from screens.progress import TIER, rows_of, tier_label, tiers_of
from screens.services import Cost, Review
from screens.theme import Glyphs
from screens.widgets.row_tree import Line, Row

EXCLUDED, CHEAPER, SECURITY, INTERRUPTS = "excluded:", "cheaper:", "security:", "interrupts:"
"""Prefixes of the keys of rows that are sentences."""

_TITLES = {INTERRUPTS: "Interruptions", SECURITY: "Security", CHEAPER: "Cheaper", EXCLUDED: "Not in the price"}

_ACTION_WIDTH = 8
ACTIONS = ("create", "change", "replace", "delete", "retain", "keep", "verify")


def counts_text(counts: Mapping[str, int]) -> str:
    """``38 to create, 2 to verify``; ``nothing to do`` when all is kept."""
    parts = [f"{counts[action]} to {action}" for action in ACTIONS if counts.get(action)]
    return ", ".join(parts) or "nothing to do"


def money(usd: float | None) -> str:
    """``$12.41``; a price that is not known says so."""
    return "unknown" if usd is None else f"${usd:,.2f}"


def a_month(cost: Cost) -> str:
    """``$55.03``, or the range ``$55.03 to $64.11`` where some of it is billed by use."""
    if cost.monthly_high_usd - cost.monthly_usd < 0.005:
        return money(cost.monthly_usd)
    return f"{money(cost.monthly_usd)} to {money(cost.monthly_high_usd)}"


class PlanRows:
    """Draws the rows of a plan under review."""

    def __init__(self, review: Review, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.lines: dict[str, Mapping[str, Any]] = {line["id"]: line for line in review.plan["lines"]}
        self._tiers = tiers_of(review.plan["lines"])
        interrupted = tuple(interruptions(review.plan))
        self._notes = {
            INTERRUPTS: interrupted,
            SECURITY: review.security,
            CHEAPER: review.cost.cheaper,
            EXCLUDED: review.cost.exclusions,
        }
        self._prices = {line.step: line.monthly_usd for line in review.cost.lines}

    def draw(self, key: str) -> Line:
        """The line of a row."""
        kind, colon, number = key.partition(":")
        if f"{kind}{colon}" in _TITLES:
            return self._note(f"{kind}{colon}", number)
        if key.startswith(TIER):
            return self._tier(key.removeprefix(TIER))
        if key in self.lines:
            return self._step(self.lines[key])
        step, _, child = key.partition("/")
        labels = {item["id"]: item["label"] for item in self.lines[step]["children"]}
        return Line((("- ", "muted"), (labels.get(child, child), "muted")))

    def rows(self, room: int) -> list[Row]:
        """The whole tree: the plan's groups, then what protects it, what costs less, and what the price leaves out.

        :param room: lines there are for it. The sentences are opened before the groups: every group's sum is seen.
        """
        groups = len(self._tiers) + len(self.lines)
        sentences = sum(1 + len(notes) for notes in self._notes.values() if notes)
        rows = rows_of(list(self.lines.values()), expanded=groups + sentences <= room)
        for kind, notes in self._notes.items():
            if notes:
                parts = [Row(f"{kind}{index}") for index in range(len(notes))]
                rows.append(Row(kind, parts, expanded=len(self._tiers) + sentences <= room))
        return rows

    def _note(self, kind: str, number: str) -> Line:
        if number:
            return Line((("- ", "muted"), (self._notes[kind][int(number)], "muted")))
        words = "; ".join(item.rstrip(".") for item in self._notes[kind])
        return Line(((f"{_TITLES[kind]:<16}  ", "strong"), (words, "muted")))

    def _tier(self, tier: str) -> Line:
        lines = self._tiers[tier]
        counts = Counter(line["action"] for line in lines)
        monthly = sum(self._prices.get(line["id"]) or 0.0 for line in lines)
        return Line(
            ((f"{tier_label(tier):<16}  ", "strong"), (counts_text(counts), "plain")),
            ((money(monthly), "plain"), (" a month", "muted")) if monthly else (),
        )

    def _step(self, line: Mapping[str, Any]) -> Line:
        action = line["action"]
        mark = f"{self.glyphs.mark(action)} {action:<{_ACTION_WIDTH}} "
        left = [(mark, self.glyphs.role(action)), (line["label"], "plain")]
        if line.get("reason"):
            left.append((f"  {line['reason']}", "muted"))
        price = self._prices.get(line["id"], 0.0)
        return Line(tuple(left), ((money(price), "muted"),) if price != 0.0 else ())


def totals(review: Review) -> Text:
    """Counts of the whole plan, and what kind of run it is."""
    counts = Counter(line["action"] for line in review.plan["lines"])
    text = Text(counts_text(counts), "bold")
    text.append(f"  {len(review.plan['lines'])} lines in {len(tiers_of(review.plan['lines']))} groups", "not bold")
    return text


def cost_text(cost: Cost, sandbox: bool) -> Text:
    """The monthly cost with its date and what it leaves out."""
    text = Text()
    if not cost.as_of:
        return text.append("No cost estimate for this plan.")
    if sandbox:
        text.append("Costs nothing in the sandbox; on AWS ")
    text.append(f"about {a_month(cost)} a month", "bold")
    text.append(f" (${cost.hourly_usd:,.3f} an hour), prices of {cost.as_of}.")
    unknown = sum(line.monthly_usd is None for line in cost.lines)
    if unknown:
        text.append(f" {unknown} prices are unknown.")
    if cost.exclusions:
        text.append(" The last rows say what costs less and what is not in it.")
    return text


def notices_text(review: Review, glyphs: Glyphs) -> Text:
    """Preflight findings, the worst first."""
    order = {"fail": 0, "unknown": 1, "warn": 2, "ok": 3}
    text = Text()
    for notice in sorted(review.notices, key=lambda item: order[item.status]):
        if text:
            text.append("\n")
        text.append(f"{glyphs.mark(notice.status)} {notice.status:<5} {notice.what}")
        if notice.do and notice.status != "ok":
            text.append(f" {notice.do}")
    return text


def forbids(review: Review) -> bool:
    """Whether a preflight finding forbids the launch."""
    return any(notice.status == "fail" for notice in review.notices)


def question_of(review: Review) -> tuple[str, Sequence[str]]:
    """The confirmation and its two answers, yes first."""
    where = "in the sandbox" if review.place.target == "sandbox" else f"in account {review.place.account}"
    if review.verb == "destroy":
        return f"Delete '{review.profile.name}' {where}?", ("Yes, delete", "No")
    return f"Build this {where}?", ("Yes, build it", "No")
