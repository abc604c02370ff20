"""What a machine says about itself, as one JSON object. Streamed over SSH to ``python3``; standard library only.

Changes nothing on the machine. Arguments: the units that should run here. ``--upgrades`` asks only apt what it would
install (seconds of work, so not every time). ``--web`` also runs the web role's own probe, ``--director`` reads the
kernel's table of virtual servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PSEUDO = {
    "proc", "sysfs", "cgroup2", "cgroup", "devpts", "mqueue", "hugetlbfs", "securityfs", "debugfs", "tracefs",
    "configfs", "fusectl", "pstore", "bpf", "autofs", "ramfs", "nsfs", "efivarfs", "binfmt_misc", "devtmpfs",
}  # fmt: skip


def output(*argv: str) -> str:
    """What a command prints; its exit code is not the question here."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout


def units(names: list[str]) -> dict[str, str]:
    """The state of each unit, as systemd calls it."""
    states = output("systemctl", "is-active", *names).split() if names else []
    return dict(zip(names, states, strict=False))


def memory() -> dict[str, int]:
    """Total and available memory in bytes."""
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return {key: int(rows[name].split()[0]) * 1024 for key, name in (("total", "MemTotal"), ("free", "MemAvailable"))}


def disks() -> list[dict[str, Any]]:
    """Every writable file system once: where it is, how full its space and its inodes are (percent)."""
    found: dict[int, dict[str, Any]] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options = line.split()[:4]
        if kind in PSEUDO or "ro" in options.split(",") or where.startswith(("/proc", "/sys", "/dev/pts", "/run/host")):
            continue
        try:
            device, size = Path(where).stat().st_dev, os.statvfs(where)
        except OSError:
            continue  # gone meanwhile, or not for us
        usable = size.f_blocks - size.f_bfree + size.f_bavail
        if not usable:
            continue
        space = 100 * (size.f_blocks - size.f_bfree) / usable
        inodes = 100 * (size.f_files - size.f_ffree) / size.f_files if size.f_files else 0.0
        found.setdefault(device, {"path": where, "percent": round(space, 1), "inodes_percent": round(inodes, 1)})
    return list(found.values())


def upgrades() -> dict[str, Any]:
    """What apt would install now, and how many hours ago security updates were last tried."""
    # Without names for its caches apt keeps them in memory, and leaves the machine as it was.
    quiet = ("-o", "Debug::NoLocking=1", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
    said = output("apt-get", "-s", *quiet, "dist-upgrade")
    pending = [line for line in said.splitlines() if line.startswith("Inst ")]
    stamp = Path("/var/lib/apt/periodic/unattended-upgrades-stamp")
    last = stamp.stat().st_mtime if stamp.exists() else Path("/etc/machine-id").stat().st_mtime
    security = sum("security" in line.lower() for line in pending)
    return {"pending": len(pending), "security": security, "hours": round((time.time() - last) / 3600, 1)}


def cron() -> dict[str, Any]:
    """When cron last started something, in hours; ``None`` when its journal does not say."""
    lines = output("journalctl", "-u", "cron", "-g", "CMD", "-n", "1", "-o", "json", "--no-pager").splitlines()
    if not lines:
        return {"hours": None}
    return {"hours": round((time.time() - int(json.loads(lines[-1])["__REALTIME_TIMESTAMP"]) / 1e6) / 3600, 2)}


def part(look: Any) -> Any:
    """The part's figures, or one sentence on what went wrong."""
    try:
        return look()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def web_probe() -> dict[str, Any]:
    """What PHP-FPM's workers see (``/usr/lib/drucloud/probe``)."""
    said = output("/usr/lib/drucloud/probe")
    return dict(json.loads(said)) if said.strip() else {"error": "the probe says nothing"}


def director() -> dict[str, Any]:
    """Who gets what, from IPVS, or from what stands in for it where the kernel has none; and who has the address."""
    ipvs = Path("/proc/net/ip_vs").exists()
    table = output("ipvsadm", "-Ln") if ipvs else Path("/run/drucloud/forwarding").read_text()
    active = "169.254.112.112/" in output("ip", "-4", "-o", "address", "show", "dev", "lo")
    return {"table": table, "ipvs": ipvs, "active": active}


def main(arguments: list[str]) -> None:
    """Print everything, or what apt says."""
    if "--upgrades" in arguments:
        print(json.dumps({"upgrades": part(upgrades)}))
        return
    names = [name for name in arguments if not name.startswith("--")]
    seen: dict[str, Any] = {
        "units": part(lambda: units(names)),
        "failed_units": part(lambda: [line.split()[0] for line in output(
            "systemctl", "list-units", "--failed", "--plain", "--no-legend").splitlines()]),
        "load": part(lambda: {"minute": os.getloadavg()[0], "cpus": os.cpu_count()}),
        "memory": part(memory),
        "disks": part(disks),
        "reboot": part(lambda: Path("/run/reboot-required").exists()),
    }  # fmt: skip
    if "cron" in names:
        seen["cron"] = part(cron)
    if "--web" in arguments:
        seen["web"] = part(web_probe)
    if "--director" in arguments:
        seen["director"] = part(director)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
