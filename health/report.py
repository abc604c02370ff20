"""One shape for everything that is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "warn", "fail", "unknown"]

WORST_FIRST: tuple[Status, ...] = ("fail", "unknown", "warn", "ok")


@dataclass(frozen=True)
class Finding:
    """The result of one probe.

    :param name: what was checked, stable, lower case words with dots (``micro-cache.hit``).
    :param subject: on what (a URL, a machine, a service).
    :param value: what was seen, for people (``HIT``, ``200``, ``12 ms``).
    :param unit: unit of ``value`` where it is a number.
    :param why: what that means, one sentence in plain words.
    :param remedy: what to do when it is not ok; empty otherwise.
    :param at: when it was seen (Unix seconds).
    :param number: what was measured, for history and graphs; ``None`` where nothing is.
    :param measure: unit of ``number`` (``ms``, ``%``, ``s``, ``bytes``; empty for a count).
    :param since: since when it has this status (Unix seconds), once history knows; 0 before.
    """

    name: str
    subject: str
    status: Status
    value: str = ""
    unit: str = ""
    why: str = ""
    remedy: str = ""
    at: float = 0.0
    number: float | None = None
    measure: str = ""
    since: float = 0.0

    @property
    def key(self) -> str:
        """What stays the same from one examination to the next."""
        return f"{self.name}|{self.subject}"

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """The reverse of :meth:`to_json`."""
        return cls(**data)


def overall(findings: list[Finding]) -> Status:
    """The worst status of all; ``unknown`` when nothing was checked."""
    return next((status for status in WORST_FIRST if any(item.status == status for item in findings)), "unknown")
