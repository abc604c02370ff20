"""The full-screen display: started with what a command wants to see; its last words go to the scrollback.

Light like :mod:`screens.app`: what a first picture does not need is imported behind it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from drucloud_tui import preferences
from drucloud_tui.signals import install
from screens.app import DrucloudApp, HealthStart, Leaving, ReviewStart, Start, WatchStart, WizardStart

if TYPE_CHECKING:
    from provisioners.target import DeploymentId
    from screens.services import Progress, Review, Services


def wizard(sandbox_mode: str) -> int:
    """The wizard from its first screen."""

    def services() -> Services:
        from drucloud_tui.services import LiveServices

        return LiveServices(sandbox_mode)

    return _run(services, WizardStart(), "")


def review(services: Services, prepare: Callable[[Progress], Review], yes: bool, profile: str) -> int:
    """Review what ``prepare`` comes to, then deploy it.

    :param profile: how the profile is named on a command line; empty: as the deployment.
    """
    return _run(lambda: services, ReviewStart(prepare, yes), profile)


def attach(services: Services, deployment: DeploymentId) -> int:
    """Follow a deployment's run."""
    return _run(lambda: services, WatchStart(deployment), "")


def health(services: Services, deployment: DeploymentId) -> int:
    """The health page."""
    return _run(lambda: services, HealthStart(deployment), "")


def _run(open_services: Callable[[], Services], start: Start, profile: str) -> int:
    wishes, glyphs = preferences.load()
    app = DrucloudApp(open_services, start, glyphs, preferences=wishes)
    threading.excepthook = _leave_a_lost_terminal
    app.run()
    install()  # Textual's loop had the signals
    return _last_words(app, profile)


def _leave_a_lost_terminal(failed: threading.ExceptHookArgs) -> None:
    """End at once when the terminal is gone while Textual's thread writes to it.

    That thread dies of it; whoever draws then waits for ever for room in its queue (Textual's ``WriterThread``), and
    with it the handler of SIGHUP. There is nothing to restore: the draft is saved as it is typed, and the engine is
    another process.
    """
    if failed.thread is not None and failed.thread.name == "textual-output" and isinstance(failed.exc_value, OSError):
        os._exit(128 + signal.SIGHUP)
    threading.__excepthook__(failed)


def _last_words(app: DrucloudApp, profile: str) -> int:
    from drucloud_tui import deploys, failures
    from drucloud_tui.follow import leaving as leaving_words
    from provisioners.engine.deployment import Deployment

    leaving: Leaving = app.leaving
    for words in leaving.words:
        print(words, file=sys.stderr)
    if leaving.crash is not None:
        return failures.handle(leaving.crash)
    if leaving.error is not None:
        return failures.handle(leaving.error)
    if leaving.deployment is None:
        return leaving.code
    state = Deployment(leaving.deployment).state()
    if state.phase == "running":
        deploys.say(leaving_words(leaving.deployment.name))
    elif state.phase != "empty":
        deploys.finish(app.services, leaving.deployment, state, leaving.code == 130, profile, sys.stdout)
    return leaving.code
