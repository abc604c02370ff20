"""How the health command prints rounds: table, JSON, lines, and what the history says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.table import Table
from rich.text import Text

from drucloud_tui.review_text import console
from drucloud_tui.words import duration, glyph_and_word, wants_ascii
from health.diagnosis import Diagnosis
from health.history import Availability, Change
from health.report import Finding, overall
from health.watch import Round


def as_json(name: str, seen: Round) -> dict[str, Any]:
    """One round as a JSON object."""
    return {
        "deployment": name,
        "at": seen.at,
        "seconds": round(seen.seconds, 3),
        "status": overall(list(seen.findings)),
        "causes": [{"cause": one.cause.key, "explains": [item.key for item in one.explains]} for one in seen.diagnoses],
        "changes": [vars(change) for change in seen.changes],
        "findings": [finding.to_json() for finding in seen.findings],
    }


def table(name: str, seen: Round, out: TextIO) -> None:
    """The findings as a table, and below it the causes of what is not ok and what to do about them."""
    ascii_only = wants_ascii(out)
    screen = console(out)
    screen.print(rows(seen.findings, ascii_only))
    for one in seen.diagnoses:
        screen.print(Text(diagnosis(one)))
    told = {item.key for one in seen.diagnoses for item in (one.cause, *one.explains)}
    for item in seen.findings:
        if item.status == "unknown" and item.key not in told:
            screen.print(Text(f"{item.name}: {item.why} {item.remedy}".strip()))
    status = glyph_and_word(overall(list(seen.findings)), ascii_only)
    screen.print(Text(f"'{name}' is {status}; looked at in {seen.seconds:.1f} s."))


def rows(findings: Iterable[Finding], ascii_only: bool) -> Table:
    """Findings as a table."""
    shown = Table(box=None, pad_edge=False, header_style="")
    for column in ("Status", "Check", "On", "Seen"):
        shown.add_column(column, no_wrap=column == "Status")
    for item in findings:
        row = (glyph_and_word(item.status, ascii_only), item.name, item.subject, f"{item.value} {item.unit}".strip())
        shown.add_row(*map(Text, row))
    return shown


def diagnosis(one: Diagnosis) -> str:
    """A cause in words."""
    words = f"{one.cause.name} on {one.cause.subject}: {one.cause.why} {one.cause.remedy}".strip()
    if one.explains:
        words += f" (This also explains {', '.join(sorted({item.name for item in one.explains}))}.)"
    return words


def watch_line(name: str, seen: Round, out: TextIO) -> None:
    """One line a round, and one for each status that changed."""
    ascii_only = wants_ascii(out)
    at = time.strftime("%H:%M:%S", time.localtime(seen.at))
    counts = Counter(item.status for item in seen.findings)
    figures = ", ".join(f"{counts[key]} {key}" for key in ("ok", "warn", "fail", "unknown") if counts[key])
    causes = "; ".join(f"{one.cause.name} on {one.cause.subject}" for one in seen.diagnoses)
    status = glyph_and_word(overall(list(seen.findings)), ascii_only)
    print(f"{at} {name} {status}: {figures}{f' ({causes})' if causes else ''}", file=out)
    for change in seen.changes:
        print(f"{at}   {_change(change, ascii_only)}", file=out)
    out.flush()


def since(name: str, seconds: float, available: Availability, changes: Sequence[Change], out: TextIO) -> None:
    """What the history says of the last ``seconds``."""
    ascii_only = wants_ascii(out)
    percent = available.percent
    if percent is None:
        print(f"Nobody looked at '{name}' in the last {duration(seconds)}.", file=out)
    else:
        watched = duration(available.watched)
        print(f"'{name}' was available {percent:.2f} % of the {watched} watched ({available.rounds} rounds).", file=out)
    for change in reversed(changes):
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(change.at))
        print(f"{at}  {_change(change, ascii_only)}", file=out)
    if not changes:
        print("No status changed.", file=out)


def _change(change: Change, ascii_only: bool) -> str:
    before = f"{change.before} to " if change.before else ""
    status = glyph_and_word(change.status, ascii_only)
    return f"{change.name} on {change.subject}: {before}{status}. {change.why}".rstrip()


def worst(findings: Sequence[Finding]) -> bool:
    """Whether something failed."""
    return overall(list(findings)) == "fail"
