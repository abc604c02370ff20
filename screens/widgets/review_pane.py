"""A plan under review: preflight findings, the tree with counts, the cost, and the confirmation."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from screens.review_rows import PlanRows, cost_text, forbids, notices_text, question_of, totals
from screens.services import Review
from screens.theme import Glyphs
from screens.widgets.row_tree import RowTree

_AROUND = 20
"""Rows that masthead, findings, cost and confirmation take around the tree."""


class ReviewPane(Vertical):
    """Shows a :class:`Review` and asks for the yes."""

    class Decided(Message):
        """The user answered: ``launch``, ``save`` (the profile), ``export`` or ``no``."""

        def __init__(self, answer: str, review: Review) -> None:
            super().__init__()
            self.answer = answer
            self.review = review

    def __init__(self, review: Review, glyphs: Glyphs, *, preset_yes: bool = False) -> None:
        """:param preset_yes: the user said ``--yes`` on the command line."""
        super().__init__(id="review-pane")
        self.review = review
        self._glyphs = glyphs
        self._rows = PlanRows(review, glyphs)
        self._yes = preset_yes
        self._must_type = review.verb == "destroy" and not preset_yes
        """What is gone is gone: destroying asks for the name, not for a key."""

    def compose(self) -> ComposeResult:
        """From top to bottom what a careful reader wants to know first."""
        review = self.review
        question, (yes, no) = question_of(review)
        yield Static(totals(review), id="review-totals")
        yield RowTree(self._rows.draw, self._glyphs, id="review-tree")
        with VerticalScroll(id="review-notices", can_focus=False):
            yield Static(notices_text(review, self._glyphs))
        yield Static(cost_text(review.cost, review.place.target == "sandbox"), id="review-cost")
        with Horizontal(id="review-confirm"):
            yield Static(Text(question, "bold"), id="review-question")
            if self._must_type:
                yield Input(placeholder=f"type {review.profile.name}", id="review-name", compact=True)
            yield Button(Text(yes), id="review-yes", compact=True, disabled=forbids(review) or self._must_type)
            yield Button(Text(no), id="review-no", compact=True)
            if review.verb != "destroy":
                yield Button(Text("Save"), id="review-save", compact=True)
                yield Button(Text("Export"), id="review-export", compact=True)

    def on_mount(self) -> None:
        """Build the tree once."""
        self.query_one(RowTree).set_rows(self._rows.rows(self.app.size.height - _AROUND))

    def proposal(self) -> Widget:
        """The button with the focus: yes in the sandbox, no where it costs money or deletes."""
        yes = self.review.place.target == "sandbox" and self.review.verb != "destroy"
        name = "#review-yes" if (yes or self._yes) and not forbids(self.review) else "#review-no"
        return self.query_one(name, Button)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The name, and nothing else, opens the way to destroy."""
        event.stop()
        right = event.value.strip() == self.review.profile.name
        self.query_one("#review-yes", Button).disabled = forbids(self.review) or not right

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter after the name only moves on to the button."""
        event.stop()
        yes = self.query_one("#review-yes", Button)
        if not yes.disabled:
            yes.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Pass the answer on."""
        event.stop()
        answer = {"review-yes": "launch", "review-save": "save", "review-export": "export"}.get(
            event.button.id or "", "no"
        )
        self.post_message(self.Decided(answer, self.review))
