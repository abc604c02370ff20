"""Page objects: the program driven as a user drives it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot
from textual.widgets import Input

from screens.app import DrucloudApp, Start, WizardStart
from screens.opening import OpeningScreen
from screens.preferences import Preferences
from screens.route import BEYOND, long_way
from screens.theme import Glyphs
from screens.widgets.question import QuestionRow, row_id
from tests.screens.memory_services import MemoryServices
from tests.screens.text_golden import frame

PATIENCE = 60.0
"""Seconds a test waits for what must come; long, since the machine may be busy with other tests."""

SIZES = [(80, 24), (120, 40)]

PATH = tuple(name for name, _ in long_way() if (name, _) not in BEYOND)
"""The wizard's pages, in order."""


class Pages:
    """A running program."""

    def __init__(self, pilot: Pilot[None], app: DrucloudApp, services: MemoryServices) -> None:
        self.pilot = pilot
        self.app = app
        self.services = services

    async def until(self, true: Callable[[], bool], what: str = "") -> None:
        """Wait for something; the screen is in the message when it does not come."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if true():
                await self.pilot.pause()
                return
            await self.pilot.pause(0.05)
        raise AssertionError(f"{what or 'it'} did not come:\n{self.text}")

    @property
    def text(self) -> str:
        return frame(self.app)

    @property
    def step(self) -> str:
        return getattr(self.app.screen, "current", type(self.app.screen).__name__)

    async def shows(self, words: str) -> None:
        await self.until(lambda: words in " ".join(self.text.split()), repr(words))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def at(self, step: str) -> None:
        await self.until(lambda: self.step == step, f"step {step}")
        await self.pilot.pause(0.05)

    async def enter_to(self, step: str) -> None:
        """Only Enter, from wherever one stands."""
        order = (*PATH, "DeployScreen", "HealthScreen")
        await self.until(lambda: self.step != "welcome" or bool(self.app.screen.query("#beginnings:focus")))
        for name in order[order.index(self.step) + 1 : order.index(step) + 1]:
            await self.ready()
            await self.press("enter")
            await self.at(name)
        await self.ready()

    async def ready(self) -> None:
        """Whatever the page waits for is there."""
        if self.step == "review":
            await self.until(lambda: bool(self.app.screen.query("#review-yes")), "the plan")
        if self.step == "DeployScreen":
            await self.until(lambda: self.app.screen.query_one("#health").display, "the end of the run")
        await self.pilot.pause(0.05)

    def row(self, key: str) -> QuestionRow:
        return self.app.screen.query_one(f"#{row_id(key)}", QuestionRow)

    async def fill(self, key: str, text: str) -> None:
        field = self.row(key).query_one(Input)
        field.focus()
        field.value = text
        await self.pilot.pause()


@asynccontextmanager
async def running(
    size: tuple[int, int] = (80, 24),
    services: MemoryServices | None = None,
    start: Start | None = None,
    ascii_only: bool = False,
    clock: Callable[[], float] = time.time,
    preferences: Preferences | None = None,
) -> AsyncIterator[Pages]:
    """The program, headless; an exception inside it is raised when it ends."""
    services = services or MemoryServices()
    app = DrucloudApp(lambda: services, start or WizardStart(), Glyphs(ascii_only), clock, preferences)
    async with app.run_test(size=size, notifications=True) as pilot:
        pages = Pages(pilot, app, services)
        await pages.until(lambda: not isinstance(app.screen, OpeningScreen) or not app.is_running, "the first page")
        yield pages
