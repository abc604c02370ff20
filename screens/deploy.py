"""The live tree of a run: follows the journal, draws, and passes on what the user wants to stop.

The engine works in its own process. Its journal is read and folded ten times a second in a thread
(:mod:`screens.live_journal`); this screen redraws the rows that changed, and closing it stops nothing.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Button, Footer, Input, Static
from textual.worker import Worker, WorkerState

from profiles.errors import DrucloudError
from provisioners.engine.state import DeployState, StepState
from provisioners.target import DeploymentId
from screens.attention import Attention
from screens.background import in_background, start
from screens.details import details_text, ending_text
from screens.dialogs import ConfirmByName
from screens.live_journal import LiveJournal, NewRun, News
from screens.progress import TIER, LiveRows, child_key, headline
from screens.route import long_way
from screens.services import Place, Request, Services, place_of
from screens.theme import Glyphs
from screens.widgets.masthead import Masthead, StepList
from screens.widgets.row_tree import RowTree
from screens.widgets.step_log import StepLog

if TYPE_CHECKING:
    from screens.app import DrucloudApp

_DRAIN = 0.1
"""Seconds between two looks at the journal."""

_VERBS = {"create": "deploy", "resume": "resume", "destroy": "destroy"}


class DeployScreen(Screen[None]):
    """One run, live or finished."""

    CSS_PATH = "deploy.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "request('rollback')", "Roll back", id="deploy.rollback"),
        Binding("c", "request('continue')", "Continue", id="deploy.continue"),
        Binding("enter", "onward", "Health page", id="deploy.health"),
        Binding("f", "follow", "Follow", id="deploy.follow"),
        Binding("slash", "filter", "Filter", id="deploy.filter"),
        Binding("d,q", "detach", "Detach", id="deploy.detach"),
        Binding("escape", "unfilter", "Show all", show=False),
    ]

    def __init__(self, services: Services, glyphs: Glyphs, deployment: DeploymentId, place: Place | None) -> None:
        super().__init__()
        self.services = services
        self.glyphs = glyphs
        self.deployment = deployment
        self.place = place
        self.rows = LiveRows(glyphs)
        self.state = DeployState()
        self.engine_running = True
        self.following = True
        self.interrupted = False
        self.attention = Attention()
        self._ended = False

    @property
    def program(self) -> DrucloudApp:
        """The app, by its own type."""
        return cast("DrucloudApp", self.app)

    def compose(self) -> ComposeResult:
        """Headline, tree, details of the row under the cursor, and what Ctrl+C does now."""
        yield Masthead(f"deploy {self.deployment.name}", self.place)
        with Horizontal(id="body"):
            yield StepList("deploy", self.glyphs, long_way())
            with Vertical(id="run"):
                yield Static("", id="headline", markup=False)
                yield Input(placeholder="show only rows with ...", id="filter", compact=True)
                yield RowTree(self.rows.draw, self.glyphs, id="tree")
            with Vertical(id="side"):
                yield Static("", id="details", markup=False)
                yield StepLog()
        yield Static("", id="ending", markup=False)
        with Horizontal(id="choices"):
            yield Button("Open the health page", id="health", compact=True)
            yield Button("Roll back", id="rollback", compact=True)
            yield Button("Continue", id="continue", compact=True)
            yield Button("Keep what exists and leave", id="keep", compact=True)
        yield Static("", id="interrupt", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to read and to draw."""
        self.query_one("#filter", Input).display = False
        self.query_one(RowTree).focus()
        start(self, self._reading, group="journal")
        self.set_interval(1.0, lambda: start(self, self._tick, group="tick", only=True))
        self._show_choices()

    # -- journal -------------------------------------------------------------------------------------------------

    async def _reading(self) -> None:
        journal = LiveJournal(self.services, self.deployment)
        while True:
            self._take(await in_background(journal.look))
            await asyncio.sleep(_DRAIN)

    def _take(self, news: News) -> None:
        """Redraw the rows that the news touches."""
        self.engine_running = news.engine_running
        if news.anything:
            self.state = news.state
            self.rows.state, self.rows.now = news.state, self.program.clock()
            tree = self.query_one(RowTree)
            if news.began:
                self._build(tree, news.began)
            else:
                self.rows.tallies.count(news.state.steps[name] for name in news.changed)
                tree.touch(self.rows.dirty_keys(news.changed))
            if self.attention.note(news.state, news.changed):
                tree.put_first(self.attention.failed)
            self._follow(tree)
            self._show_details()
            # The headline's time left walks the whole plan: once a second is enough, by 'tick'.
        self._show_end()

    def _build(self, tree: RowTree, run: NewRun) -> None:
        """A run began: its plan has every row there will be."""
        self._ended = False
        self.attention = Attention()
        self.rows.tallies, self.rows.path = run.tallies, run.path
        self._show_headline()
        tree.set_rows(run.rows)
        if self.place is None:
            self.place = place_of(self.deployment, self.state.mode)
        self.query_one(Masthead).show_place(self.place)
        self._show_choices()
        self._settle_memory()

    async def _tick(self) -> None:
        """Once a second: elapsed times on the rows that are on the screen, and the time left."""
        if self.state.phase != "running":
            return
        path, state, now = self.rows.path, self.state, self.program.clock()
        before = path.steps
        await in_background(lambda: path.look(state, now))
        self.rows.now = now
        self._show_headline()
        tree = self.query_one(RowTree)
        changed = self.attention.at_work | (before ^ path.steps)
        tree.touch(self.rows.dirty_keys(changed) & set(tree.shown_keys()))
        self._show_interrupt()
        self._settle_memory()

    def _settle_memory(self) -> None:
        """Spare what stays to the end from being looked through for garbage: it held the loop for 105 ms at 5,000 rows.

        What is young is collected first, so that only what has lasted is spared.
        """
        gc.collect(1)
        gc.freeze()

    def on_unmount(self) -> None:
        """Everything is looked through again."""
        gc.unfreeze()

    # -- what is shown -------------------------------------------------------------------------------------------

    def _show_headline(self) -> None:
        counts, left = self.rows.tallies.total(), self.rows.path.seconds
        status, words = headline(self.state, counts, self.rows.now, left, self.glyphs.critical)
        shown = "stopped" if status == "running" and not self.engine_running else status
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{self.glyphs.mark(shown)} {shown}  ", "bold")
        text.append(words)
        self.query_one("#headline", Static).update(text, layout=False)

    def _follow(self, tree: RowTree) -> None:
        """Stand on what failed first, else on what began last, with its parts open."""
        if not self.following:
            return
        self._fold_what_is_quiet(tree)
        if wanted := self.attention.wanted(self.state):
            step, part = wanted
            tree.unfold(step.id)
            tree.go_to(child_key(step.id, part) if part else step.id)

    def _fold_what_is_quiet(self, tree: RowTree) -> None:
        """While following: groups not begun or done, and steps with nothing going on, are one row each."""
        changed = [self.state.steps[name] for name in self.state.dirty]
        for tier in {step.tier for step in changed} & self.rows.tallies.of.keys():
            tree.unfold(f"{TIER}{tier}", self.rows.tallies.of[tier].status in ("running", "failed"))
        for step in changed:
            if step.children:
                tree.unfold(step.id, step.status in ("running", "failed"))

    def selected_step(self) -> StepState | None:
        """The step of the row under the cursor; a tier row has none."""
        key = self.query_one(RowTree).selected
        if not key or key.startswith(TIER):
            return None
        return self.state.steps.get(key) or self.state.steps.get(key.partition("/")[0])

    def _show_details(self) -> None:
        step = self.selected_step()
        part = self.query_one(RowTree).selected.partition("/")[2]
        child = step.children.get(part) if step else None
        critical = step is not None and step.id in self.rows.path.steps
        text = details_text(step, child, self.state, self.glyphs, critical=critical)
        self.query_one("#details", Static).update(text, layout=False)
        self.query_one(StepLog).show(step, changed=step is not None and step.id in self.state.dirty)

    def _show_end(self) -> None:
        """The run is over, or its engine is gone without saying so."""
        over = bool(self.state.run) and not self.engine_running
        if over == self._ended:
            return
        self._ended = over
        self.query_one("#ending", Static).update(ending_text(self.state, self.glyphs) if over else "")
        self._show_headline()
        self._show_choices()

    def _show_choices(self) -> None:
        healthy = self._ended and self.state.phase == "ok" and self.state.verb != "destroy"
        undecided = self.interrupted or (self._ended and self.state.phase != "ok")
        self.query_one("#health", Button).display = healthy
        for name in ("rollback", "continue", "keep"):
            self.query_one(f"#{name}", Button).display = undecided
        self.query_one("#choices").display = healthy or undecided
        self.query_one("#ending").display = self._ended
        if healthy:
            self.query_one("#health", Button).focus()
        elif undecided:
            self.query_one("#keep", Button).focus()
        self._show_interrupt()
        self.refresh_bindings()

    def _show_interrupt(self) -> None:
        """The footer's promise: what Ctrl+C does now."""
        if self._ended:
            words = "Ctrl+C closes this page."
        elif self.interrupted:
            words = "Ctrl+C again leaves now; the engine still stops at its safe point. r rolls back, c goes on."
        else:
            words = "Ctrl+C stops at the next safe point. d leaves and lets it run on."
        self.query_one("#interrupt", Static).update(words, layout=False)

    # -- what the user wants -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing now are not offered."""
        if action == "request":
            return self.interrupted or (self._ended and self.state.phase != "ok")
        if action == "onward":
            return self._ended and self.state.phase == "ok" and self.state.verb != "destroy"
        return True

    def interrupt(self) -> None:
        """Ctrl+C: stop at a safe point and choose; again, or when it is over: leave."""
        if self._ended or self.interrupted:
            self._leave(130 if not self._ended else self._exit_code())
            return
        self.interrupted = True
        self._show_choices()
        self._ask("stop")

    def action_request(self, what: str) -> None:
        """Roll back, when its name is typed, or continue."""
        if what != "rollback":
            self._request(cast("Request", what))
            return

        def decided(name: str | None) -> None:
            if name:
                self._request("rollback")

        name = self.deployment.name
        self.app.push_screen(ConfirmByName(f"Roll back: delete what '{name}' has created?", name), decided)

    def _request(self, what: Request) -> None:
        self.interrupted = False
        self._ask(what)
        self._show_choices()

    def _ask(self, what: Request) -> None:
        async def asking() -> None:
            try:
                await in_background(lambda: self.services.request(self.deployment, what))
            except DrucloudError as problem:
                self.notify(str(problem), severity="error", markup=False, timeout=10)

        start(self, asking, group="request")

    def action_follow(self) -> None:
        """Follow what is at work again."""
        self.following = True
        self._follow(self.query_one(RowTree))

    def action_filter(self) -> None:
        """Type what the rows must contain."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_unfilter(self) -> None:
        """Every row again."""
        field = self.query_one("#filter", Input)
        field.value, field.display = "", False
        self.query_one(RowTree).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only the rows whose name, status or note contains the text, and their groups."""
        wanted = event.value.lower().strip()
        tree = self.query_one(RowTree)
        if wanted:
            self.following = False
        tree.show_only({key for key in tree.all_keys() if wanted in self.rows.draw(key).words} if wanted else None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: to the rows that were found."""
        self.query_one(RowTree).focus()

    def action_detach(self) -> None:
        """Leave; the engine goes on."""
        self._leave(self._exit_code())

    def action_onward(self) -> None:
        """To the health page."""
        self.program.show_health(self.deployment, self.place)

    def on_row_tree_moved(self, event: RowTree.Moved) -> None:
        """A cursor the user moved is not taken away again."""
        if event.by_user:
            self.following = False
        self._show_details()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The choices at the end and after an interrupt."""
        match event.button.id:
            case "health":
                self.action_onward()
            case "rollback":
                self.action_request("rollback")
            case "continue":
                self.action_request("continue")
            case _:
                self._leave(self._exit_code() if self._ended else 130)

    def _exit_code(self) -> int:
        """0 while it goes on or ended well; 1 when it failed; 130 when the user stopped it."""
        if not self._ended or self.state.phase == "ok":
            return 0
        return 130 if self.state.phase == "stopped" else 1

    def _leave(self, code: int) -> None:
        self.program.leave(code, deployment=self.deployment)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed ends the view, redacted; the engine goes on."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.program.fail(event.worker.error)
