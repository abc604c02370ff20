"""What the health pages say about findings: pure functions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from health.machines import is_machine
from health.path import VISITORS, first_bytes, path
from health.report import Finding, overall
from provisioners.foreign_text import clean_line
from screens.theme import Glyphs
from screens.widgets.row_tree import Line, Row

if TYPE_CHECKING:
    from health.diagnosis import Diagnosis
    from health.history import Change

MICRO_CACHE = "micro-cache."
"""Names of the probes that tell what the micro-cache does begin with this."""

TIERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Site", ("site", "tls", "dns", "drupal")),
    ("CDN and balancer", ("edge", "alb", "lvs")),
    ("Micro-cache", ("micro-cache",)),
    ("PHP", ("opcache", "apcu", "fpm")),
    ("Memcached", ("memcached", "elasticache")),
    ("Database", ("database", "rds")),
    ("Search", ("search",)),
    ("Mail", ("mail",)),
    ("Machines", ("machine", "service", "cron", "ec2", "group")),
    ("Account", ("drift", "quota", "cloudwatch")),
)
"""Tiers of the overview, and how the names of their checks begin."""

_TRUTHS = (
    ("miss", "1st visit"),
    ("hit", "2nd"),
    ("other-cookie", "other cookie"),
    ("bypass", "logged in"),
)

HOPS_APART = 5
"""More hops than this stand line under line, or 24 lines would not hold them."""

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=+*%#"


def tier_of(item: Finding) -> str:
    """The tier a finding belongs to."""
    first = item.name.partition(".")[0]
    return next((tier for tier, names in TIERS if first in names), "Other")


def is_of_machine(item: Finding) -> bool:
    """Whether a finding is about one of our machines."""
    return is_machine(item.subject)


def spark(figures: Sequence[float], glyphs: Glyphs, width: int = 10) -> str:
    """Figures as a line of bars, the newest on the right; empty for fewer than two."""
    shown = list(figures)[-width:]
    if len(shown) < 2:
        return ""
    bars = glyphs.pick(_BARS, _ASCII_BARS)
    low, high = min(shown), max(shown)
    reach = (high - low) or 1.0
    return "".join(bars[min(len(bars) - 1, int((one - low) / reach * len(bars)))] for one in shown)


class HealthRows:
    """Rows of the overview, the machines and the events, and how each is drawn."""

    def __init__(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.findings: list[Finding] = []
        self.changes: list[Change] = []
        self.series: Mapping[str, Sequence[float]] = {}

    def rows(self, page: str, opened: Mapping[str, bool], room: int = 0) -> list[Row]:
        """The tree of a page; groups that are not all well are open, unless the user (``opened``) says otherwise.

        :param room: lines there are for it: where everything has room, everything is open.
        """
        if page == "events":
            return [Row(f"event:{index}") for index in range(len(self.changes))]
        groups = self._groups(page)
        everything = page == "machines" or len(groups) + sum(map(len, groups.values())) <= room
        made = []
        for name, items in groups.items():
            key = f"{page}:{name}"
            open_now = opened.get(key, everything or overall(items) != "ok")
            made.append(Row(key, [Row(f"find:{item.key}") for item in items], expanded=open_now))
        return made

    def _groups(self, page: str) -> dict[str, list[Finding]]:
        groups: dict[str, list[Finding]] = {}
        if page == "machines":
            for item in filter(is_of_machine, self.findings):
                groups.setdefault(item.subject, []).append(item)
            return groups
        order = [*(tier for tier, _ in TIERS), "Other"]
        for item in self.findings:
            groups.setdefault(tier_of(item), []).append(item)
        return {tier: groups[tier] for tier in order if tier in groups}

    def finding(self, key: str) -> Finding | None:
        """The finding behind a row's key."""
        return next((item for item in self.findings if f"find:{item.key}" == key), None)

    def draw(self, key: str) -> Line:
        """The line of a row."""
        kind, _, name = key.partition(":")
        if kind == "event":
            return self._event(self.changes[int(name)])
        if kind == "find":
            item = self.finding(key)
            return self._finding(item) if item else Line(((name, "muted"),))
        return self._group(name, self._groups(kind).get(name, []))

    def _group(self, name: str, items: Sequence[Finding]) -> Line:
        status = overall(list(items))
        counts = Counter(item.status for item in items)
        figures = ", ".join(f"{counts[one]} {one}" for one in ("fail", "warn", "unknown", "ok") if counts[one])
        return Line(
            ((f"{self.glyphs.mark(status)} {status:<8} ", self.glyphs.role(status)), (name, "strong")),
            ((figures, "muted"),),
        )

    def _finding(self, item: Finding) -> Line:
        seen = clean_line(f"{item.value} {item.unit}".strip())
        bars = spark(self.series.get(item.key, ()), self.glyphs)
        return Line(
            (
                (f"{self.glyphs.mark(item.status)} {item.status:<8} ", self.glyphs.role(item.status)),
                (f"{item.name:<24} ", "plain"),
                (bars, "running"),
            ),
            ((seen[:36], "strong" if item.status == "ok" else self.glyphs.role(item.status)),),
        )

    def _event(self, change: Change) -> Line:
        at = time.strftime("%m-%d %H:%M:%S", time.localtime(change.at))
        before = f"{change.before} {self.glyphs.pick('→', '->')} " if change.before else ""
        return Line(
            (
                (f"{at} ", "muted"),
                (f"{self.glyphs.mark(change.status)} {before}{change.status} ", self.glyphs.role(change.status)),
                (f"{change.name} ", "strong"),
                (change.subject, "muted"),
            )
        )


