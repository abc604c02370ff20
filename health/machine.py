"""Findings from what a machine says about itself (:mod:`health.on_node.look`); interpreting it is pure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from health.report import Finding, Status
from provisioners.debian import web_suite
from provisioners.foreign_text import clean_line

UNITS: Mapping[str, tuple[str, ...]] = {
    "web": ("nginx", "php{php}-fpm", "ssh"),
    "admin": ("cron", "ssh"),
    "director": ("keepalived", "ssh"),
    "search": ("solr", "ssh"),
    "files": ("glusterd", "ssh"),
}
"""What must run on a machine of each role; on one of a role that is not here, its SSH server. PHP is the Debian's."""

DISK_WARN, DISK_FAIL = 85.0, 95.0
"""Percent of space or inodes."""
MEMORY_WARN, MEMORY_FAIL = 10.0, 4.0
"""Percent that is still available."""
LOAD_WARN = 3.0
"""Load of one minute for each processor."""
CRON_HOURS = 2.0
"""Debian's cron starts something every hour (cron.hourly)."""
UPGRADE_HOURS = 72.0
"""Unattended upgrades run daily; security updates that wait longer than this say that they do not."""


def program() -> bytes:
    """The program that looks, to be fed to ``python3`` on the machine."""
    return resources.files("health.on_node").joinpath("look.py").read_bytes()


def command(role: str, drupal: str = "") -> list[str]:
    """How it is run over SSH.

    :param drupal: the machine's setting ``Drupal``, which decides about its Debian.
    """
    units = [name.format(php=web_suite(drupal).php) for name in UNITS.get(role, ("ssh",))]
    flags = [f"--{role}"] if role in ("web", "director") else []
    return ["sudo", "-n", "python3", "-I", "-", *units, *flags]


def upgrades_command() -> list[str]:
    """How it asks apt."""
    return ["sudo", "-n", "python3", "-I", "-", "--upgrades"]


def read(answer: str) -> Mapping[str, Any]:
    """The answer as an object; raises ``ValueError``."""
    seen = json.loads(answer)
    if not isinstance(seen, dict):
        raise ValueError("not an object")
    return seen


def findings(subject: str, seen: Mapping[str, Any], shared: bool = False) -> list[Finding]:
    """What ``seen`` means for machine ``subject``.

    :param shared: whether it shares the processors with the whole host, as the sandbox's machines do: its load is then
        that of all programs there, and says nothing about it.
    """
    parts = (_units, _memory, _disks, _cron, _reboot)
    return [*_load(subject, seen, shared), *(item for look in parts for item in look(subject, seen))]


def updates(subject: str, seen: Mapping[str, Any]) -> list[Finding]:
    """What apt would install, and whether security updates still install themselves."""
    return list(_upgrades(subject, seen))


def _made(
    name: str, subject: str, status: Status, value: str, why: str, remedy: str = "",
    number: float | None = None, measure: str = "",
) -> Finding:  # fmt: skip
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number, measure)


def _broken(name: str, subject: str, part: Any) -> Finding | None:
    if isinstance(part, Mapping) and "error" in part:
        return _made(name, subject, "unknown", "error", clean_line(str(part["error"])))
    return None


