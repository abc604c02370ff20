"""Help over any page: the question under the cursor in full, and every key that means something here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from profiles.questions import Question, takes
from screens.over import Over
from screens.widgets.question import QuestionRow, help_text


def focused_question(screen: Screen[object]) -> Question | None:
    """The question whose field has the focus."""
    if screen.focused is None:
        return None
    rows = [node for node in screen.focused.ancestors_with_self if isinstance(node, QuestionRow)]
    return rows[0].question if rows else None


def keys_of(screen: Screen[object]) -> Iterator[tuple[str, str, str]]:
    """Key as shown, what it does, and the id it can be changed by; one row an action."""
    seen: dict[str, list[str]] = {}
    words: dict[str, tuple[str, str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.description:
            continue
        seen.setdefault(binding.action, []).append(screen.app.get_key_display(binding))
        words.setdefault(binding.action, (binding.description, binding.id or ""))
    for action, keys in sorted(seen.items(), key=lambda item: not words[item[0]][1]):  # ours first
        yield ", ".join(dict.fromkeys(keys)), *words[action]


def question_help(question: Question) -> Text:
    """A question in full: what for, what it takes, and how it is answered without the wizard."""
    text = Text(f"{question.ask.label}\n", "bold")
    text.append_text(help_text(question))
    text.append(f"\nTakes: {takes(question)}.")
    text.append(f"\nOn a command line: --set {question.key}=VALUE\n")
    return text


class HelpPage(Over[None]):
    """Closed by Escape or the key that opened it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close_help", "Close")]

    def __init__(self, below: Screen[object]) -> None:
        """:param below: the page it is about."""
        super().__init__()
        self._question = focused_question(below)
        self._keys = list(keys_of(below))

    def compose(self) -> ComposeResult:
        """The question, then the keys."""
        with VerticalScroll(id="dialog"):
            if self._question is not None:
                yield Static(question_help(self._question), id="help-question")
            yield Static(self._key_table(), id="help-keys")

    def _key_table(self) -> Text:
        text = Text("Keys here (an id in brackets can be given another key in the configuration)\n", "bold")
        for key, words, name in self._keys:
            text.append(f"{key:<18} ", "bold").append(words, "not bold")
            text.append(f"  [{name}]\n" if name else "\n", "dim not bold")
        text.append("Escape closes.", "dim")
        return text

    def action_close_help(self) -> None:
        """Back to the page."""
        self.dismiss(None)
