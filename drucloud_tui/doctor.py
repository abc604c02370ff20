"""``drucloud doctor``: what this machine offers, and what stands in the way."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator

from rich.text import Text

from drucloud_tui.display import Terminal
from drucloud_tui.exit_codes import ExitCode
from drucloud_tui.health_output import rows
from drucloud_tui.review_text import console
from drucloud_tui.words import wants_ascii
from health.report import Finding, overall
from profiles.errors import DrucloudError
from profiles.places import cache_root, config_root, state_root

OLDEST_PYTHON = (3, 11)

_PACKAGES = ("boto3", "textual", "paramiko", "moto", "troposphere", "pydantic", "httpx", "rich", "click")


def doctor(as_json: bool) -> int:
    """Print every finding on standard output; 1 when one failed."""
    findings = examine()
    if as_json:
        print(json.dumps([item.to_json() for item in findings], indent=1))
    else:
        screen = console(sys.stdout)
        screen.print(rows(findings, wants_ascii(sys.stdout)))
        for item in findings:
            if item.status != "ok":
                screen.print(Text(f"{item.name}: {item.why} {item.remedy}".strip()))
    return ExitCode.FAILED if overall(findings) == "fail" else ExitCode.OK


def examine() -> list[Finding]:
    """Every check, in the order in which they matter."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _terminal,
        _sandbox,
        _credentials,
        _folders,
    )
    return [item for check in checks for item in check()]


def _found(
    name: str, subject: str, good: bool, value: str, why: str = "", remedy: str = "", bad: str = "fail"
) -> Finding:
    status = "ok" if good else bad
    return Finding(name, subject, status, value, "", "" if good else why, "" if good else remedy, time.time())  # type: ignore[arg-type]


def _python() -> Iterator[Finding]:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    yield _found(
        "python",
        sys.executable,
        sys.version_info[:2] >= OLDEST_PYTHON,
        platform.python_version(),
        "This Python is too old.",
        f"Use Python {wanted} or newer.",
    )


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield _found("package", name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield _found("package", name, False, "missing", "drucloud needs it.", "Install drucloud again.")


def _terminal() -> Iterator[Finding]:
    obstacle = Terminal.here().obstacle
    yield _found(
        "terminal",
        os.environ.get("TERM", "") or "TERM not set",
        not obstacle,
        "full screen" if not obstacle else "plain lines",
        f"The full-screen display cannot be used: {obstacle}.",
        "Plain lines do everything too.",
        bad="warn",
    )


def _sandbox() -> Iterator[Finding]:
    from provisioners.sandbox.machines.facts import host_facts

    for fact in host_facts():
        yield _found(
            "sandbox", fact.name, fact.ok, fact.value, "The sandbox is the poorer for it.", fact.do, bad="warn"
        )


def _credentials() -> Iterator[Finding]:
    from provisioners.aws.account import credentials_found

    yield _found(
        "credentials",
        "AWS",
        credentials_found(),
        "found" if credentials_found() else "none",
        "Without them only the sandbox can be used.",
        "Run 'aws configure' or 'aws sso login' when you want to use your account.",
        bad="warn",
    )


def _folders() -> Iterator[Finding]:
    for name, root in (("config", config_root), ("state", state_root), ("cache", cache_root)):
        try:
            path = root()
        except DrucloudError as error:
            yield _found("folder", name, False, "none", error.what, error.do)
            continue
        private = path.stat().st_mode & 0o077 == 0
        if not os.access(path, os.W_OK | os.X_OK):
            yield _found("folder", name, False, str(path), "It cannot be written.", "Give yourself access.")
        else:
            open_to_others = "Others can read it."
            yield _found("folder", name, private, str(path), open_to_others, f"Run 'chmod 700 {path}'.", bad="warn")
