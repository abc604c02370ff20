"""What was found before: changes of status and figures, in the deployment's own folder.

One SQLite file beside the journal. Statuses are stored when they change, figures in each round, and the state of the
site once a round, from which availability is counted. Everything older than the retention goes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from health.report import Finding, Status, overall

FILE = "health.db"
KEEP_SECONDS = 30 * 86400.0
"""Changes and rounds older than this are dropped."""
KEEP_SAMPLES_SECONDS = 7 * 86400.0
"""The same for figures, which are many."""
GAP_SECONDS = 900.0
"""Nobody looked for longer than this: that time counts neither as up nor as down."""

_TABLES = """
CREATE TABLE IF NOT EXISTS standing (key TEXT PRIMARY KEY, name TEXT, subject TEXT, status TEXT, since REAL);
CREATE TABLE IF NOT EXISTS changes (at REAL, name TEXT, subject TEXT, before TEXT, status TEXT, value TEXT, why TEXT);
CREATE TABLE IF NOT EXISTS samples (at REAL, key TEXT, number REAL);
CREATE TABLE IF NOT EXISTS told (topic TEXT PRIMARY KEY, what TEXT);
CREATE TABLE IF NOT EXISTS rounds (at REAL, status TEXT, site TEXT, seconds REAL);
CREATE INDEX IF NOT EXISTS changes_at ON changes (at);
CREATE INDEX IF NOT EXISTS samples_key ON samples (key, at);
CREATE INDEX IF NOT EXISTS rounds_at ON rounds (at);
"""


@dataclass(frozen=True)
class Change:
    """A check whose status became another one. ``before`` is empty when it was seen for the first time."""

    at: float
    name: str
    subject: str
    before: str
    status: Status
    value: str
    why: str


@dataclass(frozen=True)
class Availability:
    """How long the site answered, of the time in which somebody looked (seconds)."""

    up: float
    watched: float
    rounds: int

    @property
    def percent(self) -> float | None:
        """Up in percent of the watched time; ``None`` when nobody looked."""
        return 100 * self.up / self.watched if self.watched else None


class History:
    """The history of one deployment; a context manager. One thread at a time; several processes may write."""

    def __init__(self, folder: Path | str) -> None:
        """Opens (and makes, 0600) the file in the deployment's folder."""
        path = Path(folder) / FILE
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(_TABLES)

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def record(
        self, findings: Sequence[Finding], seconds: float = 0.0, at: float | None = None
    ) -> tuple[list[Finding], list[Change]]:
        """Store a round; gives the findings with their ``since``, and what has changed since the round before.

        A check that is no longer made keeps its last status. What is seen for the first time and is ok is no change.
        """
        now = time.time() if at is None else at
        dated, changes = [], []
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            rows = self._database.execute("SELECT key, status, since FROM standing")
            known = {key: (status, since) for key, status, since in rows}
            for item in findings:
                before, since = known.get(item.key, ("", now))
                if before != item.status:
                    since = now
                    self._stand(item, now)
                    if before or item.status != "ok":
                        changes.append(self._change(item, before, now))
                dated.append(replace(item, since=since))
            samples = [(now, item.key, item.number) for item in findings if item.number is not None]
            self._database.executemany("INSERT INTO samples VALUES (?, ?, ?)", samples)
            site = next((item.status for item in findings if item.name == "site.status"), "unknown")
            self._database.execute("INSERT INTO rounds VALUES (?, ?, ?, ?)", (now, overall(dated), site, seconds))
            self._drop_old(now)
        return dated, changes

    def _stand(self, item: Finding, now: float) -> None:
        row = (item.key, item.name, item.subject, item.status, now)
        self._database.execute("INSERT OR REPLACE INTO standing VALUES (?, ?, ?, ?, ?)", row)

    def _change(self, item: Finding, before: str, now: float) -> Change:
        change = Change(now, item.name, item.subject, before, item.status, item.value, item.why)
        row = (change.at, change.name, change.subject, before, change.status, change.value, change.why)
        self._database.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return change

    def _drop_old(self, now: float) -> None:
        for table, keep in (("changes", KEEP_SECONDS), ("rounds", KEEP_SECONDS), ("samples", KEEP_SAMPLES_SECONDS)):
            self._database.execute(f"DELETE FROM {table} WHERE at < ?", (now - keep,))  # noqa: S608  names of ours

    def told(self, topic: str) -> str:
        """What was last told to a topic; empty when nothing was."""
        row = self._database.execute("SELECT what FROM told WHERE topic = ?", (topic,)).fetchone()
        return str(row[0]) if row else ""

    def keep_told(self, topic: str, what: str) -> None:
        """Remember what was told to a topic."""
        self._database.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (topic, what))

    def changes(self, since: float, limit: int = 500) -> list[Change]:
        """Changes after ``since`` (Unix seconds), newest first."""
        rows = self._database.execute(
            "SELECT at, name, subject, before, status, value, why FROM changes WHERE at >= ? "
            "ORDER BY at DESC, rowid DESC LIMIT ?",
            (since, limit),
        )
        return [Change(*row) for row in rows]

    def series(self, key: str, count: int = 40) -> list[float]:
        """The last figures of a check, oldest first."""
        rows = self._database.execute(
            "SELECT number FROM samples WHERE key = ? ORDER BY at DESC LIMIT ?", (key, count)
        ).fetchall()
        return [float(row[0]) for row in reversed(rows)]

    def availability(self, since: float, until: float | None = None) -> Availability:
        """How long the site answered after ``since``: each round speaks for the time until the next."""
        until = time.time() if until is None else until
        rows = self._database.execute(
            "SELECT at, site FROM rounds WHERE at >= ? AND at <= ? ORDER BY at", (since, until)
        ).fetchall()
        up = watched = 0.0
        ends = [row[0] for row in rows[1:]] + [until]
        for (at, site), end in zip(rows, ends, strict=True):
            if end - at > GAP_SECONDS or site == "unknown":
                continue
            watched += end - at
            up += end - at if site in ("ok", "warn") else 0.0
        return Availability(up, watched, len(rows))
