"""What a machine says about itself, interpreted; and the program that says it, run here."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from health import machine
from health.report import Finding, overall

GOOD: dict[str, Any] = {
    "units": {"nginx": "active", "php8.4-fpm": "active", "ssh": "active"},
    "failed_units": [],
    "load": {"minute": 0.4, "cpus": 2},
    "memory": {"total": 2 * 2**30, "free": 2**30},
    "disks": [{"path": "/", "percent": 40.0, "inodes_percent": 3.0}],
    "reboot": False,
    "cron": {"hours": 0.5},
    "upgrades": {"pending": 3, "security": 1, "hours": 10.0},
}


def findings(**parts: Any) -> dict[str, Finding]:
    seen = {**GOOD, **parts}
    return {item.name: item for item in (*machine.findings("web server", seen), *machine.updates("web server", seen))}


def test_the_php_of_the_machines_own_debian_is_looked_at() -> None:
    assert [[word for word in machine.command("web", drupal) if "php" in word] for drupal in ("", "7")] == [
        ["php8.4-fpm"],
        ["php8.2-fpm"],
    ]


def test_all_is_well() -> None:
    assert overall(list(findings().values())) == "ok"


@pytest.mark.parametrize(
    ("name", "parts", "status", "words"),
    [
        ("service.nginx", {"units": {"nginx": "failed"}}, "fail", "nginx does not run on the web server"),
        ("service.others", {"failed_units": ["nginx.service", "x.service"]}, "warn", "x.service"),
        ("machine.load", {"load": {"minute": 9.0, "cpus": 2}}, "warn", "More work"),
        ("machine.memory", {"memory": {"total": 1000, "free": 30}}, "fail", "out of memory"),
        ("machine.disk", {"disks": [{"path": "/srv", "percent": 99.0, "inodes_percent": 1.0}]}, "fail", "/srv"),
        ("machine.disk", {"disks": [{"path": "/srv", "percent": 9.0, "inodes_percent": 90.0}]}, "warn", "inodes"),
        ("machine.reboot", {"reboot": True}, "warn", "reboot"),
        ("cron.age", {"cron": {"hours": 5}}, "warn", "nothing for hours"),
        ("machine.updates", {"upgrades": {"pending": 9, "security": 2, "hours": 100}}, "warn", "unattended"),
        ("machine.load", {"load": {"error": "OSError: \x1b[31mno"}}, "unknown", "no"),
    ],
)
def test_what_is_wrong_is_named(name: str, parts: dict[str, Any], status: str, words: str) -> None:
    seen = findings(**parts)[name]
    assert seen.status == status
    assert words in seen.why
    assert "\x1b" not in seen.why


@pytest.mark.skipif(sys.platform != "linux", reason="the machines are Linux")
def test_the_program_runs_from_standard_input() -> None:
    ran = subprocess.run([sys.executable, "-I", "-", "ssh"], input=machine.program(), capture_output=True, check=True)
    seen = machine.read(ran.stdout.decode())
    assert set(json.loads(ran.stdout)) >= {"units", "load", "memory", "disks", "reboot"}
    assert any(disk["path"] == "/" for disk in seen["disks"])
    assert {"machine.load", "machine.memory", "machine.disk"} <= {item.name for item in machine.findings("here", seen)}


def test_a_machine_of_the_sandbox_shows_its_hosts_load_and_is_not_blamed_for_it() -> None:
    busy = {**GOOD, "load": {"minute": 90.0, "cpus": 2}}
    (seen,) = [item for item in machine.findings("web server", busy, shared=True) if item.name == "machine.load"]
    assert (seen.status, seen.number) == ("ok", 90.0)
    assert "whole host" in seen.why
