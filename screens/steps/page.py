"""A page that is nothing but its questions: what is written nowhere else needs no code of its own."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from profiles.pages import Page
from profiles.questions import Question
from screens.session import Session
from screens.steps.base import Step, paragraph


class QuestionPage(Step):
    """A page of :data:`profiles.pages.PAGES` and a row for each of its questions."""

    def __init__(self, session: Session, page: Page) -> None:
        self.page_of_questions = page
        self.name_of_step = page.name
        self.heading = page.heading
        super().__init__(session)

    def compose(self) -> ComposeResult:
        """What it decides, and the rows."""
        yield paragraph(self.page_of_questions.words)
        yield from self.rows_for(self.questions())

    def questions(self) -> Sequence[Question]:
        """All of them; the advanced ones too when they are asked for."""
        return self.session.on_page(self.page_of_questions.name)
