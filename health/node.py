"""Findings from what a web node's own probe saw (``/usr/lib/drucloud/probe``, shipped by the role ``web``).

The probe's answer is one JSON object with the parts ``opcache``, ``apcu``, ``memcached``, ``database`` and ``fpm``; a
part that failed is ``{"error": one sentence}``. Interpreting it is pure, so that recorded answers test it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from health.report import Finding, Status
from provisioners.foreign_text import clean_line

PROBE = "/usr/lib/drucloud/probe"

Part = Mapping[str, Any]
Verdict = tuple[Status, str, str, str]
"""Status, value, why, remedy."""

_CONVERGE = "Run 'drucloud replay' with the deployment's profile: it converges the machine again."


def findings(subject: str, answer: str) -> list[Finding]:
    """What the probe's ``answer`` on machine ``subject`` means; an unreadable answer fails every part."""
    try:
        parts = json.loads(answer)
    except ValueError:
        parts = {"error": "the probe's answer cannot be read"}
    if not isinstance(parts, dict):
        parts = {"error": "the probe's answer is not an object"}
    return findings_of(subject, parts)


def findings_of(subject: str, parts: Mapping[str, Any]) -> list[Finding]:
    """The same for an answer that is an object already."""
    broken = clean_line(str(parts.get("error", "")))
    return [_finding(subject, name, _part(parts, name, broken), judge) for name, judge in _JUDGES.items()]


def unreachable(subject: str, why: str) -> list[Finding]:
    """Every part ``unknown``, because the machine could not be asked."""
    now = time.time()
    return [Finding(name, subject, "unknown", why, why="The machine could not be asked.", at=now) for name in _JUDGES]


def _part(parts: Mapping[str, Any], name: str, broken: str) -> Part:
    return {"error": broken} if broken else parts.get(name.partition(".")[0], {"error": "the probe says nothing of it"})


def _finding(subject: str, name: str, part: Part, judge: Callable[[Part], Verdict]) -> Finding:
    if "error" in part:
        status, value, why, remedy = _failed(name, clean_line(str(part["error"])))
    else:
        status, value, why, remedy = judge(part)
    number, measure = _measured(name, part)
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number, measure)


def _measured(name: str, part: Part) -> tuple[float | None, str]:
    """The figure of a part that is worth a history."""
    key, measure = _FIGURES.get(name, ("", ""))
    figure = part.get(key)
    return (float(figure), measure) if isinstance(figure, int | float) else (None, "")


def _failed(name: str, error: str) -> Verdict:
    remedies = {
        "memcached": "See whether the cache cluster is available and its security group lets the web servers in.",
        "database": "See whether the database is available and its security group lets the web servers in.",
    }
    return "fail", "error", error, remedies.get(name.partition(".")[0], _CONVERGE)


def _opcache(part: Part) -> Verdict:
    value = f"{part['scripts']} scripts, {part['hit_percent']:.0f} % hits"
    if part["full"]:
        return "warn", value, "OPcache is full: PHP compiles again and again.", "Choose a web class with more memory."
    if not part["scripts"]:
        return "fail", value, "OPcache holds nothing: every request compiles the site.", _CONVERGE
    return "ok", value, "Compiled PHP is kept in memory.", ""


def _apcu(part: Part) -> Verdict:
    value = f"{part['entries']} entries"
    if part["expunges"]:
        return "warn", value, f"APCu was emptied {part['expunges']} times: it is too small.", "Raise apc.shm_size."
    if not part["entries"]:
        return "warn", value, "APCu is on but empty: the site keeps nothing in it.", "Visit the site, then look again."
    return "ok", value, "The site keeps small things in the web server's memory.", ""


def _round_trip(part: Part) -> Verdict:
    return "ok", f"{len(part['nodes'])} node(s)", "What is written to memcached is read back.", ""


def _hits(part: Part) -> Verdict:
    hits = sum(int(node["get_hits"]) for node in part["nodes"].values())
    misses = sum(int(node["get_misses"]) for node in part["nodes"].values())
    evictions = sum(int(node["evictions"]) for node in part["nodes"].values())
    value = f"{hits} hits, {misses} misses, {evictions} evictions"
    if evictions:
        return "warn", value, "memcached throws things away for want of memory.", "Choose a larger cache class."
    if not hits:
        return "warn", value, "Nothing was ever found in memcached.", "See whether the site uses memcached at all."
    return "ok", value, "The site finds things in memcached.", ""


def _database(part: Part) -> Verdict:
    value = f"{clean_line(str(part['version']))}, {part['milliseconds']:.0f} ms"
    if not part["tls"]:
        return "warn", value, "The connection to the database is not encrypted.", "Turn TLS on at the database."
    return "ok", value, "The site's own user logs in to the database, over TLS.", ""


def _queue(part: Part) -> Verdict:
    waiting, reached = int(part["listen queue"]), int(part["max children reached"])
    value = f"{waiting} waiting, {part['active processes']} active"
    if waiting or reached:
        return "warn", value, "Requests wait for a free PHP worker.", "Choose a larger web class."
    return "ok", value, "No request waits for PHP.", ""


_FIGURES = {
    "opcache.filled": ("hit_percent", "%"),
    "memcached.round-trip": ("milliseconds", "ms"),
    "database.reachable": ("milliseconds", "ms"),
    "fpm.queue": ("listen queue", ""),
}

_JUDGES: dict[str, Callable[[Part], Verdict]] = {
    "opcache.filled": _opcache,
    "apcu.filled": _apcu,
    "memcached.round-trip": _round_trip,
    "memcached.hits": _hits,
    "database.reachable": _database,
    "fpm.queue": _queue,
}
