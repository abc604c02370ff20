"""File locks: two processes never build the same thing, and nobody prunes what another one stands on.

``flock`` locks end with the process that holds them, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from provisioners.sandbox.machines.host import Progress


@contextlib.contextmanager
def exclusive(path: Path, waiting_for: str, progress: Progress) -> Iterator[None]:
    """Hold the lock ``path``; says once that another process has it (``waiting_for``) and then waits."""
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another drucloud that is {waiting_for}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def share(path: Path) -> int:
    """A shared lock on ``path`` for as long as the returned file descriptor is open."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def take(path: Path) -> int | None:
    """An exclusive lock on ``path`` as an open file descriptor, or ``None`` if somebody holds it."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def release(descriptor: int) -> None:
    """Let go of a lock that :func:`share` or :func:`take` gave."""
    os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
