"""The running total: what the answers so far would cost on AWS, and what the newest answer changed about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from rich.text import Text
from textual.widgets import Static

from profiles.errors import DrucloudError
from screens.background import in_background, start
from screens.review_rows import a_month
from screens.services import Cost


def price_text(cost: Cost, before: float | None, why: str) -> Text:
    """``About $84.12 a month on AWS   +$12.05 by Web server class: t4g.medium``.

    :param before: the total before the newest answer, US dollars a month; ``None`` when there was none.
    :param why: the newest answer in words.
    """
    text = Text()
    text.append(f"About {a_month(cost)} a month on AWS", "bold")
    if unknown := sum(line.monthly_usd is None for line in cost.lines):
        text.append(f" and {unknown} unknown price{'s' if unknown > 1 else ''}")
    change = 0.0 if before is None or not why else round(cost.monthly_usd - before, 2)
    if change:
        text.append(f"   {'-' if change < 0 else '+'}${abs(change):,.2f} by {why}")
    return text


class PriceLine(Static):
    """Counts the total and shows it; keeps the one before it."""

    def __init__(self) -> None:
        super().__init__("", id="price", markup=False)
        self._shown: float | None = None

    def count(self, estimate: Callable[[], Cost], why: str = "", *, compare: bool = False, rest: float = 0.0) -> None:
        """Count anew, in the place of a count that is under way.

        :param why: the newest answer in words.
        :param compare: whether it is a change of the total before (false: another profile altogether).
        :param rest: seconds to wait first for a newer answer.
        """
        # The screen's worker: it is the screen that hears of one that failed.
        start(self.screen, partial(self._count, estimate, why, compare, rest), group="price", only=True)

    async def _count(self, estimate: Callable[[], Cost], why: str, compare: bool, rest: float) -> None:
        await asyncio.sleep(rest)
        try:
            cost = await in_background(estimate)
        except DrucloudError as problem:
            self._show_problem(str(problem))
        else:
            self._show(cost, why, compare)

    def clear_price(self) -> None:
        """There is nothing to price here; a count that is under way is dropped."""
        self.screen.workers.cancel_group(self.screen, "price")
        self._shown = None
        self.update("")

    def _show(self, cost: Cost, why: str, compare: bool) -> None:
        self.update(price_text(cost, self._shown if compare else None, why))
        self._shown = cost.monthly_usd

    def _show_problem(self, sentence: str) -> None:
        self.update(Text(f"No price: {sentence}", no_wrap=True, overflow="ellipsis"))
