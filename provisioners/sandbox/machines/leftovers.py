"""Removes what a killed run left: only things that carry the name made of this state directory.

Most of it goes by itself: machines, resolvers and the package cache die with the process that started them, and their
mounts with them. Namespaces, cgroups and folders stay, and this takes them away, in the order in which they stand on
each other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from profiles.errors import FailedError
from profiles.places import state_root
from provisioners.sandbox.machines import cgroups, locks, namespaces
from provisioners.sandbox.machines.names_on_host import prefix

_NSPAWN = Path("/run/systemd/nspawn")


def machines_root() -> Path:
    """The folder in which this state directory's sandbox keeps its machines."""
    return state_root() / "sandbox" / "machines"


def find(root: Path | None = None) -> list[str]:
    """What is there of the machines of ``root``, running or left behind, one line each; empty if nothing is."""
    root = root or machines_root()
    name = prefix(root)
    found = [f"process {pid}" for hierarchy in cgroups.hierarchies() for pid in cgroups.processes(hierarchy / name)]
    found += [f"mount {path}" for path in _mounts(root)]
    found += [f"namespace {path.name}" for path in _namespaces(name)]
    found += [f"cgroup {hierarchy / name}" for hierarchy in cgroups.hierarchies() if (hierarchy / name).is_dir()]
    found += [f"trace {path}" for path in sorted(_NSPAWN.glob(f"*/{name}-*"))]
    found += [f"folder {path}" for path in _folders(root)]
    return list(dict.fromkeys(found))


def sweep(root: Path | None = None) -> list[str]:
    """Remove everything that a killed sandbox left of its machines in ``root``; returns what was found.

    Does nothing for an ordinary user, who cannot have had real machines.

    :raises FailedError: the sandbox there still runs.
    """
    root = root or machines_root()
    if os.geteuid() != 0 or not (root.is_dir() or find(root)):
        return []
    lock = locks.take(root / "host.lock")
    if lock is None:
        raise FailedError("The sandbox of this state directory still runs.", "Stop it with: drucloud sandbox stop")
    try:
        found = find(root)
        name = prefix(root)
        cgroups.remove(name)
        for namespace in _namespaces(name):
            _kill_inside(namespace.name)
        for mount in sorted(_mounts(root), key=len, reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=True, capture_output=True)
        for namespace in _namespaces(name):
            namespaces.delete(namespace.name)
        remove_traces(f"{name}-*")
        for folder in _folders(root):
            shutil.rmtree(folder)
        return found
    finally:
        locks.release(lock)


def _namespaces(name: str) -> list[Path]:
    return sorted(namespaces.NAMED.glob(f"{name}-*"))


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _mounts(root: Path) -> list[str]:
    """Mount points at or below ``root``."""
    inside = f"{root.resolve()}/"
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    # The kernel writes a blank in a path as an octal escape.
    decoded = [point.encode().decode("unicode_escape") for point in points]
    return [point for point in decoded if point.startswith(inside)]


def _kill_inside(namespace: str) -> None:
    """Kill what still runs in a namespace (where there are no cgroups to kill it by)."""
    result = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    for pid in result.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def remove_traces(name: str) -> None:
    """Remove systemd-nspawn's own folders of the machines called ``name`` (a pattern): it leaves them when killed."""
    for trace in _NSPAWN.glob(f"*/{name}"):
        if os.path.ismount(trace):
            subprocess.run(["umount", "--lazy", str(trace)], check=True, capture_output=True)
        if trace.is_dir():
            shutil.rmtree(trace)
        else:
            trace.unlink(missing_ok=True)
