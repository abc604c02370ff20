"""The full-screen program: opens the screen it was started for and remembers how it was left.

It never prints: what is to stay in the scrollback is in :attr:`DrucloudApp.leaving` for whoever ran it. Its own imports
are light: the other screens, and everything below them, are loaded in a thread behind the first picture.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.geometry import Size
from textual.screen import ModalScreen, Screen

from screens.ascii import AsciiFilter
from screens.background import in_background, start
from screens.opening import OpeningScreen, TooSmall
from screens.preferences import Preferences
from screens.theme import DARK, LIGHT, THEME_NAMES, Glyphs, terminal_glyphs

if TYPE_CHECKING:
    from profiles.errors import DrucloudError
    from provisioners.person import Person
    from provisioners.target import DeploymentId
    from screens.services import KnownDeployment, Place, Progress, Review, Services

MINIMUM = (60, 18)
"""Columns and rows below which a sentence is shown instead of the screens."""

_PAGES = 2
"""Screens at the bottom of the stack: Textual's own empty one, and the page. What is above lies over the page."""

log = logging.getLogger("drucloud.screens")


@dataclass(frozen=True)
class Leaving:
    """How the program was left.

    :param code: exit code.
    :param words: sentences for the terminal; empty when the deployment's own summary says it all.
    :param deployment: the deployment last looked at.
    :param crash: what ended it, when nobody asked for that; never shown with values of variables.
    """

    code: int = 0
    words: tuple[str, ...] = ()
    deployment: DeploymentId | None = None
    error: DrucloudError | None = None
    crash: BaseException | None = None


@dataclass(frozen=True)
class WizardStart:
    """Begin with the wizard."""


@dataclass(frozen=True)
class ReviewStart:
    """Begin with a review. ``prepare`` makes it (in a thread); ``yes``: it is launched without being asked about."""

    prepare: Callable[[Progress], Review]
    yes: bool = False


@dataclass(frozen=True)
class WatchStart:
    """Follow a deployment's run."""

    deployment: DeploymentId


@dataclass(frozen=True)
class HealthStart:
    """The health page of a deployment."""

    deployment: DeploymentId


Start = WizardStart | ReviewStart | WatchStart | HealthStart

_NAMES: dict[type[Start], str] = {
    WizardStart: "new deployment",
    ReviewStart: "review",
    WatchStart: "deploy",
    HealthStart: "health",
}


@runtime_checkable
class Interruptible(Protocol):
    """A screen that says itself what Ctrl+C means."""

    def interrupt(self) -> None:
        """Ctrl+C was pressed."""
        ...


