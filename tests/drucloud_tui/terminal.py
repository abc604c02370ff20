"""A program in a pseudo-terminal: what Pilot cannot see (signals, no tty, TERM, escapes that are left on)."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time


class Terminal:
    """Runs ``argv`` with a terminal as its standard input, output and error."""

    def __init__(self, argv, environ=None, size=(24, 80), stdin=None):
        self._primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        variables = {key: value for key, value in os.environ.items() if key not in ("CI", "ACCESSIBLE", "NO_COLOR")}
        self.process = subprocess.Popen(
            argv,
            stdin=secondary if stdin is None else stdin,
            stdout=secondary,
            stderr=secondary,
            env={**variables, "TERM": "xterm-256color", **(environ or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
        )
        os.close(secondary)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self._primary >= 0:
            os.close(self._primary)

    def _read(self, seconds):
        if not select.select([self._primary], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._primary, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        self.text += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def expect(self, wanted, seconds=20.0):
        """Read until ``wanted`` was shown; what was shown so far is forgotten up to its end."""
        until = time.monotonic() + seconds
        while wanted not in self.text:
            if time.monotonic() > until or not self._read(0.1):
                raise AssertionError(f"never shown: {wanted!r}; shown:\n{self.text}")
        before, _, self.text = self.text.partition(wanted)
        return before

    def send(self, text):
        """Type ``text``."""
        os.write(self._primary, text.encode())

    def resize(self, rows, columns):
        """Another size; the program hears of it by SIGWINCH."""
        fcntl.ioctl(self._primary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        """The terminal's window is closed: what was not read yet is lost."""
        os.close(self._primary)
        self._primary = -1

    def ctrl_c(self):
        """Press Ctrl-C."""
        self.send("\x03")

    def kill(self, signum):
        """Send a signal to the program."""
        os.kill(self.process.pid, signum)

    def end(self, seconds=20.0):
        """Read to the end; all that was shown since the last ``expect``, and the exit code."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self._read(0.1) or (self.process.poll() is not None and not self._more()):
                return self.text, self.process.wait(max(0.1, until - time.monotonic()))
        self.process.send_signal(signal.SIGKILL)
        raise AssertionError(f"did not end; shown:\n{self.text}")

    def _more(self):
        return bool(select.select([self._primary], [], [], 0.1)[0])


def drucloud(*arguments):
    """The command line of the program."""
    return [sys.executable, "-m", "drucloud_tui", *arguments]
