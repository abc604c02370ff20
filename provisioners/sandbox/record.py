"""What is known on disk about the running sandbox: its state file, its lock and its process.

The lock is the truth about life: the kernel frees it however the process ends. The state file says how to reach a
living one. A process is told by its id *and* its start, so that a reused id is never mistaken for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from profiles.places import state_root


@dataclass(frozen=True)
class Record:
    """The state file's content (``sandbox.json``, 0600: it holds the operator's key).

    :param started: identifies the process together with ``pid``; see :func:`process_start`.
    """

    pid: int
    started: str
    endpoint: str
    mode: str
    reason: str
    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Record(pid={self.pid}, endpoint={self.endpoint!r}, mode={self.mode!r})"


def folder() -> Path:
    """The sandbox's own folder in the state root, 0700."""
    path = state_root() / "sandbox"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def control_path() -> Path:
    """The control socket. A Unix socket's path has to be short; a long state root gets one by its inode instead."""
    path = folder() / "control"
    if len(os.fsencode(path)) < 100:
        return path
    place = folder().stat()
    base = Path(tempfile.gettempdir()) / f"drucloud-{os.getuid()}-{place.st_dev:x}-{place.st_ino:x}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.stat().st_uid != os.getuid() or base.is_symlink():
        raise PermissionError(f"{base} belongs to someone else")
    return base / "control"


def log_path() -> Path:
    """The supervisor's log."""
    return folder() / "sandbox.log"


def save(record: Record) -> None:
    """Write the state file, whole or not at all."""
    target = folder() / "sandbox.json"
    temporary = target.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(asdict(record), stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(target)


def load() -> Record | None:
    """The state file; ``None`` if there is none or it is not ours to read."""
    try:
        return Record(**json.loads((folder() / "sandbox.json").read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def forget() -> None:
    """Remove state file and control socket; only ever called with the lock held."""
    (folder() / "sandbox.json").unlink(missing_ok=True)
    control_path().unlink(missing_ok=True)


class Lock:
    """The lock a sandbox holds as long as it lives."""

    def __init__(self) -> None:
        self._descriptor = os.open(folder() / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, patience: float = 0.0) -> bool:
        """Take it if nobody has it; says whether it is ours now.

        :param patience: seconds to go on trying: :func:`alive` holds it for a moment, too.
        """
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(0.05)
            else:
                return True

    def close(self) -> None:
        """Give it back."""
        os.close(self._descriptor)


def alive() -> bool:
    """Whether a sandbox lives. If none does, what a killed one left in its folder is forgotten."""
    lock = Lock()
    try:
        if not lock.take():
            return True
        forget()
        return False
    finally:
        lock.close()


def process_start(pid: int) -> str:
    """When process ``pid`` started, in the system's own terms; empty if there is no such process."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]  # ended, but not yet reaped, is ended
    if Path("/proc/self/stat").exists():
        return ""
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