def truth_text(findings: Sequence[Finding], glyphs: Glyphs) -> Text:
    """The micro-cache's own words: what a first visitor, a second one, and one who is logged in get."""
    by_name = {item.name.removeprefix(MICRO_CACHE): item for item in findings if item.name.startswith(MICRO_CACHE)}
    text = Text("Cache  ", "bold", no_wrap=True, overflow="ellipsis")
    for name, who in _TRUTHS:
        if (item := by_name.get(name)) is not None:
            text.append(f"{glyphs.mark(item.status)} {who} ", "not bold")
            text.append(f"{clean_line(item.value) or item.status}  ", "bold")
    return text if by_name else Text("")


def path_text(findings: Sequence[Finding], glyphs: Glyphs) -> Text:
    """The way of three requests from the browser to the database, and where each was answered."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {'':<26}" + "".join(f"{who:<17}" for who, _ in VISITORS) + "\n", "bold")
    waits = [f"{wait:.1f} ms" if wait is not None else "" for wait in first_bytes(findings)]
    text.append(f" {'':2}{'browser, first byte':<24}" + "".join(f"{wait:<17}" for wait in waits) + "\n")
    down, arrow = glyphs.pick("│", "|"), glyphs.pick("◀", "<")
    hops = path(findings)
    for hop in hops:
        if len(hops) <= HOPS_APART:
            text.append(f" {'':2}{'':<24}" + "".join(f"{down if cell else '':<17}" for cell in hop.cells) + "\n", "dim")
        took = f"{hop.milliseconds:.1f} ms" if hop.milliseconds is not None else ""
        text.append(f" {glyphs.mark(hop.status)} {hop.name:<12}{took:<12}")
        for cell in hop.cells:
            words = cell.replace("answers", f"{arrow} answers")
            text.append(f"{words:<17}", "bold" if "answers" in cell else "dim" if cell else "")
        text.append("\n")
    return text


def overall_text(findings: Sequence[Finding], glyphs: Glyphs, name: str) -> Text:
    """One line on everything."""
    if not findings:
        return Text(f"{glyphs.mark('running')} Examining {name}")
    status = overall(list(findings))
    counts = Counter(item.status for item in findings)
    words = {"ok": "is healthy", "warn": "works, with warnings", "fail": "has failures"}.get(status, "is not all known")
    text = Text(f"{glyphs.mark(status)} {name} {words}", "bold")
    figures = ", ".join(f"{counts[key]} {key}" for key in ("ok", "warn", "fail", "unknown") if counts[key])
    return text.append(f"  {figures}", "not bold")


def cause_text(diagnoses: Sequence[Diagnosis], glyphs: Glyphs) -> Text:
    """The first cause of what is not ok, and how much it explains; empty when all is well."""
    if not diagnoses:
        return Text("")
    first, more = diagnoses[0], len(diagnoses) - 1
    text = Text(
        f"{glyphs.mark(first.cause.status)} Cause: {first.cause.name}", "bold", no_wrap=True, overflow="ellipsis"
    )
    text.append(f"  {clean_line(first.cause.why)}", "not bold")
    if first.explains:
        text.append(f"  (explains {len(first.explains)} more)", "not bold")
    return text.append(f"  +{more} more cause(s)", "not bold") if more else text


def finding_text(item: Finding, glyphs: Glyphs) -> Text:
    """One finding in full."""
    text = Text(f"{glyphs.mark(item.status)} {item.name}", "bold")
    text.append(f"  {item.subject}  {clean_line(item.value)} {item.unit}".rstrip(), "not bold")
    if item.since:
        text.append(f"  since {time.strftime('%m-%d %H:%M:%S', time.localtime(item.since))}", "not bold")
    if item.why:
        text.append(f"\n{clean_line(item.why)}", "not bold")
    if item.remedy:
        text.append(f"\nWhat to do: {clean_line(item.remedy)}", "not bold")
    return text
