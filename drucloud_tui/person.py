"""The person at a terminal, asked in lines on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from drucloud_tui.ask import asker
from drucloud_tui.display import Terminal
from provisioners.person import GivenUp, Nobody, SignIn, named


class TerminalPerson:
    """A :class:`provisioners.person.Person`; where no question would reach anybody, :class:`Nobody`."""

    @property
    def present(self) -> bool:
        """Whether this process has a terminal."""
        return Terminal.here().can_ask

    def code(self, prompt: str) -> str:
        """Ask for an MFA code."""
        if not self.present:
            Nobody().code(prompt)
        ask = asker(Terminal.here(), "")
        return ask.text("MFA code", prompt.rstrip(": "), "", lambda code: "" if code.isdigit() else "A code is digits.")

    @contextmanager
    def sign_in(self, waiting: SignIn) -> Iterator[GivenUp]:
        """Say where to sign in; Ctrl+C ends the waiting, and the program."""
        if not self.present:
            Nobody().sign_in(waiting)
        _say(
            f"\nAWS asks you to sign in as {named(waiting.profile)}. Open this address in a browser on any machine:\n\n"
            f"  {waiting.url}\n\n"
            f"Confirm only if it shows the code {waiting.code}. "
            f"Waiting up to {waiting.minutes} minutes; Ctrl+C gives up."
        )
        yield lambda: False
        _say("Signed in.")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
