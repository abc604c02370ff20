"""A list of many choices over the page: what is typed is shown, and leaves only what holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from profiles.questions import Choice
from screens.over import Over
from screens.theme import Glyphs
from screens.widgets.choice import choice_text
from screens.widgets.text_field import TextField


def holding(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """The choices whose label or note holds every word of ``typed``, those whose label begins with it first."""
    words = typed.casefold().split()
    found = [item for item in choices if all(word in f"{item.label} {item.note}".casefold() for word in words)]
    return sorted(found, key=lambda item: not item.label.casefold().startswith(words[0] if words else ""))


class Picker(Over[Choice | None]):
    """Typing filters, the arrows move, Enter chooses, Escape leaves the answer as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("up", "list('cursor_up')", "Up", show=False),
        Binding("down", "list('cursor_down')", "Down", show=False),
        Binding("pageup", "list('page_up')", "Page up", show=False),
        Binding("pagedown", "list('page_down')", "Page down", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], value: Any, glyphs: Glyphs, typed: str = "") -> None:
        """:param typed: what the filter begins with."""
        super().__init__()
        self._question = title
        self._choices = choices
        self._value = value
        self._glyphs = glyphs
        self._typed = typed
        self._ready = False
        self.shown: list[Choice] = []

    def compose(self) -> ComposeResult:
        """The filter, what it leaves, and how many that are."""
        with Vertical(id="dialog"):
            yield Static(Text(self._question, "bold"), id="dialog-title")
            field = TextField(self._typed, placeholder="type to filter", compact=True, id="picker-filter")
            field.select_on_focus = False
            yield field
            # Not by the keyboard: the filter keeps the focus, so that typing and moving need no change of field.
            options = OptionList(id="picker-list", compact=True, markup=False)
            options.can_focus = False
            options.styles.height = len(self._choices)  # whatever the filter leaves: nothing below it moves
            yield options
            yield Static("", id="picker-said", markup=False)

    def on_key(self, event: events.Key) -> None:
        """A key that came before the filter had the focus."""
        if event.is_printable and event.character and not self._ready:
            event.stop()
            self.type(event.character)

    def type(self, character: str) -> None:
        """Fast fingers: what is typed while this is being opened belongs to the filter all the same."""
        self._typed += character
        if self._ready:
            self.query_one(Input).insert_text_at_cursor(character)

    def on_mount(self) -> None:
        """The answer that stands has the cursor."""
        self._ready = True
        field = self.query_one(Input)
        field.value = self._typed
        field.cursor_position = len(self._typed)
        field.focus()
        self._show(self._typed)

    def _show(self, typed: str) -> None:
        options = self.query_one(OptionList)
        self.shown = holding(self._choices, typed)
        options.clear_options()
        options.add_options([Option(self._line(choice)) for choice in self.shown])
        at = [choice.value for choice in self.shown]
        if self.shown:
            options.highlighted = at.index(self._value) if self._value in at and not typed else 0
        self.query_one("#picker-said", Static).update(self._said(typed))

    def _line(self, choice: Choice) -> Text:
        text = Text(f"{self._glyphs.chosen(choice.value == self._value)} ", no_wrap=True, overflow="ellipsis", end="")
        return text.append_text(choice_text(choice))

    def _said(self, typed: str) -> str:
        if not self.shown:
            return f"None of {len(self._choices)} holds '{typed.strip()}'. Backspace takes letters away."
        count = f"{len(self.shown)} of {len(self._choices)}" if typed.strip() else f"{len(self._choices)}"
        return f"{count}   Enter chooses, Escape leaves it as it is"

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another filter."""
        event.stop()
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: the choice under the cursor; none, where none is shown."""
        event.stop()
        at = self.query_one(OptionList).highlighted
        if at is not None and self.shown:
            self.dismiss(self.shown[at])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click."""
        event.stop()
        self.dismiss(self.shown[event.option_index])

    def action_list(self, move: str) -> None:
        """Move the cursor of the list."""
        getattr(self.query_one(OptionList), f"action_{move}")()

    def action_close(self) -> None:
        """Leave the answer as it is."""
        self.dismiss(None)
