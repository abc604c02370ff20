"""What `drucloud doctor` says about the sandbox on this host."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from provisioners.sandbox.machines import cgroups, choice, image, leftovers, locks


@dataclass(frozen=True)
class Fact:
    """One finding.

    :param ok: whether the sandbox is the better for it; ``do`` says what would make it so where it is not.
    """

    name: str
    value: str
    ok: bool
    do: str = ""


def host_facts() -> list[Fact]:
    """How the sandbox runs here and what it keeps; looks only, and asks no mirror."""
    obstacle = choice.why_not()
    mode = "rehearsal" if obstacle else "machines"
    facts = [
        Fact(
            "mode",
            f"{mode}: {obstacle}" if obstacle else mode,
            not obstacle,
            choice.HINT,
        )
    ]
    if obstacle:
        return facts
    return [*facts, _memory(), _space(), _base_image(), _leftovers()]


def _memory() -> Fact:
    limited = cgroups.limited()
    value = "machines get their instance type's memory" if limited else "no limit: the host has no memory controller"
    return Fact("memory", value, limited, "Boot the host with the memory cgroup controller.")


def _space() -> Fact:
    free = shutil.disk_usage(image.folder()).free
    value = f"{free / 2**30:.1f} GiB free in {image.folder()}"
    return Fact("disk", value, free >= image.NEEDED_BYTES, "Free some space or set DRUCLOUD_CACHE.")


def _base_image() -> Fact:
    found = image.cached()
    value = found.name if found else "not built yet (about a minute at the first start)"
    return Fact("base image", value, True)


def _leftovers() -> Fact:
    root = leftovers.machines_root()
    lock = locks.take(root / "host.lock") if root.is_dir() else None
    if lock is None:
        return Fact("leftovers", "none", True)
    try:
        found = leftovers.find(root)
    finally:
        locks.release(lock)
    value = f"{len(found)} things of a killed sandbox" if found else "none"
    return Fact("leftovers", value, not found, "The next start of the sandbox removes them.")
