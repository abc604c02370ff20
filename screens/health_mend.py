"""What the health dashboard's keys mend and search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widgets import Input

from health.fixes import first_fix
from profiles.errors import DrucloudError
from provisioners.foreign_text import clean_line
from screens.background import in_background, start
from screens.dialogs import ConfirmFix
from screens.health_rows import HealthRows
from screens.services import HealthWatch
from screens.widgets.row_tree import RowTree

if TYPE_CHECKING:
    from health.diagnosis import Diagnosis


class MendAndSearch(Screen[None]):
    """A page of findings on which causes are mended and rows searched."""

    page: str
    rows: HealthRows
    _watch: HealthWatch | None
    _diagnoses: Sequence[Diagnosis]
    _busy: bool

    def action_examine(self) -> None:
        """Look at everything now."""
        raise NotImplementedError

    def action_leave(self) -> None:
        """Leave the page."""
        raise NotImplementedError

    def _say(self, status: str, words: str) -> None:
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A fix is offered only where a safe one is known; a search only where there are rows."""
        if action == "fix":
            return first_fix([one.cause for one in self._diagnoses]) is not None
        return self.page != "path" if action == "filter" else True

    def action_fix(self) -> None:
        """Show the command that mends the first cause that can be mended, and run it after a yes."""
        found = first_fix([one.cause for one in self._diagnoses])
        watch = self._watch
        if found is None or watch is None or self._busy:
            return
        fix = found[1]

        async def mend() -> None:
            self._say("running", clean_line(f"Running '{fix.command}' on the {fix.subject}"))
            try:
                await in_background(lambda: watch.fix(fix))
            except DrucloudError as problem:
                self.notify(str(problem), severity="error", markup=False, timeout=10)
            self.action_examine()

        def answered(yes: bool | None) -> None:
            if yes:
                start(self, mend, group="fix")

        self.app.push_screen(ConfirmFix(fix), answered)

    def action_filter(self) -> None:
        """Type what the rows must contain."""
        field = self.query_one("#filter", Input)
        field.display = True
        self.set_focus(field)  # at once: what is typed next belongs to it

    def action_unfilter(self) -> None:
        """Every row again; without a search, leave."""
        field = self.query_one("#filter", Input)
        if not field.display:
            self.action_leave()
            return
        field.value, field.display = "", False
        self.query_one(RowTree).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only the rows that contain the text, and their groups."""
        self._narrow()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: to the rows that were found."""
        self.query_one(RowTree).focus()

    def _narrow(self) -> None:
        wanted, tree = self.query_one("#filter", Input).value.lower().strip(), self.query_one(RowTree)
        tree.show_only({key for key in tree.all_keys() if wanted in self.rows.draw(key).words} if wanted else None)
