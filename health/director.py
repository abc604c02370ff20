"""Findings from a director's own table (``ipvsadm -Ln``); reading it is pure.

Where the kernel has no IPVS (the sandbox on most hosts) nftables stands in for it, and every finding says so: IPVS
itself was not run there.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from health.report import Finding, Status
from provisioners.foreign_text import clean_line

_VIRTUAL = re.compile(r"^(?:TCP|UDP|FWM)\s+(\S+)\s+(\S+)")
_REAL = re.compile(r"^\s+->\s+(\S+)\s+(Masq|Route|Tunnel|Local)\s+(\d+)\s+(\d+)\s+(\d+)")


@dataclass
class Virtual:
    """One virtual server: its address, its scheduler, and the weight of each real server behind it."""

    address: str
    scheduler: str
    weights: dict[str, int] = field(default_factory=dict)


def table(text: str) -> list[Virtual]:
    """The virtual servers of a listing."""
    found: list[Virtual] = []
    for line in text.splitlines():
        if match := _VIRTUAL.match(line):
            found.append(Virtual(match[1], match[2]))
        elif found and (match := _REAL.match(line)):
            found[-1].weights[match[1]] = int(match[3])
    return found


def findings(subject: str, part: object, web_servers: int) -> list[Finding]:
    """Whether each virtual server has every web server behind it.

    :param part: ``{"active": whether this director is master, "table": the listing, "ipvs": whether IPVS runs}``, or
        ``{"error": ...}``.
    """
    if not isinstance(part, dict) or "error" in part:
        why = clean_line(str(part.get("error", ""))) if isinstance(part, dict) else "nothing was said"
        return [_made("lvs.table", subject, "unknown", "no answer", f"The table cannot be read: {why}.")]
    virtual = table(str(part.get("table", "")))
    if not virtual:
        remedy = "See journalctl -u keepalived; a director needs the kernel's ip_vs."
        return [_made("lvs.table", subject, "fail", "empty", "The director leads nobody anywhere.", remedy)]
    played = "" if part.get("ipvs", True) else " IPVS was not run: this kernel has none, nftables stands in for it."
    return [_judged(subject, one, web_servers, played) for one in virtual]


def _judged(subject: str, one: Virtual, web_servers: int, played: str) -> Finding:
    well = sum(weight > 0 for weight in one.weights.values())
    value = f"{clean_line(one.address)} {clean_line(one.scheduler)}: {well} of {web_servers}"
    status: Status = "fail" if not well else "warn" if well < web_servers else "ok"
    why = {
        "ok": "Every web server is behind the director.",
        "warn": "keepalived has taken a web server out: it does not answer the health check.",
        "fail": "No web server is behind the director: visitors are refused.",
    }[status]
    remedy = "" if status == "ok" else "See nginx on the web servers: /healthz has to answer the director."
    return _made("lvs.table", subject, status, value, why + played, remedy, float(well))


def _made(
    name: str, subject: str, status: Status, value: str, why: str, remedy: str = "", number: float | None = None
) -> Finding:
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number)
