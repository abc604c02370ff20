"""Whether the pinned zones still sell what the profile asks for, and whether the pinned versions are alive."""

from __future__ import annotations

from collections.abc import Iterator

from provisioners.aws import offers
from provisioners.aws.findings import Finding, Subject, finding
from provisioners.aws.lookups import ENGINE_NAMES
from provisioners.blueprint.cache import parameter_family
from provisioners.blueprint.lookups import NOT_SETTABLE


def classes(subject: Subject) -> Iterator[Finding]:
    """Pinned zones may not sell a class that was chosen later."""
    profile, lookups = subject.profile, subject.lookups
    wished = {profile.admin.instance_class: lookups.zones[:1], profile.web.instance_class: _web_zones(subject)}
    for name, where in offers.machine_zones(subject.aws, list(wished)).items():
        for zone in wished[name]:
            if zone not in where:
                yield finding(
                    "fail",
                    f"{zone} does not offer the EC2 class {name}.",
                    f"Choose another class ({_alternatives(subject, name)}), or another region.",
                )
    wish, engine = profile.database.instance_class, profile.database.engine
    where = offers.database_zones(subject.aws, lookups.engine_version, wish, engine)
    if not where & set(lookups.zones):
        yield finding(
            "fail",
            f"RDS does not offer {ENGINE_NAMES[engine]} {lookups.engine_version} on {wish} "
            f"in {' or '.join(lookups.zones)}.",
            "Choose another database class.",
        )


def _web_zones(subject: Subject) -> tuple[str, ...]:
    return subject.lookups.zones[: min(2, subject.profile.web.servers)]


def _alternatives(subject: Subject, name: str) -> str:
    """Classes of the same size that the zones do sell."""
    size = name.partition(".")[2]
    wished = [f"{family}.{size}" for family in ("t4g", "t3", "m7g", "m6g", "m7i", "m6i") if f"{family}.{size}" != name]
    found = offers.machine_zones(subject.aws, wished)
    sold = [one for one in wished if set(_web_zones(subject)) <= found[one]]
    return ", ".join(sold[:3]) or "web.instance_class"


def versions(subject: Subject) -> Iterator[Finding]:
    """A version that AWS no longer creates: what stands goes on, but a new one could not be made."""
    lookups, engine = subject.lookups, subject.profile.database.engine
    alive = {one.version for one in offers.database_versions(subject.aws, engine)}
    if lookups.engine_version not in alive:
        yield finding(
            "warn" if subject.standing else "fail",
            f"RDS creates no {ENGINE_NAMES[engine]} {lookups.engine_version} any more.",
            "Take a newer one with --refresh: the plan then says what the upgrade does.",
        )
    newest = offers.cache_version(subject.aws)
    if newest and newest != lookups.cache_version:
        yield finding(
            "ok", f"ElastiCache has Memcached {newest} now; {lookups.cache_version} stays unless --refresh is given."
        )


def parameters(subject: Subject) -> Iterator[Finding]:
    """Settings that the engine's own defaults do not name, or that AWS lets nobody set: they are left out."""
    lookups = subject.lookups
    of_cache = parameter_family(lookups.cache_version)
    asked = {lookups.engine_family: lookups.database_parameters, of_cache: lookups.cache_parameters}
    for family, told in asked.items():
        for word, what in zip(NOT_SETTABLE, ("lets nobody set", "has no parameter"), strict=True):
            if names := ", ".join(name for name, said in told.items() if said == word):
                yield finding(
                    "warn",
                    f"The parameter family {family} {what} {names}: it stays as the engine has it.",
                    "Go on without it, or take another version (--refresh) or database.engine.",
                )