def _units(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    if broken := _broken("service.running", subject, seen.get("units", {})):
        yield broken
        return
    for unit, state in seen.get("units", {}).items():
        good = state in ("active", "reloading")
        state = clean_line(str(state))
        yield _made(
            f"service.{unit}", subject, "ok" if good else "fail", state,
            f"{unit} runs." if good else f"{unit} does not run on the {subject} ({state}).",
            "" if good else f"On the {subject}: sudo systemctl start {unit}; its log: journalctl -u {unit}.",
        )  # fmt: skip
    expected = {f"{unit}.service" for unit in seen.get("units", {})}
    failed = seen.get("failed_units", [])
    others = [clean_line(str(unit)) for unit in failed if unit not in expected] if isinstance(failed, list) else []
    if others:
        yield _made(
            "service.others", subject, "warn", f"{len(others)} failed", f"Failed units: {', '.join(others)}.",
            "Read their logs with journalctl -u NAME.",
        )  # fmt: skip


def _load(subject: str, seen: Mapping[str, Any], shared: bool) -> Iterator[Finding]:
    if broken := _broken("machine.load", subject, part := seen.get("load", {"error": "not told"})):
        yield broken
        return
    load, cpus = float(part["minute"]), int(part["cpus"] or 1)
    busy = load / cpus > LOAD_WARN and not shared
    yield _made(
        "machine.load", subject, "warn" if busy else "ok", f"{load:.1f} on {cpus} CPUs",
        "More work waits than the processors can do." if busy
        else "The load of the whole host, which the sandbox's machines share." if shared else "The processors keep up.",
        "See what runs (top), or choose a larger class." if busy else "", load,
    )  # fmt: skip


def _memory(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    if broken := _broken("machine.memory", subject, part := seen.get("memory", {"error": "not told"})):
        yield broken
        return
    percent = 100 * part["free"] / part["total"]
    status: Status = "fail" if percent < MEMORY_FAIL else "warn" if percent < MEMORY_WARN else "ok"
    yield _made(
        "machine.memory", subject, status, f"{percent:.0f} % free of {part['total'] / 2**20:.0f} MiB",
        "There is memory left." if status == "ok" else "The machine is nearly out of memory.",
        "" if status == "ok" else "Choose a larger class, or fewer PHP workers.", 100 - percent, "%",
    )  # fmt: skip


def _disks(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    disks = seen.get("disks", {"error": "not told"})
    if (broken := _broken("machine.disk", subject, disks)) or not disks:
        yield broken or _made("machine.disk", subject, "unknown", "none seen", "No file system was seen.")
        return
    full = max(disks, key=lambda disk: max(disk["percent"], disk["inodes_percent"]))
    where, percent = clean_line(str(full["path"])), max(full["percent"], full["inodes_percent"])
    what = "space" if full["percent"] >= full["inodes_percent"] else "inodes"
    status: Status = "fail" if percent >= DISK_FAIL else "warn" if percent >= DISK_WARN else "ok"
    yield _made(
        "machine.disk", subject, status, f"{percent:.0f} % of {what} on {where}",
        "There is room." if status == "ok" else f"The disk is nearly full: {where} ({percent:.0f} % of its {what}).",
        "" if status == "ok" else f"See what is large: sudo du -xh {where} | sort -h | tail; or enlarge the volume.",
        percent, "%",
    )  # fmt: skip


def _cron(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    part = seen.get("cron")
    if not isinstance(part, Mapping) or part.get("hours") is None:
        return  # not this machine's business, or it has not been up for an hour
    hours = float(part["hours"])
    late = hours > CRON_HOURS
    yield _made(
        "cron.age", subject, "warn" if late else "ok", f"{hours:.1f} h ago",
        "cron has started nothing for hours." if late else "cron started something lately.",
        "Read journalctl -u cron." if late else "", hours * 3600, "s",
    )  # fmt: skip


def _reboot(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    if seen.get("reboot") is True:
        yield _made(
            "machine.reboot", subject, "warn", "needed", "An update waits for a reboot.",
            f"Reboot the {subject} when few visitors are there.",
        )  # fmt: skip


def _upgrades(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    if not isinstance(part := seen.get("upgrades"), Mapping):
        return
    if broken := _broken("machine.updates", subject, part):
        yield broken
        return
    late = bool(part["security"]) and part["hours"] > UPGRADE_HOURS
    yield _made(
        "machine.updates", subject, "warn" if late else "ok", f"{part['pending']} pending, {part['security']} security",
        "Security updates wait for days: unattended upgrades do not run." if late else "Updates install themselves.",
        "Read /var/log/unattended-upgrades on the machine." if late else "", float(part["pending"]),
    )  # fmt: skip
