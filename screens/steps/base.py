"""What a step of the wizard is: a page of questions that is entered, left backwards freely and forwards when valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from profiles.questions import Choice, Question, Screen, choices
from screens.session import Session
from screens.widgets.question import QuestionRow, row_id

Say = Callable[[str, str], None]
"""Shows a line under the page: a status (``running ok fail warn`` or empty) and words."""


class Step(VerticalScroll, can_focus=False):
    """One page. Subclasses compose their rows and may check more than the answers when going forward."""

    name_of_step: str = ""
    heading: str = ""

    def __init__(self, session: Session) -> None:
        super().__init__(id=f"step-{self.name_of_step}")
        self.session = session

    def questions(self) -> Sequence[Question]:
        """The questions on this page that apply now."""
        return ()

    def question_rows(self, screen: Screen) -> ComposeResult:
        """A row for each question that stands on ``screen``; the advanced ones where they are asked for."""
        yield from self.rows_for(self.session.on_page(screen))

    def rows_for(self, questions: Sequence[Question]) -> ComposeResult:
        """A row for each of ``questions``."""
        for question in questions:
            yield QuestionRow(question, self.initial(question), self.choices_of(question), self.session.glyphs)

    def initial(self, question: Question) -> object:
        """The answer a row starts with."""
        return self.session.answers.value(question.key)

    def choices_of(self, question: Question) -> Sequence[Choice]:
        """The allowed answers of a question."""
        return choices(question, self.session.answers.profile_so_far())

    def row(self, question: Question) -> QuestionRow:
        """The row of a question on this page."""
        return self.query_one(f"#{row_id(question.key)}", QuestionRow)

    def check(self) -> QuestionRow | None:
        """Show what is wrong with each answer; gives the first row that is wrong."""
        wrong = None
        for question in self.questions():
            row = self.row(question)
            sentence = self.session.answers.error(question)
            row.show_error(sentence)
            if sentence and wrong is None:
                wrong = row
        return wrong

    def answered(self, question: Question) -> None:
        """The wizard took another answer to a question of this page."""

    def entered(self) -> None:
        """The page is shown (again)."""

    async def forward(self, say: Say) -> bool:
        """Whatever must be true before the next page; ``say`` tells what goes on. Errors may be raised."""
        return True

    def first_field(self) -> Widget | None:
        """What gets the focus when the page is shown; ``None`` for the forward button."""
        for question in self.questions():
            return self.row(question).field
        return None


def paragraph(text: str, classes: str = "paragraph") -> Static:
    """A paragraph of our own words."""
    return Static(text, classes=classes, markup=False)
