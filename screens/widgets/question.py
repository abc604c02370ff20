"""A question of the profile as one row: label, widget, unit, and a line for what is wrong with the answer.

The only place where a widget is made for a question; everything it shows comes from the question's declaration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from profiles.questions import Choice, Question
from screens.theme import Glyphs
from screens.widgets.choice import FEW, ChoiceList, Marks
from screens.widgets.text_field import TextField

YES_NO = (Choice(True, "yes"), Choice(False, "no"))
"""The answers to a yes-or-no question."""


def words_of(value: Any) -> str:
    """An answer in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "empty"


def help_text(question: Question) -> Text:
    """What ``?`` and the side panel say: what for, the default and its reason, the profile's key."""
    ask = question.ask
    default = words_of(question.default)
    text = Text(ask.help)
    text.append(f" Default: {default}", "bold")
    text.append(f" ({ask.reason}).")
    text.append(f" Profile key: {question.key}", "dim")
    return text


class QuestionRow(Vertical):
    """One question. Posts :class:`Answered` on each change and :class:`Attended` when it gets the focus."""

    class Answered(Message):
        """The answer changed to ``value`` (text as typed, or a choice's value)."""

        def __init__(self, question: Question, value: Any) -> None:
            super().__init__()
            self.question = question
            self.value = value

    class Attended(Message):
        """The user looks at this question."""

        def __init__(self, question: Question) -> None:
            super().__init__()
            self.question = question

    class Left(Message):
        """The user left this question (it is time to say what is wrong with the answer)."""

        def __init__(self, row: QuestionRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, question: Question, value: Any, choices: Sequence[Choice], glyphs: Glyphs) -> None:
        """:param choices: the allowed answers of a choice question, from ``profiles.questions.choices``."""
        super().__init__(id=row_id(question.key))
        self.question = question
        self._initial = value
        self._choices = YES_NO if question.kind == "boolean" else tuple(choices)
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Label and widget on one row, the error below."""
        with Horizontal(classes="question"):
            yield Static(Text(self.question.ask.label, no_wrap=True, overflow="ellipsis"), classes="question--label")
            yield self._field()
            if self.question.ask.unit:
                yield Static(Text(self.question.ask.unit), classes="question--unit")
        yield Static("", classes="question--error", markup=False)

    def _field(self) -> Widget:
        if not self._choices:
            return TextField(str(self._initial), compact=True, select_on_focus=False, classes="field")
        short = all(len(choice.label) <= 24 and not choice.note for choice in self._choices)
        if len(self._choices) <= FEW and short:
            marks = Marks(self._choices, self._initial, self._glyphs)
            marks.add_class("field")
            return marks
        return ChoiceList(self.question.ask.label, self._choices, self._initial, self._glyphs, classes="field")

    @property
    def field(self) -> Widget:
        """The widget that takes the answer."""
        return self.query_one(".field")

    def show_answer(self, value: Any) -> None:
        """Put an answer into the widget (a draft, another preset)."""
        field = self.field
        if isinstance(field, Input):
            field.value = str(value)
        elif isinstance(field, Marks):
            field.choose(value)
        elif isinstance(field, ChoiceList):
            field.value = value

    def show_error(self, sentence: str) -> None:
        """Show what is wrong with the answer; empty takes it away."""
        error = self.query_one(".question--error", Static)
        error.update(Text(f"{self._glyphs.mark('failed')} {sentence}") if sentence else "")
        self.set_class(bool(sentence), "-wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Text was typed."""
        event.stop()
        self.post_message(self.Answered(self.question, event.value))

    def on_choice_list_changed(self, event: ChoiceList.Changed) -> None:
        """A choice was made in the list."""
        event.stop()
        self.post_message(self.Answered(self.question, event.field.value))

    def on_marks_changed(self, event: Marks.Changed) -> None:
        """Another mark was chosen."""
        event.stop()
        self.post_message(self.Answered(self.question, event.marks.value))

    def on_descendant_focus(self) -> None:
        """The field got the focus."""
        self.post_message(self.Attended(self.question))

    def on_descendant_blur(self) -> None:
        """The field lost it."""
        self.post_message(self.Left(self))


def row_id(key: str) -> str:
    """The widget id of a question's row."""
    return "q-" + key.replace(".", "-").replace("_", "-")
