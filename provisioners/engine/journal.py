"""The journal: everything that happened to one deployment, in order, on disk before anyone sees it.

SQLite in WAL mode with ``synchronous=FULL``: an event that :meth:`Journal.append` has stored survives a power cut.
One process writes (the engine, which holds the deployment's lock); any number read at the same time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from profiles.errors import FailedError
from provisioners.engine import events as ev

BATCH_SECONDS = 0.1
"""How long progress and log lines may wait for company before they are committed."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, at REAL NOT NULL, body TEXT NOT NULL)"


class Journal:
    """One deployment's journal. Thread-safe."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Use :meth:`open` or :meth:`open_to_read`."""
        self._connection = connection
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        """Held while the disk is waited for."""
        self._queue = threading.Lock()
        """Held for moments only; taken inside :attr:`_lock`, never around it."""
        self._waiting: list[tuple[float, str]] = []
        self._queued = 0
        self._committed = 0
        self._timer: threading.Timer | None = None
        self._broken: Exception | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing, made (0600, folder 0700) if it is not there. Raises ``FailedError`` when it cannot be."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        try:
            connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        return cls(connection, path)

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open what another process may be writing. Raises ``FileNotFoundError`` when there is none."""
        if not path.exists():
            raise FileNotFoundError(path)
        try:
            connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            connection.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        return cls(connection, path)

    def append(self, *events: ev.Event) -> None:
        """Store ``events`` (after whatever :meth:`append_soon` has kept back) in one commit; on disk on return.

        One thread's wait for the disk serves all that came meanwhile: their events go into the next commit together.
        """
        bodies = [_body(event) for event in events]
        with self._queue:
            mine = self._put(bodies)
        with self._lock:
            if self._committed < mine or self._broken is not None:
                self._commit()

    def append_soon(self, event: ev.Event) -> None:
        """Store ``event`` within :data:`BATCH_SECONDS`, with others; for progress and log lines."""
        body = _body(event)
        with self._queue:
            self._put([body])
            if self._timer is None:
                self._timer = threading.Timer(BATCH_SECONDS, self._flush_by_timer)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Store what :meth:`append_soon` has kept back."""
        self.append()

    def read(self, after: int = 0) -> list[ev.Stamped]:
        """All events numbered above ``after``, in order; raises ``FailedError`` when they cannot be understood."""
        with self._lock:
            try:
                rows = self._connection.execute(
                    "SELECT number, at, body FROM events WHERE number > ? ORDER BY number", (after,)
                ).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # its writer has made the file and not yet the table
                    return []
                raise _damaged(self._path, error) from error
            except sqlite3.Error as error:
                raise _damaged(self._path, error) from error
        try:
            return [ev.Stamped(number, at, ev.from_json(json.loads(body))) for number, at, body in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(self._path, error) from error

    def close(self) -> None:
        """Store what is kept back and close."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            try:
                self._commit()
            finally:
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, bodies: list[str]) -> int:
        """Queue them; the number of the last."""
        self._waiting += [(self._clock(), body) for body in bodies]
        self._queued += len(bodies)
        return self._queued

    def _flush_by_timer(self) -> None:
        with self._queue:
            self._timer = None
        with self._lock:
            try:
                self._commit()
            except (sqlite3.Error, FailedError) as error:
                self._broken = error  # nobody listens in this thread: the next append raises it

    def _commit(self) -> None:
        if self._broken is not None:
            raise FailedError(f"The journal cannot be written: {self._broken}.", "Free disk space, then resume.")
        with self._queue:
            batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO events (at, body) VALUES (?, ?)", batch)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._broken = error
            raise FailedError(f"The journal cannot be written: {error}.", "Free disk space, then resume.") from error
        self._committed += len(batch)


def _body(event: ev.Event) -> str:
    return json.dumps(ev.to_json(event), separators=(",", ":"), ensure_ascii=False)


def _unusable(path: Path, error: sqlite3.Error) -> FailedError:
    return FailedError(f"The journal {path} cannot be opened: {error}.", "Check the file's owner and the disk.")


def _damaged(path: Path, error: Exception) -> FailedError:
    return FailedError(
        f"The journal {path} cannot be read: {type(error).__name__}, {error}.",
        "Nothing was changed. Put a good copy of it in its place, or use the drucloud that wrote it.",
    )
