"""The review of a plan that came from a profile or from a deployment: replay, resume and destroy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from profiles.errors import DrucloudError
from screens import keeping
from screens.background import from_thread, in_background, start
from screens.services import Progress, Review, Services
from screens.theme import Glyphs
from screens.widgets.masthead import Masthead
from screens.widgets.review_pane import ReviewPane
from screens.widgets.row_tree import RowTree

if TYPE_CHECKING:
    from screens.app import DrucloudApp


class ReviewScreen(Screen[None]):
    """Makes the plan, shows it, launches it."""

    CSS_PATH = "review.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Leave", id="review.leave"),
        Binding("tab", "app.focus_next", "Next"),
    ]

    def __init__(self, services: Services, glyphs: Glyphs, prepare: Callable[[Progress], Review], yes: bool) -> None:
        """:param yes: launch without being asked, unless a preflight finding forbids it."""
        super().__init__()
        self.services = services
        self.glyphs = glyphs
        self.prepare = prepare
        self.yes = yes
        self._busy = False

    @property
    def program(self) -> DrucloudApp:
        """The app, by its own type."""
        return cast("DrucloudApp", self.app)

    def compose(self) -> ComposeResult:
        """Masthead, the plan when it is there, the line that says what goes on."""
        yield Masthead("review")
        yield Vertical(id="plan")
        yield Static("", id="said", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Make the plan."""
        start(self, self._prepare)

    def say(self, status: str, words: str) -> None:
        """The line below the plan."""
        self.query_one("#said", Static).update(Text(f"{self.glyphs.mark(status)} {words}" if status else words))

    async def _prepare(self) -> None:
        self.say("running", "Making the plan")
        told = from_thread(lambda text: self.say("running", text))
        try:
            review = await in_background(lambda: self.prepare(told))
        except DrucloudError as problem:
            self.program.leave(0, error=problem)
            return
        self.query_one(Masthead).show_place(review.place)
        pane = ReviewPane(review, self.glyphs, preset_yes=self.yes)
        await self.query_one("#plan", Vertical).mount(pane)
        self.say("", "")
        if self.yes and not self._forbidden(pane):
            await self._launch(review)
        else:
            pane.proposal().focus()

    def _forbidden(self, pane: ReviewPane) -> bool:
        return bool(pane.query_one("#review-yes").disabled)

    def on_review_pane_decided(self, event: ReviewPane.Decided) -> None:
        """Launch, save, or leave before anything changed."""
        if event.answer == "no":
            self.action_leave()
        elif not self._busy and event.answer == "launch":
            start(self, partial(self._launch, event.review))
        elif not self._busy:
            keep = keeping.export if event.answer == "export" else keeping.save_profile
            start(self, partial(keep, self.app, self.services, event.review, self.say))

    async def _launch(self, review: Review) -> None:
        self._busy = True
        self.say("running", "Starting the engine")
        try:
            deployment = await in_background(lambda: self.services.launch(review))
        except DrucloudError as problem:
            self.say("failed", str(problem))
            self.query_one(RowTree).focus()
        else:
            self.program.follow_run(deployment, review.place)
        finally:
            self._busy = False

    def action_leave(self) -> None:
        """Nothing was changed."""
        self.program.leave(4, ["Nothing was changed."])

    def interrupt(self) -> None:
        """Ctrl+C."""
        self.action_leave()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed in a way nobody foresaw ends the program, redacted."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.program.fail(event.worker.error)
