"""Sizes from traffic: visits a month and the share of logged-in users become classes and counts, each with its reason.

The rules and assumptions are dated data (``catalogue/sizing.json``); most are estimates, and every one of them can be
given another number. What comes out are *answers*: they stand until one is answered otherwise, key by key. Only classes
that the region sells are proposed.

The chain: pages at the peak -> pages PHP renders -> vCPU and PHP workers -> the cheapest web servers that carry them,
also while one is lost -> a database class by load that has connections for all workers -> cache nodes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiles import catalogue
from profiles.catalogue import InstanceClass, Service
from profiles.errors import ProfileError

if TYPE_CHECKING:
    from profiles.model import Profile

USUAL_LOGGED_IN = 0.05
"""The share of logged-in visits for which the catalogue's tables by visits are meant."""

MOST_SERVERS = 10
"""The upper limit of ``web.servers``."""

CHILD_MIB = 80
"""Memory of one PHP worker."""
CHILDREN_PER_VCPU = 5
LEAST_CHILDREN = 4

SPARE_CONNECTIONS = 20
"""Database connections kept for cron, deploys and people."""

_SECONDS_A_MONTH = catalogue.HOURS_A_MONTH * 3600
_BYTES_A_CONNECTION = 12582880
"""RDS's own default: ``max_connections = DBInstanceClassMemory / 12582880``."""

Sold = Mapping[Service, Collection[str]]
"""By service, the names of the classes that an account's region offers."""


@dataclass(frozen=True)
class Demand:
    """What the traffic asks of the machines.

    :param peak_pages_s: pages a second at the peak, people and bots.
    :param php_pages_s: those of them that no cache answers.
    :param vcpu: web servers' processors, at the target load.
    :param workers: PHP workers at the same time.
    :param usual_visits: visits of a site with the usual share of logged-in users that asks the same of PHP.
    """

    peak_pages_s: float
    php_pages_s: float
    vcpu: float
    workers: int
    usual_visits: float


@dataclass(frozen=True)
class Answer:
    """One proposed answer: the question's key, its value, and why, one clause."""

    key: str
    value: str | int | bool
    reason: str


@dataclass(frozen=True)
class Sizing:
    """What is proposed for some traffic.

    :param reasoning: one line: from the visits to what the machines have to carry.
    :param open_keys: classes that are not proposed, because the catalogue knows none of the region that would do.
    """

    demand: Demand
    answers: tuple[Answer, ...]
    reasoning: str
    open_keys: tuple[str, ...]
    as_of: str

    @property
    def settings(self) -> dict[str, str]:
        """The answers as text, for :func:`profiles.store.apply`."""
        return {answer.key: str(answer.value).lower() for answer in self.answers}


def assumptions() -> dict[str, float]:
    """Every number the rules assume, by name; :func:`size` takes others with ``assume``."""
    return {name: float(item["value"]) for name, item in _rules()["assumptions"].items()}


def reasons() -> dict[str, str]:
    """Why each assumption is what it is, by name."""
    return {name: str(item["why"]) for name, item in _rules()["assumptions"].items()}


def size(
    visits: int,
    logged_in: float = USUAL_LOGGED_IN,
    *,
    region: str,
    redundant: bool = False,
    sold: Sold | None = None,
    assume: Mapping[str, float] | None = None,
) -> Sizing:
    """The smallest stack that carries ``visits`` a month.

    :param logged_in: share of the visits by logged-in users, 0 to 1.
    :param redundant: at least two of everything, however small the site.
    :param sold: what the account really offers; default: what the catalogue says of ``region``.
    :param assume: other numbers for some of :func:`assumptions`.
    :raises ProfileError: an unknown assumption, or more than ten web servers of the largest class sold would carry.
    """
    numbers = {**assumptions(), **_checked(assume or {})}
    demand = _demand(visits, logged_in, numbers)
    market = _Market(region, sold)
    server, count, why = _web(demand, visits, numbers, market, redundant)
    children = php_children(server.memory_mib, server.vcpu) * count
    answers = [
        Answer("web.instance_class", server.name, f"{server.vcpu} vCPU, {server.memory_mib / 1024:g} GiB: {why}"),
        Answer("web.servers", count, _count_reason(demand, count)),
        *_database(demand, children, market),
        Answer("database.multi_az", count > 1, "a standby as for the web servers" if count > 1 else "one of each"),
        *_cache(demand, market),
        Answer("cache.nodes", min(count, 2), "one a zone" if count > 1 else "one web server needs one"),
    ]
    if count > 1:
        answers.append(Answer("balancer.kind", "alb", "several web servers need something in front of them"))
    return Sizing(
        demand,
        tuple(answers),
        _sentence(visits, logged_in, demand, numbers),
        tuple(key for key in _CLASSES if key not in {answer.key for answer in answers}),
        str(_rules()["as_of"]),
    )


