"""The full-screen program's speed, each figure beside a baseline of the same run: ``python bench/ui.py``.

- ``--version`` against a bare interpreter (``python -c pass``);
- program start to first paint, on a pseudo-terminal, against a Textual app of two widgets on another; and to the first
  page that can be answered;
- a key press to its paint, idle and in a deploy of 5,000 resources, against that app;
- the longest time the event loop was held while those 5,000 get 500 events a second, against that app idle: by the
  clock (which on a busy machine counts the waiting for a processor too) and by the thread's own processor time.

Programs are started in turns, so that a busy moment meets both. Prints a table in Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App
    from textual.pilot import Pilot

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

ROUNDS = 7
RESOURCES, PER_SECOND, SECONDS = 5000, 500, 10
SIZE = (120, 40)

TWO_WIDGETS = """
import time
from textual.app import App
from textual.widgets import Input, Static
class Two(App):
    def compose(self):
        yield Static("two widgets")
        yield Input()
"""
RUN_TWO = TWO_WIDGETS + "Two().run()"


def plain_start(*argv: str) -> float:
    """Wall time of a program from start to end, in seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *argv], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def until_drawn(words: bytes, *argv: str) -> float:
    """Seconds from the start of a program on a terminal of its own until it has drawn ``words``; then it is killed."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("CI", None)
        os.environ["TERM"] = "xterm-256color"
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, *argv])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    drawn = b""
    while words not in drawn:
        if not select.select([terminal], [], [], 60)[0]:
            raise TimeoutError(f"{words!r} was never drawn: {drawn[-500:]!r}")
        drawn += os.read(terminal, 65536)
    took = time.perf_counter() - began
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return took


def in_turns(*measures: Callable[[], float]) -> list[float]:
    """The median of each measure, taken in turns."""
    rounds = [[measure() for measure in measures] for _ in range(ROUNDS)]
    return [statistics.median(found) for found in zip(*rounds, strict=True)]


async def key_to_paint(app: App[None], key: str, rounds: int = 40) -> float:
    """Median seconds from a key press to a settled screen."""
    found = []
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        for _ in range(rounds):
            began = time.perf_counter()
            app.simulate_key(key)
            await app.animator.wait_for_idle()
            await asyncio.sleep(0)
            await pilot._wait_for_screen()
            found.append(time.perf_counter() - began)
    return statistics.median(found)


async def opened(pilot: Pilot[None]) -> None:
    """The program's own first page is there, and it has settled."""
    while type(pilot.app.screen).__name__ == "OpeningScreen":
        await pilot.pause(0.1)
    await pilot.pause(1.0)


async def longest_stall(app: App[None], feed: Callable[[], None]) -> tuple[float, float]:
    """How long the loop was held at most over ``SECONDS``, while ``feed`` is called ten times a second.

    By the lateness of a 5 ms timer, and by the processor time this thread took between two of its ticks.
    """
    late = held = 0.0
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        end, fed = time.perf_counter() + SECONDS, 0.0
        while (now := time.perf_counter()) < end:
            if now - fed > 0.1:
                feed()
                fed = now
            before, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            late = max(late, time.perf_counter() - before - 0.005)
            held = max(held, time.thread_time() - used)
    return late, held


def deploy_app() -> tuple[App[None], Callable[[], None]]:
    """A deploy of ``RESOURCES`` rows, and what lets the next tenth of a second of its events out."""
    from provisioners.engine import events as ev
    from provisioners.target import DeploymentId
    from screens.app import DrucloudApp, WatchStart
    from tests.journals import load
    from tests.screens.memory_services import MemoryServices

    lines = [
        {"id": f"R{n}", "type": "AWS::EC2::VPC", "tier": f"t{n % 10}", "label": f"Resource {n}", "action": "create",
         "requires": [f"R{n - 1}"] if n % 500 else [], "children": [], "monthly_usd": 0.0, "expected_seconds": 5.0}
        for n in range(RESOURCES)
    ]  # fmt: skip
    events = [replace(load("starter")[0].event, plan={"lines": lines})]
    for n in range(RESOURCES):
        events += [ev.StepStarted(f"R{n}"), ev.StepProgress(f"R{n}", "creating"), ev.StepFinished(f"R{n}", "created")]
    now = time.time()
    journal = [ev.Stamped(number, now, event) for number, event in enumerate(events, start=1)]
    services = MemoryServices(journal=journal, released=1)

    def feed() -> None:
        services.released += PER_SECOND // 10

    place = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")
    return DrucloudApp(lambda: services, WatchStart(place)), feed


def two_widgets() -> App[None]:
    """The baseline app."""
    space: dict[str, object] = {}
    exec(TWO_WIDGETS, space)
    return space["Two"]()  # type: ignore[operator, no-any-return]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DRUCLOUD_STATE=folder, DRUCLOUD_CONFIG=folder, AWS_EC2_METADATA_DISABLED="true")
        bare, version = in_turns(
            lambda: plain_start("-c", "pass"), lambda: plain_start("-m", "drucloud_tui", "--version")
        )
        two, first, ready = in_turns(
            lambda: until_drawn(b"two widgets", "-c", RUN_TWO),
            lambda: until_drawn(b"Looking around", "-m", "drucloud_tui"),
            lambda: until_drawn(b"Express: starter", "-m", "drucloud_tui"),
        )
        idle_key = asyncio.run(key_to_paint(two_widgets(), "a"))
        our_key = asyncio.run(key_to_paint(deploy_app()[0], "down"))
        idle = asyncio.run(longest_stall(two_widgets(), lambda: None))
        busy = asyncio.run(longest_stall(*deploy_app()))
    load = os.getloadavg()[0]
    print(f"Load {load:.1f} on {os.cpu_count()} cores; medians of {ROUNDS}.\n")
    print("| what | drucloud | baseline | ratio |\n|---|---|---|---|")
    stall = f"longest stall, {RESOURCES} resources and {PER_SECOND} events a second / idle app"
    for what, own, base in (
        ("`drucloud --version` / bare interpreter", version, bare),
        ("start to first paint / Textual app of two widgets", first, two),
        ("start to the first page one can answer / the same", ready, two),
        (f"key to paint in a tree of {RESOURCES} / idle app", our_key, idle_key),
        (f"{stall}, by the clock", busy[0], idle[0]),
        (f"{stall}, by processor time", busy[1], idle[1]),
    ):
        print(f"| {what} | {own * 1000:.0f} ms | {base * 1000:.0f} ms | {own / base:.1f} |")


if __name__ == "__main__":
    main()
