"""What signals do to a view. The engine is another process and goes on whatever happens here.

=================  ===============================================================================================
signal             effect
=================  ===============================================================================================
first Ctrl-C       while a deploy is followed: the engine is asked to stop at its next safe point
second Ctrl-C      the view leaves at once (exit code 130) and names the command that goes on
SIGTERM, SIGHUP    the view leaves at once (143, 129); cleaning up (``finally``) still happens
=================  ===============================================================================================

The full-screen display has its own handlers while it runs, because the terminal must be restored first.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any


class SignalledError(BaseException):
    """The program was told to end; not an ``Exception``, so that no handler on the way swallows it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def _end(signum: int, frame: FrameType | None) -> None:
    raise SignalledError(signum)


def install() -> None:
    """Make SIGTERM and SIGHUP end the program by an exception; one that is ignored (``nohup``) stays ignored."""
    for signum in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _end)


class CtrlC:
    """Counts Ctrl-C while a deploy is followed; main thread only.

    The first sets :attr:`pressed`; every later one raises :class:`SignalledError` wherever the program is.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._before: Any = None

    def __enter__(self) -> CtrlC:
        self._before = signal.signal(signal.SIGINT, self._on_sigint)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_sigint(self, signum: int, frame: FrameType | None) -> None:
        if self.pressed:
            raise SignalledError(signum)
        self.pressed = True
