"""Reads the catalogue: what can be chosen in a region and what AWS asked for it on a given day.

The tables hold on-demand list prices in US dollars without tax, each row with the day it was true (``as_of``) and where
it was read (``source``). They age: an offer or a price that is not here is *unknown*, never free, and what an account
really offers is asked of AWS before anything is created. What ``drucloud prices refresh`` has read from AWS's own price
list goes before them (:mod:`profiles.catalogue.refreshed`).

``rds.csv`` holds RDS prices of MySQL; AWS asks the same for MariaDB.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from profiles.catalogue import refreshed

_FOLDER = Path(__file__).parent

HOURS_A_MONTH = 730
"""AWS's own average month."""

Service = Literal["ec2", "rds", "elasticache"]


@dataclass(frozen=True)
class Region:
    """A region that has every service drucloud uses."""

    code: str
    name: str


@dataclass(frozen=True)
class InstanceClass:
    """A class of machine in one region.

    :param architecture: ``arm64`` or ``x86_64``.
    :param usd_hour: price of one machine.
    :param multi_az_usd_hour: RDS only: price of the pair with a standby.
    :param as_of: day the price was true, ISO 8601.
    """

    name: str
    vcpu: int
    memory_mib: int
    architecture: str
    usd_hour: float
    source: str
    as_of: str
    multi_az_usd_hour: float | None = None

    @property
    def usd_month(self) -> float:
        """Price of one machine that runs all month."""
        return self.usd_hour * HOURS_A_MONTH


@dataclass(frozen=True)
class Price:
    """What one ``unit`` of something costs (``USD/GB-month``)."""

    usd: float
    unit: str
    source: str
    as_of: str


def regions() -> tuple[Region, ...]:
    """Every region on offer, by code."""
    return tuple(Region(row["region"], row["name"]) for row in _rows("regions"))


def ec2(region: str) -> tuple[InstanceClass, ...]:
    """EC2 classes of a region, cheapest first; empty for a region the catalogue does not know."""
    return _offered("ec2", region)


def rds(region: str) -> tuple[InstanceClass, ...]:
    """RDS classes of a region, cheapest first."""
    return _offered("rds", region)


def elasticache(region: str) -> tuple[InstanceClass, ...]:
    """ElastiCache classes of a region with Memcached's prices, cheapest first."""
    return _offered("elasticache", region)


def find(service: Service, region: str, name: str) -> InstanceClass | None:
    """One class by name; ``None`` when the catalogue does not know it in that region."""
    return next((item for item in _offered(service, region) if item.name == name), None)


def price(region: str, item: str) -> Price | None:
    """Price of ``item`` (a name in ``services.csv``) in a region; ``None`` when unknown.

    Items under region ``*`` cost the same everywhere.
    """
    fresh = refreshed.load(region)
    if row := fresh.get("services", {}).get(item):
        return Price(float(row["usd"]), str(row["unit"]), str(fresh["source"]), str(fresh["as_of"]))
    return _services().get((region, item)) or _services().get(("*", item))


@dataclass(frozen=True)
class DrupalRelease:
    """A major version of Drupal that gets security fixes.

    :param latest: its newest minor version on ``as_of``.
    :param end_of_life: last day of security fixes, ISO 8601; empty while none is announced.
    :param until: what they last until, in words.
    """

    major: str
    latest: str
    end_of_life: str
    until: str
    source: str
    as_of: str


@cache
def drupal_releases() -> tuple[DrupalRelease, ...]:
    """The supported major versions of Drupal, the newest first, as of the catalogue's date."""
    return tuple(DrupalRelease(**row) for row in _rows("drupal"))


def known_together(item: str, other: str) -> list[tuple[Price, Price]]:
    """Prices of two items in every region of the dated tables that knows both."""
    table = _services()
    return [
        (price, table[region, other])
        for (region, name), price in table.items()
        if name == item and (region, other) in table
    ]


def _offered(service: Service, region: str) -> tuple[InstanceClass, ...]:
    """The dated classes with what was refreshed over them, cheapest first."""
    dated, fresh = _classes(service).get(region, ()), refreshed.load(region)
    rows: dict[str, dict[str, Any]] = fresh.get(service, {})
    if not rows:
        return dated
    newer = {
        name: InstanceClass(name=name, **row, source=str(fresh["source"]), as_of=str(fresh["as_of"]))
        for name, row in rows.items()
    }
    merged = {**{item.name: item for item in dated}, **newer}
    return tuple(sorted(merged.values(), key=lambda item: (item.usd_hour, item.name)))


def _rows(table: str) -> list[dict[str, str]]:
    with (_FOLDER / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _classes(service: Service) -> dict[str, tuple[InstanceClass, ...]]:
    by_region: dict[str, list[InstanceClass]] = {}
    for row in _rows(service):
        standby = row.get("multi_az_usd_hour")
        item = InstanceClass(
            name=row["class"],
            vcpu=int(row["vcpu"]),
            memory_mib=int(row["memory_mib"]),
            architecture=row["architecture"],
            usd_hour=float(row["usd_hour"]),
            source=row["source"],
            as_of=row["as_of"],
            multi_az_usd_hour=float(standby) if standby else None,
        )
        by_region.setdefault(row["region"], []).append(item)
    return {
        region: tuple(sorted(items, key=lambda item: (item.usd_hour, item.name))) for region, items in by_region.items()
    }


@cache
def _services() -> dict[tuple[str, str], Price]:
    return {
        (row["region"], row["item"]): Price(float(row["usd"]), row["unit"], row["source"], row["as_of"])
        for row in _rows("services")
    }
