"""The person in front of the screen, asked from the thread that opens an AWS account; that thread waits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from textual.app import App

from profiles.errors import ReachError
from provisioners.person import GivenUp, SignIn
from screens.dialogs import AskCode, ShowSignIn


class PersonAtScreen:
    """A :class:`provisioners.person.Person` who answers dialogs of ``app``."""

    present = True

    def __init__(self, app: App[None]) -> None:
        self._app = app

    def code(self, prompt: str) -> str:
        """Ask for an MFA code."""
        answer: Future[str] = Future()
        self._app.call_later(self._app.push_screen, AskCode(prompt), lambda code: answer.set_result(code or ""))
        if code := answer.result():
            return code
        raise ReachError("No MFA code was given.", "Choose another AWS profile, or go on to be asked again.")

    @contextmanager
    def sign_in(self, waiting: SignIn) -> Iterator[GivenUp]:
        """Show where to sign in; Escape gives up."""
        dialog = ShowSignIn(waiting)
        self._app.call_later(self._app.push_screen, dialog)
        try:
            yield dialog.given_up.is_set
        finally:
            self._app.call_later(dialog.take_away)
