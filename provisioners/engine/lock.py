"""Who works on a deployment: one engine at a time, and its name is known.

The lock is ``flock`` on a file in the deployment's folder. The kernel lets go of it when its holder dies, however it
dies; the file's content only says who that is.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from profiles.errors import UsageError


@dataclass(frozen=True)
class Holder:
    """The engine process at work: ``since`` in Unix seconds."""

    pid: int
    host: str
    since: float

    def __str__(self) -> str:
        """For people: ``process 4711 on host, since 14:03``."""
        return f"process {self.pid} on {self.host}, since {time.strftime('%H:%M', time.localtime(self.since))}"


class DeploymentLock:
    """The lock while it is held."""

    def __init__(self, descriptor: int) -> None:
        """Use :meth:`acquire`."""
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, name: str) -> DeploymentLock:
        """Take the lock at ``path`` of the deployment ``name``, or raise ``UsageError`` that names its holder.

        Whoever asks :func:`holder` takes it (shared) for an instant, hence the few tries.
        """
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        for _ in range(20):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
                continue
            mine = Holder(os.getpid(), socket.gethostname(), time.time())
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(mine)).encode(), 0)
            return cls(descriptor)
        os.close(descriptor)
        raise busy(name, holder(path))

    def release(self) -> None:
        """Let go; also happens when the process ends."""
        os.close(self._descriptor)


def holder(path: Path) -> Holder | None:
    """Who holds the lock at ``path``; ``None`` when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _written(descriptor)
    finally:
        os.close(descriptor)


def busy(name: str, by: Holder | None) -> UsageError:
    """The one sentence for whoever comes second."""
    who = f" ({by})" if by else ""
    return UsageError(
        f"Another drucloud is already at work on '{name}'{who}.", f"Follow it with 'drucloud attach {name}'."
    )


def _written(descriptor: int) -> Holder:
    """What the holder wrote; it holds the lock an instant before it has written."""
    for _ in range(20):
        try:
            return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
        except ValueError:
            time.sleep(0.02)
    return Holder(0, "unknown", 0.0)
