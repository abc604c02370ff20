"""The running total: what the answers so far would cost on AWS, and what the newest answer changed about it."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

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
    """Shows the total; keeps the one before it."""

    def __init__(self) -> None:
        super().__init__("", id="price", markup=False)
        self._shown: float | None = None

    def show(self, cost: Cost, why: str, *, compare: bool) -> None:
        """Show a new total.

        :param compare: whether it is a change of the one before (false: another profile altogether).
        """
        self.update(price_text(cost, self._shown if compare else None, why))
        self._shown = cost.monthly_usd

    def show_problem(self, sentence: str) -> None:
        """There is no total for these answers."""
        self.update(Text(f"No price: {sentence}", no_wrap=True, overflow="ellipsis"))

    def clear_price(self) -> None:
        """There is nothing to price here."""
        self._shown = None
        self.update("")
