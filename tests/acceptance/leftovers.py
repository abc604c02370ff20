"""What a sandbox could leave on the host: processes, mounts, network namespaces, control groups."""

from __future__ import annotations

import subprocess
from pathlib import Path


def left(state: Path) -> list[str]:
    """Everything of the sandbox under ``state`` that still stands on this host."""
    return [*_processes(state), *_mounts(state)]


def namespaces() -> set[str]:
    """Names of all network namespaces of the host."""
    folder = Path("/run/netns")
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def control_groups() -> set[str]:
    """Paths of all control groups of ours."""
    return {str(path) for path in Path("/sys/fs/cgroup").rglob("*drucloud*") if path.is_dir()}


def host_links() -> set[str]:
    """Names of the network interfaces in the host's own namespace."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


def _mounts(state: Path) -> list[str]:
    return [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(state) in line]


def _processes(state: Path) -> list[str]:
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in listing.splitlines() if str(state) in line]
