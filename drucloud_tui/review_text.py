"""A review as text: what will happen, what it costs, what the preflight found. Tables without lines or cursor moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drucloud_tui.words import WORDS, dollars, glyph_and_word, wants_ascii
from screens.plan_words import interruptions
from screens.services import Cost, Review

_VERBS = {"create": "Build or change", "resume": "Go on with", "destroy": "Take down"}
_COUNTED = ("create", "change", "replace", "verify", "keep", "retain", "delete")


def console(out: TextIO) -> Console:
    """Rich on ``out``, without markup and highlighting; 100 columns wide where there is no terminal."""
    return Console(
        file=out, markup=False, highlight=False, emoji=False, soft_wrap=False, width=None if out.isatty() else 100
    )


def counts(plan: Mapping[str, Any]) -> str:
    """``33 to create, 4 to verify``."""
    found = Counter(line["action"] for line in plan["lines"])
    parts = [f"{found[action]} to {WORDS[action][2]}" for action in _COUNTED if found[action]]
    return ", ".join(parts) or "nothing to do"


def monthly(plan: Mapping[str, Any]) -> float:
    """US dollars a month of what will stand after ``plan``, as far as prices are known."""
    return sum(line.get("monthly_usd") or 0.0 for line in plan["lines"] if line["action"] != "delete")


def show(review: Review, out: TextIO) -> None:
    """Print the whole review on ``out``."""
    place = review.place
    screen = console(out)
    screen.print(
        f"{_VERBS[review.verb]} '{review.profile.name}' in {place.target}, account {place.account}"
        f"{f' ({place.alias})' if place.alias else ''}, region {place.region}: {counts(review.plan)}."
    )
    if place.target == "sandbox":
        screen.print(f"Sandbox mode: {place.mode} ({place.reason}).")
    if place.mode == "rehearsal":
        screen.print("This is a REHEARSAL: no software is installed, and checks that need it say 'unknown'.")
    screen.print(_plan_table(review.plan, wants_ascii(out)))
    if review.verb != "destroy":
        for text in interruptions(review.plan):
            screen.print(Text(text))
        for line in cost_lines(review.cost, place.target == "sandbox"):
            screen.print(line)
    if review.security:
        screen.print(Text("Security:"))
        for sentence in review.security:
            screen.print(Text(f"  {sentence}"))
    for notice in review.notices:
        if notice.status != "ok":
            word = glyph_and_word(notice.status, wants_ascii(out))
            screen.print(Text(f"{word}: {notice.what} {notice.do}".rstrip()))


def as_json(review: Review) -> dict[str, Any]:
    """What a review says beside its plan: the cost with its range and what costs less, security, findings."""
    cost = review.cost
    return {
        "cost": {
            "monthly_usd": round(cost.monthly_usd, 2),
            "monthly_high_usd": round(cost.monthly_high_usd, 2),
            "as_of": cost.as_of,
            "cheaper": list(cost.cheaper),
            "exclusions": list(cost.exclusions),
        },
        "security": list(review.security),
        "findings": [{"status": item.status, "what": item.what, "do": item.do} for item in review.notices],
    }


def cost_lines(cost: Cost, sandbox: bool) -> list[str]:
    """The estimate in one or two lines."""
    lead = "In the sandbox nothing costs money; on AWS it would be" if sandbox else "Estimated cost:"
    by_use = cost.monthly_high_usd - cost.monthly_usd >= 0.005
    amount = dollars(cost.monthly_usd) + (f" to {dollars(cost.monthly_high_usd)}" if by_use else "")
    lines = [f"{lead} {amount} a month, ${cost.hourly_usd:.3f} an hour (prices of {cost.as_of})."]
    lines += [f"Cheaper: {words}." for words in cost.cheaper]
    if unknown := sum(line.monthly_usd is None for line in cost.lines):
        lines.append(f"The price of {unknown} of them is not known.")
    if cost.exclusions:
        lines.append(f"Not included: {' '.join(cost.exclusions)}")
    return lines


def _plan_table(plan: Mapping[str, Any], ascii_only: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="", show_edge=False)
    table.add_column("Action", no_wrap=True)
    table.add_column("Tier", no_wrap=True)
    table.add_column("What")
    table.add_column("USD a month", justify="right", no_wrap=True)
    for line in plan["lines"]:
        price = line.get("monthly_usd")
        reason = f" ({line['reason']})" if line.get("reason") else ""
        table.add_row(
            Text(glyph_and_word(line["action"], ascii_only)),
            Text(line["tier"]),
            Text(f"{line['label']}{reason}"),
            Text("" if not price else f"{price:,.2f}"),
        )
    return table
