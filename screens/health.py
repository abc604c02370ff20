"""The health dashboard: overview by tier, a request's path, the machines, the event log; examined again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, WorkerState

from health.report import Finding, overall
from profiles.errors import DrucloudError
from provisioners.engine.state import fold
from provisioners.foreign_text import clean_line
from provisioners.target import DeploymentId
from screens.background import from_thread, in_background, start
from screens.health_mend import MendAndSearch
from screens.health_rows import HealthRows, cause_text, finding_text, overall_text, path_text, truth_text
from screens.services import HealthWatch, Place, Services, place_of
from screens.theme import Glyphs
from screens.widgets.masthead import Masthead
from screens.widgets.row_tree import RowTree

if TYPE_CHECKING:
    from health.diagnosis import Diagnosis
    from health.history import Change
    from health.watch import Round
    from screens.app import DrucloudApp

PAGES = (("overview", "Overview"), ("path", "Request"), ("machines", "Machines"), ("events", "Events"))
INTERVALS = (10, 30, 60, 300)
"""Seconds between two examinations; the user steps through them."""
EVENTS_SECONDS = 7 * 86400.0
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class _Seen:
    round: Round
    series: dict[str, list[float]]
    changes: list[Change]


class HealthScreen(MendAndSearch):
    """Examines when opened, then at each interval unless paused, and at once on ``r``."""

    CSS_PATH = "health.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        *[Binding(str(n), f"page('{key}')", title, show=False) for n, (key, title) in enumerate(PAGES, start=1)],
        Binding("tab", "next_page", "Next page", id="health.next"),
        Binding("r", "examine", "Examine", id="health.examine"),
        Binding("p", "pause", "Pause", id="health.pause"),
        Binding("i", "interval", "Interval", id="health.interval"),
        Binding("f", "fix", "Fix", id="health.fix"),
        Binding("slash", "filter", "Search", id="health.filter"),
        Binding("o", "open_site", "Open site", id="health.open"),
        Binding("q", "leave", "Leave", id="health.leave"),
        Binding("escape", "unfilter", "All rows, or leave", show=False, id="health.unfilter"),
    ]

    def __init__(self, services: Services, glyphs: Glyphs, deployment: DeploymentId, place: Place | None) -> None:
        super().__init__()
        self.services = services
        self.glyphs = glyphs
        self.deployment = deployment
        self.place = place
        self.rows = HealthRows(glyphs)
        self.url = ""
        self.page = "overview"
        self.paused = False
        self.interval = 30
        self._watch: HealthWatch | None = None
        self._diagnoses: Sequence[Diagnosis] = ()
        self._opened: dict[str, bool] = {}
        """Groups that the user has opened or closed."""
        self._drawn: dict[str, bool] = {}
        """Which groups were open when they were last drawn by the program."""
        self._busy = False
        self._examined_at = 0.0

    @property
    def program(self) -> DrucloudApp:
        """The app, by its own type."""
        return cast("DrucloudApp", self.app)

    def compose(self) -> ComposeResult:
        """Pages, verdict, URL, cache, the page itself, the chosen finding in full."""
        yield Masthead(f"health {self.deployment.name}", self.place)
        yield Static("", id="pages", markup=False)
        with Vertical(id="report"):
            yield Static("", id="overall", markup=False)
            yield Static("", id="url", markup=False)
            yield Static("", id="truth", markup=False)
            yield Static("", id="path", markup=False)
            yield Input(placeholder="rows that contain ...", id="filter", compact=True)
            yield RowTree(self.rows.draw, self.glyphs, id="findings")
        yield Static("", id="finding", markup=False)
        yield Static("", id="said", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Examine at once, then whenever it is time."""
        self.query_one("#filter", Input).display = False
        self.action_page("overview")
        self.action_examine()
        self.set_interval(1.0, self._tick)

    async def on_unmount(self) -> None:
        """Give connections and entrance back; a machine that hangs does not hold up leaving."""
        if self._watch is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(in_background(self._watch.close), CLOSE_SECONDS)

    def _tick(self) -> None:
        due = self._examined_at and time.monotonic() - self._examined_at >= self.interval
        if due and not self.paused:
            self.action_examine()

    # -- examining -----------------------------------------------------------------------------------------------

    def action_examine(self) -> None:
        """Look at everything now; asking twice while it looks asks once."""
        if not self._busy:
            start(self, self._examine)

    async def _examine(self) -> None:
        self._busy = True
        self._say("running", "Examining")
        came: list[Finding] = []
        first = not self.rows.findings

        def told(_: str) -> None:
            if first and self._busy:
                self.rows.findings = list(came)
                self._show()

        tell = from_thread(told)

        def found(finding: Finding) -> None:
            came.append(finding)
            tell("")

        try:
            if self.place is None:
                self.place = await in_background(self._place)
                self.query_one(Masthead).show_place(self.place)
            self.url = await in_background(lambda: self.services.site_url(self.deployment))
            if self._watch is None:
                self._watch = await in_background(lambda: self.services.watch(self.deployment))
            watch = self._watch
            seen = await in_background(lambda: _look(watch, found))
        except DrucloudError as problem:
            self._say("failed", str(problem))
        else:
            self.rows.findings, self.rows.series = list(seen.round.findings), seen.series
            self.rows.changes, self._diagnoses = seen.changes, seen.round.diagnoses
            self._show()
            self._say_when(seen.round.seconds)
        finally:
            self._busy = False
            self._examined_at = time.monotonic()

    def _place(self) -> Place:
        state = fold(self.services.poll(self.deployment, 0).events)
        return place_of(self.deployment, state.mode)

    # -- drawing -------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        self._remember_opened()
        tree = self.query_one(RowTree)
        keep = tree.selected
        tree.set_rows(self.rows.rows(self.page, self._opened, tree.size.height))
        self._drawn = tree.open_rows()
        self._narrow()
        tree.go_to(keep)
        self.refresh_bindings()
        findings = self.rows.findings
        self.query_one("#overall", Static).update(overall_text(findings, self.glyphs, self.deployment.name))
        cause = cause_text(self._diagnoses, self.glyphs)
        self.query_one("#truth", Static).update(cause if self._diagnoses else truth_text(findings, self.glyphs))
        self.query_one("#path", Static).update(path_text(findings, self.glyphs))
        url = Text("Open  ", "bold")
        url.append(self.url or "no address to open", "not bold underline" if self.url else "not bold dim")
        self.query_one("#url", Static).update(url)
        self._show_chosen()

    def _show_chosen(self) -> None:
        key = self.query_one(RowTree).selected
        item = self.rows.finding(key)
        text = finding_text(item, self.glyphs) if item else Text("")
        if key.startswith("event:") and self.page == "events":
            text = Text(clean_line(self.rows.changes[int(key.partition(":")[2])].why))
        elif self.page == "path" or item is None:
            text = finding_text(self._diagnoses[0].cause, self.glyphs) if self._diagnoses else Text("")
        self.query_one("#finding", Static).update(text)

    def on_row_tree_moved(self, event: RowTree.Moved) -> None:
        """Another row was chosen."""
        self._show_chosen()

    def action_page(self, page: str) -> None:
        """Show another page."""
        self._remember_opened()
        self.query_one(RowTree).set_rows([])
        self.page = page
        self.query_one("#path", Static).display = page == "path"
        tree = self.query_one(RowTree)
        tree.display = page != "path"
        if tree.display:
            tree.focus()
        text = Text(no_wrap=True)
        for number, (key, title) in enumerate(PAGES, start=1):
            text.append(f" {number} {title} ", "bold reverse" if key == page else "")
        self.query_one("#pages", Static).update(text)
        self._show()

    def action_next_page(self) -> None:
        """The page after this one."""
        keys = [key for key, _ in PAGES]
        self.action_page(keys[(keys.index(self.page) + 1) % len(keys)])

    def _remember_opened(self) -> None:
        """Keep which groups the user has opened and closed since they were drawn."""
        now = self.query_one(RowTree).open_rows()
        self._opened.update({key: now[key] for key in now if now[key] != self._drawn.get(key, now[key])})

    # -- keys ----------------------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Stop examining by itself, or go on."""
        self.paused = not self.paused
        self._say_when()

    def action_interval(self) -> None:
        """The next longer time between two examinations, then the shortest again."""
        later = [seconds for seconds in INTERVALS if seconds > self.interval]
        self.interval = later[0] if later else INTERVALS[0]
        self._say_when()

    def _say_when(self, seconds: float | None = None) -> None:
        took = f" in {seconds:.1f} s" if seconds is not None else ""
        then = "paused, p goes on" if self.paused else f"again every {self.interval} s"
        self.query_one("#said", Static).update(Text(f"Examined at {time.strftime('%H:%M:%S')}{took}; {then}."))

    def _say(self, status: str, words: str) -> None:
        self.query_one("#said", Static).update(Text(f"{self.glyphs.mark(status)} {words}"))

    def action_open_site(self) -> None:
        """Open the site in this machine's browser."""
        if self.url:
            self.app.open_url(self.url)

    def action_leave(self) -> None:
        """Leave; 1 when something has failed, as the command says."""
        self.program.leave(1 if overall(self.rows.findings) == "fail" else 0, deployment=self.deployment)

    def interrupt(self) -> None:
        """Ctrl+C."""
        self.action_leave()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed in a way nobody foresaw ends the program, redacted."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.program.fail(event.worker.error)


def _look(watch: HealthWatch, found: Callable[[Finding], None]) -> _Seen:
    """One round with what the history adds; in one thread, which the history wants."""
    seen = watch.round(found)
    series = {item.key: watch.history.series(item.key) for item in seen.findings if item.number is not None}
    return _Seen(seen, series, watch.history.changes(time.time() - EVENTS_SECONDS))
