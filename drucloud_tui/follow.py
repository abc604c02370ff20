"""Follows a run in the plain and JSON displays until it is over or the user leaves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from drucloud_tui.signals import CtrlC, SignalledError
from profiles.errors import FailedError
from provisioners.engine import events as ev
from provisioners.engine.state import DeployState
from provisioners.target import DeploymentId
from screens.services import Services

POLL_SECONDS = 0.1


class View(Protocol):
    """What follows a run: the plain or the JSON display."""

    state: DeployState

    def feed(self, events: Iterable[ev.Stamped]) -> None:
        """Show new events."""
        ...

    def tick(self, now: float) -> None:
        """Time has passed (Unix seconds)."""
        ...

    def note(self, text: str) -> None:
        """Show a line of the program's own."""
        ...


def follow(services: Services, deployment: DeploymentId, view: View) -> bool:
    """Show events numbered above ``view.state.last_number`` until a run has finished.

    :returns: whether this view asked the engine to stop.
    """
    asked = False
    try:
        with CtrlC() as ctrl_c:
            while not _step(services, deployment, view):
                if ctrl_c.pressed and not asked:
                    asked = True
                    services.request(deployment, "stop")
                    view.note("Asked the engine to stop at its next safe point. Ctrl-C again leaves at once.")
                time.sleep(POLL_SECONDS)
    except SignalledError:
        view.note(leaving(deployment.name))
        raise
    return asked


def _step(services: Services, deployment: DeploymentId, view: View) -> bool:
    """One poll; whether the run is over. An engine that went away without a last word is an error."""
    batch = services.poll(deployment, view.state.last_number)
    view.feed(batch.events)
    if any(isinstance(item.event, ev.RunFinished) for item in batch.events):
        return True
    if not batch.engine_running and not batch.events:
        raise FailedError(
            f"The engine of '{deployment.name}' ended in the middle of its work.",
            f"Run 'drucloud resume {deployment.name}'; its log is {services.log_path(deployment)}.",
        )
    view.tick(time.time())
    return False


def leaving(name: str) -> str:
    """What is said when a view is left while the engine works."""
    return (
        f"Left. The engine goes on without this view.\n"
        f"  See it again:      drucloud attach {name}\n"
        f"  If it was stopped: drucloud resume {name}"
    )
