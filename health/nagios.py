"""One line and an exit code as Nagios, Icinga and everything that runs their plugins want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from health.diagnosis import diagnose
from health.report import Finding, Status, overall

CODES: Mapping[Status, int] = {"ok": 0, "warn": 1, "fail": 2, "unknown": 3}
"""The plugin interface's own codes; they are not drucloud's exit codes."""

_WORDS = {"ok": "OK", "warn": "WARNING", "fail": "CRITICAL", "unknown": "UNKNOWN"}
_UNITS = {"ms": "ms", "s": "s", "%": "%", "bytes": "B"}


def line(name: str, findings: Sequence[Finding]) -> tuple[str, int]:
    """The line for deployment ``name`` and the exit code: causes, counts, then figures after the bar."""
    status = overall(list(findings))
    counts = Counter(item.status for item in findings)
    figures = ", ".join(f"{counts[key]} {key}" for key in ("ok", "warn", "fail", "unknown") if counts[key])
    causes = [f"{one.cause.name} on {one.cause.subject}: {one.cause.why}" for one in diagnose(findings)]
    words = "; ".join([f"{name} {figures or 'nothing checked'}", *causes]).replace("|", "/").replace("\n", " ")
    performance = " ".join(
        f"'{item.name}@{item.subject}'={item.number:g}{_UNITS.get(item.measure, '')}".replace("|", "/")
        for item in findings
        if item.number is not None
    )
    return f"DRUCLOUD {_WORDS[status]} - {words}" + (f" | {performance}" if performance else ""), CODES[status]
