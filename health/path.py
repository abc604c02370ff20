"""Which way three visitors' requests took, and where each was answered. Pure; made from findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from health.machines import is_machine, is_web
from health.report import Finding, Status, overall
from provisioners.debian import SUITES

VISITORS: tuple[tuple[str, str], ...] = (
    ("1st visitor", "micro-cache.miss"),
    ("next visitor", "micro-cache.hit"),
    ("with a session", "micro-cache.bypass"),
)
"""Who asks, and the check that asks as they do."""

HOPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("CDN", ("edge.status", "edge.cache", "edge.session")),
    ("balancer", ("alb.targets", "alb.errors", "lvs.table")),
    ("web server", ("machine.reachable", "service.nginx", "site.status")),
    ("micro-cache", ("micro-cache.miss", "micro-cache.hit", "micro-cache.bypass", "micro-cache.other-cookie")),
    ("PHP", (*(f"service.php{suite.php}-fpm" for suite in SUITES), "opcache.filled", "fpm.queue")),
    ("memcached", ("memcached.round-trip", "elasticache.status")),
    ("database", ("database.reachable", "rds.status")),
)
"""The places on the way, and the checks that tell how each is."""

_BEFORE = ("CDN", "balancer")
_NEXT = 1
_FROM_CACHE = frozenset({"HIT", "STALE", "UPDATING"})
_FROM_PHP = frozenset({"MISS", "BYPASS", "EXPIRED"})


@dataclass(frozen=True)
class Hop:
    """One place.

    :param milliseconds: how long a question to it took; ``None`` where nobody measures that.
    :param cells: for each of :data:`VISITORS` what it did: ``passes``, ``answers``, ``asked``, or empty when the
        request never came so far; the micro-cache says its own word (``MISS``) first.
    """

    name: str
    status: Status
    milliseconds: float | None
    cells: tuple[str, ...]


def path(findings: Sequence[Finding]) -> list[Hop]:
    """The hops of the three requests; CDN and balancer only where there is one."""
    by_name = _of_one_server(findings)
    kept = [(name, [check for check in checks if check in by_name]) for name, checks in HOPS]
    at_edge = by_name["edge.cache"].value.lower().startswith("hit") if "edge.cache" in by_name else False
    return [
        Hop(
            name,
            overall([by_name[check] for check in checks]),
            _milliseconds(name, by_name),
            tuple(_cell(name, who, by_name.get(check), at_edge) for who, (_, check) in enumerate(VISITORS)),
        )
        for name, checks in kept
        if checks or name not in _BEFORE
    ]


def first_bytes(findings: Sequence[Finding]) -> list[float | None]:
    """For each of :data:`VISITORS`, milliseconds until the first byte came."""
    by_name = _of_one_server(findings)
    times = [by_name[check].number if check in by_name else None for _, check in VISITORS]
    edge = by_name.get("edge.cache")
    return [times[0], edge.number, times[2]] if edge is not None and edge.number is not None else times


def _of_one_server(findings: Sequence[Finding]) -> dict[str, Finding]:
    """By name, of the first web server and of what is no machine: one request goes through one of them."""
    by_name: dict[str, Finding] = {}
    for item in findings:
        if is_web(item.subject) or not is_machine(item.subject) or item.name == "lvs.table":
            by_name.setdefault(item.name, item)
    return by_name


def _milliseconds(hop: str, by_name: Mapping[str, Finding]) -> float | None:
    """How long a hop takes by itself: PHP is what a made page takes longer than a kept one."""
    if hop == "PHP":
        made, kept = (_number(f"micro-cache.{name}", by_name) for name in ("miss", "hit"))
        return max(0.0, made - kept) if made is not None and kept is not None else None
    check = {
        "CDN": "edge.cache",
        "balancer": "alb.time",
        "micro-cache": "micro-cache.hit",
        "memcached": "memcached.round-trip",
        "database": "database.reachable",
    }.get(hop, "")
    return _number(check, by_name)


def _number(check: str, by_name: Mapping[str, Finding]) -> float | None:
    return by_name[check].number if check in by_name else None


def _cell(hop: str, who: int, visit: Finding | None, at_edge: bool) -> str:
    """What a hop did with a visitor's request."""
    if at_edge and who == _NEXT:
        return "HIT answers" if hop == "CDN" else ""
    if visit is None:
        return ""
    seen = visit.value
    cached, made = seen in _FROM_CACHE, seen in _FROM_PHP
    if hop in _BEFORE:
        return "passes"
    if hop == "web server":
        return "passes" if cached or made else "stops"
    if hop == "micro-cache":
        return f"{seen} answers" if cached else seen if made else ""
    if not made:
        return ""
    return "answers" if hop == "PHP" else "asked"