def for_profile(profile: Profile, sold: Sold | None = None, assume: Mapping[str, float] | None = None) -> Sizing:
    """The sizes for the traffic that ``profile`` states; a stack that has two of something keeps two of each.

    What already stands in front of its web servers stays.
    """
    balanced = profile.balancer.kind != "none"
    found = size(
        profile.traffic.visits,
        profile.traffic.logged_in_percent / 100,
        region=profile.aws.region,
        redundant=balanced or profile.database.multi_az,
        sold=sold,
        assume=assume,
    )
    kept = tuple(answer for answer in found.answers if not (balanced and answer.key == "balancer.kind"))
    return replace(found, answers=kept)


def php_children(memory_mib: int, vcpu: int) -> int:
    """PHP workers of a web server: what memory allows after the system's part, at most five a vCPU, at least four."""
    return max(LEAST_CHILDREN, min(children_by_memory(memory_mib), CHILDREN_PER_VCPU * vcpu))


def children_by_memory(memory_mib: int) -> int:
    """PHP workers that fit into the memory: 600 MiB or 15 %, whichever is more, are kept back."""
    return (memory_mib - max(600, math.ceil(0.15 * memory_mib))) // CHILD_MIB


def database_connections(memory_mib: int) -> int:
    """RDS's own limit for a class with that memory; 30 at least."""
    return max(30, memory_mib * 1024 * 1024 // _BYTES_A_CONNECTION)


class _Market:
    """The classes that can be had."""

    def __init__(self, region: str, sold: Sold | None) -> None:
        self.region = region
        self._sold = sold or {}

    def find(self, service: Service, names: list[str]) -> InstanceClass | None:
        """The first of ``names`` that is sold."""
        offered = self._sold.get(service)
        classes = (catalogue.find(service, self.region, name) for name in names if offered is None or name in offered)
        return next((item for item in classes if item is not None), None)

    def each(self, service: Service, rungs: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], InstanceClass]]:
        """Every rung with its class, where one is sold."""
        for rung in rungs:
            if (item := self.find(service, rung["classes"])) is not None:
                yield rung, item


def _web(
    demand: Demand, visits: int, numbers: Mapping[str, float], market: _Market, redundant: bool
) -> tuple[InstanceClass, int, str]:
    """The cheapest number of one class that carries the demand, also while one of them is lost."""
    fitting = []
    for rung, item in market.each("ec2", _rung("web", visits)):
        least = max(int(rung["least"]), 2 if redundant else 1)
        count = max(least, math.ceil(demand.vcpu / item.vcpu))
        if count > 1:
            remaining = demand.vcpu * numbers["target_cpu"] / numbers["cpu_with_one_lost"]
            count = max(count, 1 + math.ceil(remaining / item.vcpu))
        count = max(count, math.ceil(demand.workers / php_children(item.memory_mib, item.vcpu)))
        if count <= MOST_SERVERS:
            fitting.append((item.usd_hour * count, count, item))
    if not fitting:
        raise ProfileError(
            f"{visits:,} visits a month need {demand.vcpu:,.0f} vCPU: more than {MOST_SERVERS} web servers of the "
            f"classes sold in {market.region}.",
            "Set web.instance_class and web.servers yourself, and measure.",
        )
    _, count, item = min(fitting, key=lambda one: one[:2])
    return item, count, f"the cheapest that carries {_figure(demand.vcpu)} vCPU and {demand.workers} PHP workers"