class DrucloudApp(App[None]):
    """All screens, over one :class:`Services`."""

    TITLE = "drucloud"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (an instance attribute for Textual)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Leave", priority=True, show=False),
        Binding("ctrl+q", "interrupt", "Leave", show=False),
        Binding("f1,question_mark", "help_page", "Help", priority=True, show=False, id="help"),
    ]

    services: Services

    def __init__(
        self,
        open_services: Callable[[], Services],
        start: Start,
        glyphs: Glyphs | None = None,
        clock: Callable[[], float] = time.time,
        preferences: Preferences | None = None,
    ) -> None:
        """How it begins.

        :param open_services: makes what lies below; called in a thread, once the first picture stands.
        :param clock: what elapsed times are measured by (Unix seconds).
        """
        super().__init__()
        self.clock = clock
        self._open_services = open_services
        self.start = start
        self.glyphs = glyphs or terminal_glyphs()
        self.leaving = Leaving()
        self.saved_profile = ""
        """Where the wizard saved the profile it launched; said again when the program closes."""
        self.preferences = preferences or Preferences()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = THEME_NAMES[self.preferences.theme]
        self.set_keymap(self.preferences.keys)

    def get_driver_class(self) -> type[Driver]:
        """What draws on this terminal."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":  # Windows, or one that TEXTUAL_DRIVER names
            return usual
        from screens.terminal import OwnSizeDriver

        return OwnSizeDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through before it is drawn."""
        usual = super().get_line_filters()
        return [*usual, AsciiFilter()] if self.glyphs.ascii_only else usual

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables for themes that do not have them; the terminal's own colours stay its own."""
        if self.theme.startswith("ansi"):
            return {"muted": "ansi_default", "faint": "ansi_bright_black"}
        return {name: DARK.variables[name] for name in ("muted", "faint")}

    def on_resize(self, event: events.Resize) -> None:
        """A sentence instead of garbage while the terminal is too small."""
        if len(self.screen_stack) > 1:
            self._cover_if_small(event.size)

    def _cover_if_small(self, size: Size) -> None:
        small = size.width < MINIMUM[0] or size.height < MINIMUM[1]
        covered = isinstance(self.screen, TooSmall)
        if small and not covered:
            self.push_screen(TooSmall(*MINIMUM))
        elif covered and not small:
            self.pop_screen()

    async def on_mount(self) -> None:
        """Take the signals, and open the first screen."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Without this the terminal stays in the alternate screen with the mouse captured.
            loop.add_signal_handler(number, self._signalled, int(number))
        await self.push_screen(OpeningScreen(_NAMES[type(self.start)], self.glyphs, wizard=self.start == WizardStart()))
        self._cover_if_small(self.size)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        start(self, self._open)

    async def _open(self) -> None:
        """Load and show the screen this was started for."""
        try:
            self.services = await in_background(self._load)
        except Exception as error:
            self.fail(error)
            return
        self.services.ask(self._person())
        await self._show(self._first_screen())

    def _person(self) -> Person:
        from screens.person import PersonAtScreen

        return PersonAtScreen(self)

    def _load(self) -> Services:
        """In a thread: import what the first screen needs, and make what lies below."""
        from screens import deploy, health, review, wizard  # noqa: F401

        return self._open_services()

    def _first_screen(self) -> Screen[None]:
        from screens.deploy import DeployScreen
        from screens.health import HealthScreen
        from screens.review import ReviewScreen
        from screens.session import Session
        from screens.wizard import WizardScreen

        match self.start:
            case ReviewStart(prepare, yes):
                return ReviewScreen(self.services, self.glyphs, prepare, yes)
            case WatchStart(deployment):
                return DeployScreen(self.services, self.glyphs, deployment, None)
            case HealthStart(deployment):
                return HealthScreen(self.services, self.glyphs, deployment, None)
        return WizardScreen(Session(self.services, self.glyphs))

    # -- help and palette ----------------------------------------------------------------------------------------

    def action_help_page(self) -> None:
        """Help for the page shown and for the question under the cursor; again: away with it."""
        from screens.help import HelpPage

        if isinstance(self.screen, HelpPage):
            self.screen.action_close_help()
        elif not isinstance(self.screen, TooSmall | OpeningScreen):
            self.push_screen(HelpPage(self.screen))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything a key of ours does here is in the command palette too."""
        from screens.help import keys_of
        from screens.wizard import WizardScreen

        yield from super().get_system_commands(screen)
        for key, words, name in keys_of(screen):
            if name:
                actions = [item.binding.action for item in screen.active_bindings.values() if item.binding.id == name]
                yield SystemCommand(words, f"Key: {key}", partial(screen.run_action, actions[0]))
        if isinstance(screen, WizardScreen):
            for step, title in screen.completed():
                yield SystemCommand(f"Go to {title}", "A completed step", partial(screen.jump, step))

    # -- from screen to screen -----------------------------------------------------------------------------------

    def _show(self, page: Screen[None]) -> AwaitComplete:
        """``page`` instead of the one that is shown, without what lay over that one (help, the cover)."""
        while len(self.screen_stack) > _PAGES:
            self.pop_screen()
        shown = self.switch_screen(page)
        self._cover_if_small(self.size)
        return shown

    def follow_run(self, deployment: DeploymentId, place: Place | None) -> None:
        """To the live tree."""
        from screens.deploy import DeployScreen

        self._show(DeployScreen(self.services, self.glyphs, deployment, place))

    def show_health(self, deployment: DeploymentId, place: Place | None) -> None:
        """To the health page."""
        from screens.health import HealthScreen

        self._show(HealthScreen(self.services, self.glyphs, deployment, place))

    def open_deployment(self, known: KnownDeployment) -> None:
        """To whichever page says most about a deployment."""
        if known.phase == "ok" and not known.running:
            self.show_health(known.id, None)
        else:
            self.follow_run(known.id, None)

    # -- leaving -------------------------------------------------------------------------------------------------

    def leave(
        self,
        code: int,
        words: list[str] | None = None,
        deployment: DeploymentId | None = None,
        error: DrucloudError | None = None,
    ) -> None:
        """Close the program with an exit code and words for the scrollback."""
        saved = [f"Saved the profile as {self.saved_profile}."] if self.saved_profile else []
        self.leaving = Leaving(code, (*saved, *(words or ())), deployment, error)
        self.exit(return_code=code)

    def action_interrupt(self) -> None:
        """Ctrl+C, wherever the focus is: what the screen means by it; other things over a page are closed by it."""
        if isinstance(self.screen, Interruptible):
            self.screen.interrupt()
        elif isinstance(self.screen, ModalScreen) and not isinstance(self.screen, TooSmall):
            self.screen.dismiss()
        else:
            self.leave(130, deployment=self._deployment())

    def _deployment(self) -> DeploymentId | None:
        """Of the page that is shown, be it covered or not."""
        return next((page.deployment for page in self.screen_stack if hasattr(page, "deployment")), None)

    def _signalled(self, number: int) -> None:
        self.leave(128 + number, deployment=self._deployment())

    def fail(self, error: BaseException) -> None:
        """End the program because of something nobody foresaw; the log gets the trace, without values."""
        log.error("%s", "".join(traceback.format_exception(error)))
        self.leaving = Leaving(1, crash=error)
        self.exit(return_code=1)

    def _fatal_error(self) -> None:
        """Textual's own crash page prints local variables; ours says nothing and closes."""
        if self._exception is not None:
            log.error("%s", "".join(traceback.format_exception(self._exception)))
            self.leaving = Leaving(1, crash=self._exception)
        self._close_messages_no_wait()

    def on_unmount(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
