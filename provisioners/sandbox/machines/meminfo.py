"""A machine's own ``/proc/meminfo``: its cgroup limits its memory, but the kernel would show it the host's.

The file is bind-mounted into the machine and written anew every few seconds from the cgroup's figures.
"""

from __future__ import annotations

from pathlib import Path


def render(total_kib: int, used_kib: int, cached_kib: int) -> str:
    """The lines that programs read, in the kernel's own form and always equally long.

    :param used_kib: what cannot be reclaimed.
    :param cached_kib: page cache, which can.
    """
    free = max(total_kib - used_kib - cached_kib, 0)
    values = {
        "MemTotal": total_kib,
        "MemFree": free,
        "MemAvailable": max(total_kib - used_kib, 0),
        "Buffers": 0,
        "Cached": cached_kib,
        "SwapCached": 0,
        "Active": used_kib,
        "Inactive": cached_kib,
        "SwapTotal": 0,
        "SwapFree": 0,
        "Dirty": 0,
        "Shmem": 0,
        "Slab": 0,
        "SReclaimable": 0,
    }
    return "".join(f"{name + ':':<16}{value:>12} kB\n" for name, value in values.items())


def usage(groups: list[Path]) -> tuple[int, int] | None:
    """(used, cached) in KiB of the machine in these cgroups; ``None`` where no memory controller counts."""
    for group in groups:
        for total, cache in (("memory.current", "file"), ("memory.usage_in_bytes", "total_cache")):
            if (group / total).exists():
                all_bytes = int((group / total).read_text())
                rows = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                cached = min(int(rows[cache]), all_bytes)
                return (all_bytes - cached) // 1024, cached // 1024
    return None


def write(file: Path, memory_mib: int, groups: list[Path]) -> None:
    """Write the file in place: a bind mount shows the file, not its name."""
    used, cached = usage(groups) or (0, 0)
    with file.open("r+b" if file.exists() else "w+b") as target:
        target.write(render(memory_mib * 1024, used, cached).encode())
    file.chmod(0o644)
