"""An operator at a shell: a home of their own, and the program run as they would run it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from profiles import places

ROOT = Path(__file__).resolve().parents[2]
HOSTS = {"machine.disk", "machine.updates"}
"""Findings that tell of this host's disk, which the machines share, and of what Debian published since the image."""
WITHOUT = ("AWS_", "DRUCLOUD_", "CI", "TERM", "NO_COLOR", "ACCESSIBLE")


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str
    seconds: float

    def ok(self) -> Ran:
        """Itself, when the exit code is 0; otherwise the test fails with what was printed."""
        assert self.code == 0, f"exit code {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"
        return self


@dataclass
class Operator:
    """Runs ``drucloud`` with state and configuration of its own; the cache is the machine's."""

    home: Path
    sandbox: str = "auto"
    user: str = ""
    """Another user to run as; needs root."""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(WITHOUT)}
        cache = self.home / "cache" if self.user else places.cache_root()
        return {
            **kept,
            "HOME": str(self.home),
            "DRUCLOUD_STATE": str(self.home / "state"),
            "DRUCLOUD_CONFIG": str(self.home / "config"),
            "DRUCLOUD_CACHE": str(cache),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TERM": "dumb",
            **self.extra,
        }

    def start(self, *arguments: str, **keywords: Any) -> subprocess.Popen[str]:
        """``drucloud ARGUMENTS`` in the background, without a terminal."""
        command = [sys.executable, "-m", "drucloud_tui", *arguments]
        if self.user:
            command = [*self._as_user(), *command]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **keywords,
        )

    def _as_user(self) -> list[str]:
        """Without root, and without any right to write; may look into root's home, where Python may be."""
        looking = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search")
        group = str(pwd.getpwnam(self.user).pw_gid)
        return ["setpriv", "--reuid", self.user, "--regid", group, "--clear-groups", *looking]

    def run(self, *arguments: str, timeout: float = 900) -> Ran:
        """``drucloud ARGUMENTS`` to its end."""
        began = time.monotonic()
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        return Ran(process.returncode, out, err, time.monotonic() - began)

    def replay(self, *arguments: str, profile: str = "profiles/presets/starter.yaml", display: str = "plain") -> Ran:
        """The preset (or another profile) in the sandbox, without questions."""
        return self.run(*self.replay_arguments(*arguments, profile=profile, display=display))

    def replay_arguments(self, *arguments: str, profile: str, display: str = "plain") -> tuple[str, ...]:
        return (
            "replay", profile, "--target", "sandbox", "--sandbox", self.sandbox, "--display", display, "--yes",
            *arguments,
        )  # fmt: skip

    def events(self, ran: Ran) -> list[dict[str, Any]]:
        """The events that ``--display json`` printed."""
        return [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]

    def engine_pid(self, timeout: float = 60) -> int:
        """Pid of the engine at work, from the lock it holds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for lock in (self.home / "state" / "deployments").glob("*/lock"):
                with contextlib.suppress(ValueError, KeyError):
                    pid = int(json.loads(lock.read_text())["pid"])
                    if Path(f"/proc/{pid}").exists():
                        return pid
            time.sleep(0.05)
        raise AssertionError("no engine took the lock")

    def journalled(self) -> int:
        """How many events the journal of the operator's only deployment holds; 0 without one."""
        for journal in (self.home / "state" / "deployments").glob("*/journal.db"):
            with (
                contextlib.closing(sqlite3.connect(journal, timeout=10)) as connection,
                contextlib.suppress(
                    sqlite3.OperationalError  # its table is not there yet
                ),
            ):
                return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
        return 0

    def kill_engine_after(self, events: int) -> None:
        """Start a deploy and kill its engine, and nothing else, once it has journalled ``events`` events."""
        before = self.journalled()
        view = self.start(*self.replay_arguments(profile="starter"))
        while self.journalled() < before + events:
            assert view.poll() is None, "the run was over before its engine could be killed"
            time.sleep(0.01)
        os.kill(self.engine_pid(), signal.SIGKILL)
        _, err = view.communicate(timeout=60)
        assert view.returncode == 1, err
        assert "drucloud resume starter" in err

    def stop_sandbox(self) -> None:
        """End this operator's sandbox, whatever state it is in."""
        self.run("sandbox", "stop", timeout=180)


def not_well(report: str) -> list[str]:
    """Findings of a health report as JSON that are not ok, but for what the host decides (disk, updates)."""
    findings = json.loads(report)["findings"]
    return [f"{one['name']}: {one['why']}" for one in findings if one["status"] != "ok" and one["name"] not in HOSTS]


def urls(text: str) -> list[str]:
    """Loopback URLs in ``text``."""
    return re.findall(r"http://127\.0\.0\.1:\d+/?", text)
