"""The top rows of every screen: whose account this is, and where in the wizard one stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from screens.theme import Glyphs

if TYPE_CHECKING:
    from screens.services import Place


def place_text(place: Place | None) -> Text:
    """Account, region and mode, in words; a rehearsal says on every screen what it is."""
    if place is None:
        return Text("no target yet")
    parts = [place.target, place.account, place.region]
    if place.alias:
        parts.insert(2, place.alias)
    text = Text("  ".join(part for part in parts if part), no_wrap=True, overflow="ellipsis")
    if place.mode == "rehearsal":
        text.append("  rehearsal: no software is installed", "bold")
    elif place.mode == "machines":
        text.append("  real machines")
    return text


class Masthead(Horizontal):
    """Product and page on the left, account and region on the right."""

    def __init__(self, page: str, place: Place | None = None) -> None:
        super().__init__()
        self._page = page
        self._place = place

    def compose(self) -> ComposeResult:
        """The two halves."""
        yield Static(Text.assemble(("drucloud  ", "bold"), self._page), id="masthead-page")
        yield Static(place_text(self._place), id="masthead-place")

    def show_place(self, place: Place | None) -> None:
        """The target is known now."""
        self._place = place
        self.query_one("#masthead-place", Static).update(place_text(place))


class StepList(Widget):
    """The steps with their marks: one line on a narrow terminal, a column on a wide one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"step--done", "step--current", "step--todo"}

    current: reactive[str] = reactive("welcome")

    class Chosen(Message):
        """A step was clicked; the screen decides whether to go there."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    def __init__(self, current: str, glyphs: Glyphs, steps: Sequence[tuple[str, str]]) -> None:
        super().__init__(id="step-list")
        self._steps = steps
        self._glyphs = glyphs
        self.set_reactive(StepList.current, current)

    def show_steps(self, steps: Sequence[tuple[str, str]], current: str) -> None:
        """Another list of steps."""
        self._steps = steps
        self.current = current
        self.refresh()

    def _column(self) -> bool:
        return self.size.height > 1

    def render(self) -> Text:
        """Every step with its mark; on one line as many as fit, the current one among them."""
        column = self._column()
        text = Text(no_wrap=True)
        first, last = (0, len(self._steps)) if column else self._window()
        if first:
            text.append(f"{self._more} ", self._style("todo"))
        for index in range(first, last):
            state = self._state(index)
            text.append(f"{self._mark(state)} {self._steps[index][1]}", self._style(state))
            text.append("\n" if column else " ")
        if last < len(self._steps):
            text.append(self._more, self._style("todo"))
        return text

    @property
    def _at(self) -> int:
        return [name for name, _ in self._steps].index(self.current)

    def _state(self, index: int) -> str:
        return "done" if index < self._at else "current" if index == self._at else "todo"

    def _style(self, state: str) -> Style:
        return self.get_component_rich_style(f"step--{state}", partial=True)

    @property
    def _more(self) -> str:
        return self._glyphs.pick("…", "..")

    def _window(self) -> tuple[int, int]:
        """First step and the one after the last that fit on one line: what comes next goes before what is done."""
        widths = [len(title) + 3 for _, title in self._steps]
        room = self.size.width - 2 * (len(self._more) + 1)
        if sum(widths) - 1 <= self.size.width:
            return 0, len(widths)
        first = last = self._at
        used = 0
        while True:
            if last < len(widths) and used + widths[last] <= room:
                used += widths[last]
                last += 1
            elif first > 0 and used + widths[first - 1] <= room:
                first -= 1
                used += widths[first]
            else:
                return first, last

    def _mark(self, state: str) -> str:
        if state == "done":
            return self._glyphs.mark("done")
        return self._glyphs.pick("›", ">") if state == "current" else self._glyphs.pick("·", ".")

    def on_click(self, event: events.Click) -> None:
        """Tell which step was clicked."""
        index = int(event.y) if self._column() else self._step_at(event.x)
        if 0 <= index < len(self._steps):
            self.post_message(self.Chosen(self._steps[index][0]))

    def _step_at(self, x: int) -> int:
        """The step at a column of the one-line list; -1 for none."""
        first, last = self._window()
        left = len(self._more) + 1 if first else 0
        for index in range(first, last):
            width = len(self._steps[index][1]) + 3
            if left <= x < left + width - 1:
                return index
            left += width
        return -1
