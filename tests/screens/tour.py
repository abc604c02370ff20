"""The tour: the whole program in a real tmux, only Enter pressed, as text frames of three sizes.

``python -m tests.screens.tour`` writes ``tests/frames/tour-*.txt`` anew; ``tests/screens/test_tour.py`` compares. The
program is the real one on a recorded deploy (:mod:`tests.screens.program`), so that every frame is the same each time.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from profiles.pages import PAGES
from tests.screens.pages import PATH
from tests.screens.text_golden import FRAMES

SIZES = ((80, 24), (120, 40), (200, 60))
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0
"""Seconds one stop may take on a machine that is busy with other things."""

_FOREIGN = ("CI", "NO_COLOR", "COLUMNS", "LINES")
"""Variables of whoever runs this that would change what is seen."""

PASSING = "The profile was saved"
"""Of a notice that goes away by itself."""

_HEADINGS = {page.name: page.heading for page in PAGES}

STOPS: tuple[tuple[str, str], ...] = (
    ("welcome", "Express: starter"),
    *((name, _HEADINGS[name]) for name in PATH[1:-1]),
    ("review", "Build this in the sandbox?"),
    ("deploy", "Ctrl+C closes this page. f Follow / Filter d Detach"),
    ("health", "again every 30 s. tab Next page r Examine p Pause i Interval / Search o Open site q Leave"),
)
"""Each place where the tour stops, and the words by which it is known."""

PRICED = ("welcome", *PATH[1:-1])
"""Stops with the running total, which is counted after the page is shown."""


def masked(frame: str) -> str:
    """``frame`` without what no two runs share: the time of day, and how long an examination took."""
    frame = re.sub(r"\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d", lambda found: "#" * len(found[0]), frame)
    return "".join(f"{line.rstrip()}\n" for line in frame.splitlines())


class Tmux:
    """A tmux server of its own with one window, in which ``argv`` runs."""

    def __init__(self, argv: list[str], size: tuple[int, int]) -> None:
        self._name = f"drucloud-tour-{time.monotonic_ns()}"
        width, height = size
        # A size in the environment would go before the terminal's own, and stay when that changes.
        clean = ("env", *(word for name in _FOREIGN for word in ("-u", name)), "LC_ALL=C.UTF-8")
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), *clean, *argv)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server", check=False)

    def _tmux(self, *arguments: str, check: bool = True) -> str:
        command = ["tmux", "-L", self._name, *arguments]
        return subprocess.run(command, cwd=ROOT, check=check, capture_output=True, text=True, timeout=60).stdout

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        self._tmux("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        """Another size of the terminal."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        """What stands on the terminal."""
        return self._tmux("capture-pane", "-p")

    def settled(self, *words: str) -> str:
        """The screen once it holds all ``words`` and no longer changes."""
        end, before = time.monotonic() + PATIENCE, ""
        while time.monotonic() < end:
            now = self.screen()
            shown = " ".join(now.split())
            if masked(now) == before and all(word in shown for word in words) and PASSING not in shown:
                return masked(now)
            before = masked(now)
            time.sleep(0.7)
        raise AssertionError(f"{words} did not come:\n{self.screen()}")


def tour(size: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Name and frame of every stop, from welcome to health."""
    with Tmux([sys.executable, "-m", "tests.screens.program", "tour"], size) as terminal:
        for number, (name, words) in enumerate(STOPS, start=1):
            if number > 1:
                terminal.press("Enter")
            total = ("a month on AWS",) if name in PRICED else ()
            yield f"tour-{number:02}-{name}.{size[0]}x{size[1]}", terminal.settled(words, *total)


def main() -> None:
    """Write every frame anew."""
    for old in FRAMES.glob("tour-*.txt"):
        old.unlink()
    for size in SIZES:
        for name, frame in tour(size):
            (FRAMES / f"{name}.txt").write_text(frame, encoding="utf-8")
            print(name)


if __name__ == "__main__":
    main()
