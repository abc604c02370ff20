"""The dashboard in a real terminal (tmux) over real rounds: all well, a node cut off, caching off, drift.

``pytest --accept`` also keeps those rounds under tests/frames/rounds, from which the golden frames are drawn.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioners.sandbox import client
from tests.acceptance.operator import ROOT, Operator

from .faults import FAULTS, Fault, Machines

pytestmark = [
    pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines"),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]  # fmt: skip

KEPT = ROOT / "tests" / "frames" / "rounds"
CUT = next(fault for fault in FAULTS if fault.name == "node cut off")
CACHING_OFF = next(fault for fault in FAULTS if fault.name == "page caching off")


class Pane:
    """A terminal with a program in it."""

    def __init__(self, folder: Path, environment: dict[str, str], width: int, height: int, *argv: str) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        size = ["-x", str(width), "-y", str(height)]
        subprocess.run([*self._tmux, "new-session", "-d", *size, *argv], check=True, env=environment, cwd=ROOT)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    def press(self, *names: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *names], check=True)

    def resize(self, width: int, height: int) -> None:
        subprocess.run([*self._tmux, "resize-window", "-x", str(width), "-y", str(height)], check=True)

    def shows(self, *words: str, gone: str = "", seconds: float = 90.0) -> None:
        """Wait until all words stand on the screen, and ``gone`` does not."""
        until = time.monotonic() + seconds
        while True:
            seen = self.text
            if all(word in seen for word in words) and not (gone and gone in seen):
                return
            assert time.monotonic() < until, f"{words} never came, or {gone} never went:\n{seen}"
            time.sleep(0.3)

    def until_well(self, seconds: float = 90.0) -> None:
        """Ask for rounds until nothing fails (a busy host may answer late, which is a warning)."""
        until = time.monotonic() + seconds
        while "has failures" in self.text:
            assert time.monotonic() < until, self.text
            self.press("r")
            time.sleep(2)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


@pytest.fixture(scope="module")
def pane(watched: Operator) -> Iterator[Pane]:
    """One dashboard that is kept open through all of it."""
    argv = [sys.executable, "-m", "drucloud_tui", "health", "starter"]
    opened = Pane(watched.home, {**watched.environment, "TERM": "xterm-256color"}, 80, 24, *argv)
    yield opened
    opened.close()


def keep(watched: Operator, name: str) -> None:
    """Keep a round of what stands now, when frames are accepted anew."""
    if os.environ.get("DRUCLOUD_ACCEPT_FRAMES"):
        report = json.loads(watched.run("health", "starter", "--json").out)
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{name}.json").write_text(json.dumps(report["findings"], indent=1) + "\n")


def test_every_page_of_a_deployment_that_is_well(pane: Pane, watched: Operator) -> None:
    pane.shows("Examined at", "Micro-cache", gone="has failures")
    for size in ((120, 40), (80, 24)):
        pane.resize(*size)
        pane.press("2")
        pane.shows("browser, first byte", "answers", "memcached", "database")
        pane.press("3")
        pane.shows("web server", "machine.memory")
        pane.press("/")
        pane.shows("rows that contain")
        pane.press(*"nginx")
        pane.shows("service.nginx", gone="machine.memory")
        pane.press("Escape")
        pane.shows("machine.memory")
        pane.press("4")
        pane.shows("Examined at", gone="machine.memory")
        pane.press("1")
    pane.press("p")
    pane.shows("paused, p goes on")
    pane.press("p")
    keep(watched, "well")


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [(CUT, "node-down", "Cause: machine.reachable"), (CACHING_OFF, "cache-off", "Cause: micro-cache.hit")],
    ids=["node-down", "cache-off"],
)
def test_a_fault_is_named_and_goes(
    pane: Pane, watched: Operator, lab: Machines, fault: Fault, name: str, words: str
) -> None:
    lab.apply(fault.machine, fault.inject)
    try:
        pane.press("r")
        pane.shows("has failures", words)
        keep(watched, name)
    finally:
        lab.apply(fault.machine, fault.mend)
    pane.until_well()
    pane.press("4")
    pane.shows(words.removeprefix("Cause: "))  # the event log remembers
    pane.press("1")


def test_what_has_vanished_from_the_account_is_drift(
    pane: Pane, watched: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Last of this folder: the key pair does not come back."""
    monkeypatch.setenv("DRUCLOUD_STATE", str(watched.home / "state"))
    sandbox = client.running()
    assert sandbox is not None
    ec2 = sandbox.target("us-east-1").aws.client("ec2")
    (pair,) = ec2.describe_key_pairs()["KeyPairs"]
    ec2.delete_key_pair(KeyName=pair["KeyName"])
    pane.shows("has failures", "Cause: drift", "KeyPair")
    keep(watched, "drift")
