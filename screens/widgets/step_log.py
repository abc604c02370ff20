"""The log of the step that was chosen; each line that is written lays the screen out anew, so only what is new is."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import RichLog

from provisioners.engine.state import StepState


class StepLog(RichLog, can_focus=False):
    """The newest lines of one step."""

    def __init__(self) -> None:
        super().__init__(id="log", markup=False, wrap=True, max_lines=400, min_width=20)
        self._shown: tuple[str, int] = ("", 0)

    def show(self, step: StepState | None, *, changed: bool) -> None:
        """Show ``step``'s log; ``None``: nothing.

        :param changed: whether the step is another one than before; its log is a tail, whose length may stay the same.
        """
        name, lines = (step.id, step.log) if step else ("", ())
        before, shown = self._shown
        if name != before or len(lines) < shown or (len(lines) == shown and changed):
            if shown:
                self.clear()
            shown = 0
        for line in lines[shown:]:
            self.write(Text(line))
        self._shown = (name, len(lines))
