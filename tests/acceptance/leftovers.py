"""What a sandbox could leave on the host: processes, mounts, network namespaces, control groups."""

from __future__ import annotations

import subprocess
from pathlib import Path


def left(state: Path) -> list[str]:
    """Everything of the sandbox under ``state`` that still stands on this host."""
    return [*_processes(state), *_mounts(state)]


def of_the_host() -> set[str]:
    """Network namespaces, control groups of ours, and network interfaces: what is more afterwards was left behind."""
    return {*map(str, Path("/run").glob("netns/*")), *_control_groups(), *map(str, Path("/sys/class/net").iterdir())}


def _control_groups() -> set[str]:
    return {str(path) for path in Path("/sys/fs/cgroup").rglob("*drucloud*") if path.is_dir()}


def _mounts(state: Path) -> list[str]:
    return [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(state) in line]


def _processes(state: Path) -> list[str]:
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in listing.splitlines() if str(state) in line]