def _database(demand: Demand, children: int, market: _Market) -> list[Answer]:
    """By load; larger if it had no connections for all PHP workers."""
    for _, item in market.each("rds", _rung("database", demand.usual_visits)):
        if (connections := database_connections(item.memory_mib)) > children + SPARE_CONNECTIONS:
            why = f"{item.memory_mib / 1024:g} GiB, {connections} connections for {children} PHP workers"
            return [Answer("database.instance_class", item.name, why)]
    return []


def _cache(demand: Demand, market: _Market) -> list[Answer]:
    for _, item in market.each("elasticache", _rung("cache", demand.usual_visits)):
        return [Answer("cache.node_class", item.name, f"{item.memory_mib} MiB; most sites' hot data are below 64")]
    return []


def _rung(table: str, visits: float) -> list[dict[str, Any]]:
    """The rungs of a table from the first that carries ``visits`` upwards."""
    rungs: list[dict[str, Any]] = _rules()[table]
    first = next(index for index, rung in enumerate(rungs) if rung["visits"] is None or visits <= rung["visits"])
    return rungs[first:]


def _demand(visits: int, logged_in: float, numbers: Mapping[str, float]) -> Demand:
    """The load at the peak, by the rules' formula."""
    peak = visits * numbers["pages_per_visit"] * numbers["bot_factor"] / _SECONDS_A_MONTH * numbers["peak_over_average"]
    missed = (1 - logged_in) * (1 - numbers["cache_hit_ratio"])
    usual = USUAL_LOGGED_IN + (1 - USUAL_LOGGED_IN) * (1 - assumptions()["cache_hit_ratio"])
    by_cpu = logged_in / numbers["logged_in_pages_per_vcpu"] + missed / numbers["anonymous_pages_per_vcpu"]
    php = peak * (logged_in + missed)
    return Demand(
        peak_pages_s=peak,
        php_pages_s=php,
        vcpu=peak * by_cpu / numbers["target_cpu"],
        workers=max(LEAST_CHILDREN, math.ceil(php * numbers["php_seconds"] * numbers["worker_margin"])),
        usual_visits=visits * (logged_in + missed) / usual,
    )


def _count_reason(demand: Demand, count: int) -> str:
    if count == 1:
        return "carries the peak; while it is being replaced the site is away"
    if count == 2:
        return "one may fail"
    return f"{_figure(demand.vcpu)} vCPU at the peak, and one may fail"


def _sentence(visits: int, logged_in: float, demand: Demand, numbers: Mapping[str, float]) -> str:
    return (
        f"{visits:,} visits a month, {logged_in:.0%} of them logged in: {_figure(demand.peak_pages_s)} pages a second "
        f"at the peak, {_figure(demand.php_pages_s)} of them rendered by PHP, which takes {_figure(demand.vcpu)} vCPU "
        f"at {numbers['target_cpu']:.0%} load and {demand.workers} PHP workers."
    )


def _figure(number: float) -> str:
    """Two significant digits are as many as an estimate has."""
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def _checked(assume: Mapping[str, float]) -> Mapping[str, float]:
    known = assumptions()
    for name, value in assume.items():
        if name not in known:
            raise ProfileError(f"The sizing rules assume nothing called '{name}'.", f"They know {', '.join(known)}.")
        largest = 1.0 if name in _SHARES else math.inf
        if not (0 <= value <= largest if name == "cache_hit_ratio" else 0 < value <= largest) or math.isinf(value):
            raise ProfileError(f"{name} cannot be {value:g}.", f"Its usual value is {known[name]:g}.")
    return assume


_CLASSES = ("database.instance_class", "cache.node_class")
_SHARES = frozenset({"cache_hit_ratio", "target_cpu", "cpu_with_one_lost"})


@cache
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = json.loads((Path(catalogue.__file__).parent / "sizing.json").read_text(encoding="utf-8"))
    return rules
