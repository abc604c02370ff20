"""Which display a command uses, and whether it may ask; decided before Textual is imported.

===================================================  ===========
situation                                            display
===================================================  ===========
``--display plain`` or ``json``                      as said
``--display tui`` and the terminal can draw          tui
``--display tui`` and it cannot                      error (exit code 2)
``DRUCLOUD_DISPLAY`` set, no ``--display``           the same, but ``tui`` falls back to plain
nothing said, the terminal can draw                  tui
anything else                                        plain
===================================================  ===========

A terminal can draw when standard input and standard error are terminals (Textual draws on standard error, so that
``drucloud > file`` still shows it), ``TERM`` is set and not ``dumb``, and neither ``CI`` nor ``ACCESSIBLE`` is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from profiles.errors import UsageError

Display = Literal["tui", "plain", "json"]
DISPLAYS = ("auto", "tui", "plain", "json")


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a yes-or-no variable says yes; ``CI=false`` and ``CI=0`` are how people say no."""
    return environ.get(name, "").strip().lower() not in ("", "0", "false", "no")


@dataclass(frozen=True)
class Terminal:
    """What the program was started in."""

    stdin_is_tty: bool
    stderr_is_tty: bool
    term: str
    ci: bool = False
    accessible: bool = False

    @classmethod
    def here(cls, environ: Mapping[str, str] | None = None) -> Terminal:
        """The terminal of this process."""
        environ = os.environ if environ is None else environ
        return cls(
            stdin_is_tty=sys.stdin is not None and sys.stdin.isatty(),
            stderr_is_tty=sys.stderr is not None and sys.stderr.isatty(),
            term=environ.get("TERM", ""),
            ci=_is_set(environ, "CI"),
            accessible=_is_set(environ, "ACCESSIBLE"),
        )

    @property
    def can_ask(self) -> bool:
        """Whether a question would reach a person."""
        return self.stdin_is_tty and self.stderr_is_tty and not self.ci

    @property
    def simple(self) -> bool:
        """Whether only numbered prompts work: no cursor movement, or a screen reader."""
        return self.term in ("", "dumb") or self.accessible

    @property
    def obstacle(self) -> str:
        """Why the terminal cannot draw a full screen, one clause; empty when it can."""
        if not (self.stdin_is_tty and self.stderr_is_tty):
            return "standard input and standard error are not both a terminal"
        if self.term in ("", "dumb"):
            return f"TERM is {self.term or 'not set'}"
        if self.ci:
            return "CI is set"
        if self.accessible:
            return "ACCESSIBLE is set"
        return ""


def decide(flag: str | None, terminal: Terminal, environ: Mapping[str, str] | None = None) -> Display:
    """The display to use; raises :class:`UsageError` where what was asked for cannot be.

    :param flag: the value of ``--display``; ``None`` when it was not given.
    """
    environ = os.environ if environ is None else environ
    wish = flag or environ.get("DRUCLOUD_DISPLAY", "") or "auto"
    if wish not in DISPLAYS:
        raise UsageError(f"DRUCLOUD_DISPLAY is '{wish}'.", f"Use one of: {', '.join(DISPLAYS)}.")
    if wish in ("plain", "json"):
        return cast(Display, wish)
    if not terminal.obstacle:
        return "tui"
    # ACCESSIBLE and CI are wishes, not obstacles: an explicit flag goes before them.
    if flag == "tui":
        if terminal.stdin_is_tty and terminal.stderr_is_tty and terminal.term not in ("", "dumb"):
            return "tui"
        raise UsageError(
            f"The full-screen display needs a terminal: {terminal.obstacle}.",
            "Leave --display out, or use --display plain.",
        )
    return "plain"
