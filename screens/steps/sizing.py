"""How big it is: by the traffic that is expected, or by hand."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from profiles import sizing
from profiles.errors import ProfileError
from profiles.pages import PAGES
from profiles.questions import Question
from screens.session import Session
from screens.steps.page import QuestionPage
from screens.widgets.question import QuestionRow, words_of

TRAFFIC = "traffic."
"""Prefix of the questions whose answers propose others."""


class SizingStep(QuestionPage):
    """Stating the traffic proposes classes and counts; what was chosen by hand stays."""

    name_of_step = "sizing"

    def __init__(self, session: Session) -> None:
        super().__init__(session, next(page for page in PAGES if page.name == "sizing"))

    def compose(self) -> ComposeResult:
        """The questions, and what was proposed."""
        yield from super().compose()
        yield Static("", id="sizing-why", markup=False)

    def answered(self, question: Question) -> None:
        """Another traffic proposes other sizes; another size is the user's own from now on."""
        if question.key.startswith(TRAFFIC):
            self._propose()
        else:
            self.session.by_hand.add(question.key)

    def _propose(self) -> None:
        """Answer what the traffic decides, and say so."""
        answers, said = self.session.answers, self.query_one("#sizing-why", Static)
        if any(answers.error(item) for item in self.questions() if item.key.startswith(TRAFFIC)):
            return
        session = self.session
        session.proposed -= session.by_hand
        try:
            found = sizing.for_profile(answers.profile_so_far(without=session.proposed))
        except ProfileError as problem:
            said.update(Text(f"{session.glyphs.mark('warn')} {problem}"))
            return
        wanted = {key: answers.original(key) for key in session.proposed}
        wanted.update((item.key, item.value) for item in found.answers if item.key not in session.by_hand)
        changed = [f"{key} {words_of(value)}" for key, value in wanted.items() if self._answer(key, value)]
        session.proposed = {item.key for item in found.answers} - session.by_hand
        said.update(self._words(found, changed))

    def _answer(self, key: str, value: object) -> bool:
        """Give an answer and show it where its row is; whether it is another one."""
        if not self.session.answers.give(key, value):
            return False
        for row in self.screen.query(QuestionRow):
            if row.question.key == key:
                row.show_answer(value)
        return True

    def _words(self, found: sizing.Sizing, changed: list[str]) -> Text:
        text = Text(found.reasoning)
        proposed = ", ".join(changed) or "what is chosen already"
        text.append(f"\n{self.session.glyphs.mark('ok')} Proposed: {proposed}.", "bold")
        if kept := [answer.key for answer in found.answers if answer.key in self.session.by_hand]:
            text.append(f" Kept as you chose: {', '.join(kept)}.")
        return text
