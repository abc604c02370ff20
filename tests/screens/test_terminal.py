"""What Pilot cannot see: signals and Ctrl+C on a real (pseudo) terminal, and in which state it is left."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pytest

MODES = ("1049", "1000", "2004")
"""Alternate screen, mouse, bracketed paste: each must be off in the end."""


def drive(argument: str, ready: str, acts: list[int | bytes]) -> tuple[int, bytes]:
    """Run the program on a terminal of 80x24, act once ``ready`` was drawn; exit code and everything it wrote."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", NO_COLOR="1")
        os.execv(sys.executable, [sys.executable, "-m", "tests.screens.program", argument])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    written, end, next_act = b"", time.monotonic() + 60, 0.0
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                written += os.read(terminal, 65536)
            except OSError:  # the terminal is closed: the program has ended
                break
        if acts and ready.encode() in written and time.monotonic() > next_act:
            act, next_act = acts.pop(0), time.monotonic() + 1
            os.kill(pid, act) if isinstance(act, int) else os.write(terminal, act)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written


@pytest.mark.parametrize(
    ("argument", "ready", "acts", "code"),
    [
        ("wizard", "starter", [signal.SIGTERM], 143),
        ("wizard", "starter", [signal.SIGHUP], 129),
        ("wizard", "starter", [b"\x03", b"\x03"], 130),
        ("wizard", "starter", [b"\x03", b"\x1b[C", b"\r"], 4),
        ("deploy", "safe point", [signal.SIGTERM], 143),
        ("deploy", "safe point", [signal.SIGHUP], 129),
        ("deploy", "safe point", [b"\x03", b"\x03"], 130),
        ("deploy", "safe point", [b"\x03", b"d"], 0),
        ("deploy", "safe point", [b"d"], 0),
    ],
)
def test_the_terminal_is_given_back(argument: str, ready: str, acts: list[int | bytes], code: int) -> None:
    left, written = drive(argument, ready, list(acts))
    assert left == code
    for mode in MODES:
        assert written.rfind(f"\x1b[?{mode}l".encode()) > written.rfind(f"\x1b[?{mode}h".encode()), mode
    assert written.rfind(b"\x1b[?25h") > written.rfind(b"\x1b[?25l"), "the cursor is hidden"
