"""A control group for every machine, in whichever hierarchies the host has.

systemd in a machine needs a cgroup of its own in the hierarchy it manages (unified, or ``name=systemd``), and the
instance type's memory becomes a limit where a memory controller is at hand: cgroup v1, v2, or both mixed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")

_REAPED_SECONDS = 60.0


def hierarchies() -> list[Path]:
    """The writable hierarchies a machine has to be placed in; empty where the host has no cgroups."""
    if (ROOT / "cgroup.controllers").exists():
        candidates = [ROOT]
    else:
        candidates = [ROOT / name for name in ("unified", "systemd", "memory")]
    return [path for path in candidates if (path / "cgroup.procs").exists() and os.access(path, os.W_OK)]


def create(parent: str, name: str, memory_mib: int) -> list[Path]:
    """Make ``parent/name`` in every hierarchy, limited to ``memory_mib`` (0: not limited); the folders."""
    made = []
    for hierarchy in hierarchies():
        group = hierarchy / parent / name
        if hierarchy == ROOT:
            _delegate(hierarchy)
            group.parent.mkdir(exist_ok=True)
            _delegate(group.parent)
        group.mkdir(parents=True, exist_ok=True)
        for file in ("memory.max", "memory.limit_in_bytes"):
            if memory_mib and (group / file).exists():
                (group / file).write_text(str(memory_mib * 2**20))
        made.append(group)
    return made


def remove(parent: str, name: str | None = None) -> None:
    """Kill what still runs in ``parent/name`` (or all of ``parent``) and remove the groups, in every hierarchy."""
    for hierarchy in hierarchies():
        group = hierarchy / parent / name if name else hierarchy / parent
        if group.is_dir():
            kill(group)
            for folder, _, _ in sorted(os.walk(group), key=lambda entry: -len(entry[0])):
                _rmdir(Path(folder))
        if name:
            with contextlib.suppress(OSError):  # other machines are in it
                group.parent.rmdir()


def kill(group: Path, patience: float = 10.0) -> None:
    """Kill every process in ``group`` and below, and wait until none is left or the patience is over."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        pids = processes(group)
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def processes(group: Path) -> list[int]:
    """The processes in ``group`` and below."""
    found = []
    for folder, _, _ in os.walk(group):
        with contextlib.suppress(OSError):  # the group went away meanwhile
            found += [int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split()]
    return found


def limited() -> bool:
    """Whether machines get a memory limit here."""
    if (ROOT / "cgroup.controllers").exists():
        return "memory" in (ROOT / "cgroup.subtree_control").read_text().split()
    return ROOT / "memory" in hierarchies()


def _delegate(group: Path) -> None:
    """Hand the memory controller down, where the kernel lets us (not in a container's own root group)."""
    with contextlib.suppress(OSError):
        (group / "cgroup.subtree_control").write_text("+memory")


def _rmdir(group: Path) -> None:
    """Remove one group; it stays busy until the last of its processes is reaped, seconds on a host with much to do."""
    deadline = time.monotonic() + _REAPED_SECONDS
    while time.monotonic() < deadline:
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            time.sleep(0.02)
    group.rmdir()
