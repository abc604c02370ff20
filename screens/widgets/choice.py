"""Two ways to choose one answer: a row of marks for a few, a field that opens a list for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from profiles.questions import Choice
from screens.theme import Glyphs

if TYPE_CHECKING:
    from screens.widgets.picker import Picker

FEW = 4
"""Up to this many short choices stand side by side."""


class Marks(Widget, can_focus=True):
    """Choices side by side, ``● yes  ○ no``; the state is a mark, not a colour."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"marks--chosen", "marks--other"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous", show=False),
        Binding("right,space", "step(1)", "Next", show=False),
        Binding("y", "letter('y')", "Yes", show=False),
        Binding("n", "letter('n')", "No", show=False),
    ]

    index: reactive[int] = reactive(0)

    class Changed(Message):
        """Another answer was chosen."""

        def __init__(self, marks: Marks) -> None:
            super().__init__()
            self.marks = marks

        @property
        def control(self) -> Marks:
            """The widget it comes from."""
            return self.marks

    def __init__(self, choices: Sequence[Choice], value: Any, glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choices = list(choices)
        self._glyphs = glyphs
        values = [choice.value for choice in self._choices]
        self.set_reactive(Marks.index, values.index(value) if value in values else 0)

    @property
    def value(self) -> Any:
        """The chosen answer."""
        return self._choices[self.index].value

    def choose(self, value: Any) -> None:
        """Choose by value; one that is not offered is ignored."""
        for index, choice in enumerate(self._choices):
            if choice.value == value:
                self.index = index

    def watch_index(self) -> None:
        """Tell the form."""
        self.post_message(self.Changed(self))

    def action_step(self, by: int) -> None:
        """The next or previous choice, around the ends."""
        self.index = (self.index + by) % len(self._choices)

    def action_letter(self, letter: str) -> None:
        """The choice that begins with a letter."""
        for index, choice in enumerate(self._choices):
            if choice.label.lower().startswith(letter):
                self.index = index

    def on_click(self, event: events.Click) -> None:
        """Choose the mark that was clicked."""
        left = 0
        for index, choice in enumerate(self._choices):
            width = len(self._glyphs.chosen(True)) + 1 + len(choice.label) + 2
            if left <= event.x < left + width:
                self.index = index
            left += width

    def render(self) -> Text:
        """The row."""
        text = Text(no_wrap=True)
        for index, choice in enumerate(self._choices):
            chosen = index == self.index
            style = self.get_component_rich_style("marks--chosen" if chosen else "marks--other", partial=True)
            text.append(f"{self._glyphs.chosen(chosen)} {choice.label}", style)
            text.append("  ")
        return text


class ChoiceList(Widget, can_focus=True):
    """The chosen one of many. Space, an arrow or the first letters open the list (:mod:`screens.widgets.picker`).

    Enter belongs to the wizard: it goes forward.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,space,up", "open_list", "Open the list: type to filter it", show=False)
    ]

    value: reactive[Any] = reactive(None, init=False)

    class Changed(Message):
        """Another answer was chosen."""

        def __init__(self, field: ChoiceList) -> None:
            super().__init__()
            self.field = field

        @property
        def control(self) -> ChoiceList:
            """The widget it comes from."""
            return self.field

    def __init__(self, title: str, choices: Sequence[Choice], value: Any, glyphs: Glyphs, classes: str = "") -> None:
        """:param title: stands over the list. A ``value`` that is not offered is offered first, as it is."""
        super().__init__(classes=classes)
        self._title = title
        self._glyphs = glyphs
        self._open: Picker | None = None
        known = any(choice.value == value for choice in choices)
        self.choices = tuple(choices) if known else (Choice(value, str(value)), *choices)
        self.set_reactive(ChoiceList.value, value)

    def watch_value(self) -> None:
        """Tell the form."""
        self.post_message(self.Changed(self))

    def on_key(self, event: events.Key) -> None:
        """A letter or digit opens the list, filtered by it; faster keys than that belong to the filter."""
        if event.is_printable and event.character and (self._open or event.character.isalnum()):
            event.stop()
            event.prevent_default()
            self.action_open_list(event.character)

    def on_click(self) -> None:
        """Open the list."""
        self.action_open_list()

    def action_open_list(self, typed: str = "") -> None:
        """Show every choice, or those that ``typed`` leaves."""
        if self._open is not None:
            self._open.type(typed)
            return
        from screens.widgets.picker import Picker  # lists are seldom opened; the first picture comes before

        self._open = Picker(self._title, self.choices, self.value, self._glyphs, typed)
        self.app.push_screen(self._open, self._picked)

    def _picked(self, choice: Choice | None) -> None:
        self._open = None
        if choice is not None:
            self.value = choice.value

    def render(self) -> Text:
        """The chosen one, and that there are others."""
        chosen = next((choice for choice in self.choices if choice.value == self.value), None)
        text = choice_text(chosen) if chosen else Text(str(self.value), no_wrap=True)
        arrow = f" {self._glyphs.pick('▼', 'v')}"
        text.truncate(max(1, self.size.width - len(arrow)), overflow="ellipsis", pad=True)
        text.append(arrow)
        return text


def choice_text(choice: Choice) -> Text:
    """A choice as a list shows it; never markup."""
    text = Text(choice.label, no_wrap=True, overflow="ellipsis", end="")
    if choice.note:
        text.append(f"  {choice.note}", "dim")
    return text
