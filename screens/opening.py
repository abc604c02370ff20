"""What is seen first, and what covers everything while there is too little room.

Both need nothing but Textual: the questions, the prices and the engine's journal are loaded while the first picture
already stands (loading them takes longer than drawing it).
"""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from screens.route import EVERY_STEP
from screens.theme import Glyphs
from screens.widgets.masthead import Masthead, StepList

WELCOME = (
    "drucloud asks a few questions, shows what it will create and what that costs, builds it, and proves that "
    "it works. Every question has a default: Enter goes on, and nothing is created before you say yes."
)


class OpeningScreen(Screen[None]):
    """Says what this is while the rest is being loaded."""

    CSS_PATH = "wizard.tcss"

    def __init__(self, page: str, glyphs: Glyphs, *, wizard: bool) -> None:
        """:param wizard: whether the wizard follows, so that its steps and its first words can be shown."""
        super().__init__()
        self._page = page
        self._glyphs = glyphs
        self._wizard = wizard

    def compose(self) -> ComposeResult:
        """The masthead, and what is known without asking anything."""
        yield Masthead(self._page)
        if self._wizard:
            yield StepList("welcome", self._glyphs, EVERY_STEP)
        with Vertical(id="page"):
            yield Static(Text(WELCOME if self._wizard else ""), classes="paragraph")
            yield Static(Text(f"{self._glyphs.mark('running')} Looking around on this machine"), id="said")


class TooSmall(ModalScreen[None]):
    """Covers everything while the terminal is too small to show it."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self._words = f"drucloud needs at least {columns} columns and {rows} rows."

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Static(Text(self._words))
