"""What RDS offers: MariaDB and MySQL versions, their parameter families, and the classes that can be ordered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import PaginatedResult
from moto.rds.responses import RDSResponse

from profiles import catalogue
from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import World

MARIADB = ("10.11.13", "10.11.14", "11.4.7", "11.4.8", "11.8.3")
"""Versions of RDS for MariaDB on long-term support, oldest first. The machine that stands in runs Debian 13's 11.8."""
DEFAULT = "11.8.3"

MYSQL = ("8.0.43", "8.0.44", "8.4.6", "8.4.7")
"""Versions of RDS for MySQL, oldest first. The machine that stands in is MariaDB for these too: Debian has no MySQL."""

VERSIONS = {"mariadb": MARIADB, "mysql": MYSQL}
_DEFAULTS = {"mariadb": DEFAULT, "mysql": "8.4.7"}
_NAMES = {"mariadb": "MariaDB", "mysql": "MySQL"}


def family(version: str, engine: str = "mariadb") -> str:
    """The parameter family of a version: ``mariadb11.8``, ``mysql8.4``."""
    return engine + ".".join(version.split(".")[:2])


def families() -> frozenset[str]:
    """Every parameter family there is."""
    return frozenset(family(version, engine) for engine, versions in VERSIONS.items() for version in versions)


def resolve(version: str | None, engine: str = "mariadb") -> str | None:
    """The full version RDS takes for ``version`` (a major one means its newest); ``None`` if it offers none."""
    if not version:
        return _DEFAULTS[engine]
    fitting = [offer for offer in VERSIONS[engine] if offer == version or offer.startswith(f"{version}.")]
    return fitting[-1] if fitting else None


@around(RDSResponse, "describe_db_engine_versions")
def _versions(_: World, original: None, response: Any) -> Any:
    engine, version = response._get_param("Engine"), response._get_param("EngineVersion")
    wanted_family, newest = response._get_param("DBParameterGroupFamily"), response._get_param("DefaultOnly")
    found = [
        {
            "Engine": name,
            "MajorEngineVersion": offer.rpartition(".")[0],
            "EngineVersion": offer,
            "DBParameterGroupFamily": family(offer, name),
            "DBEngineDescription": f"{_NAMES[name]} Community Edition",
            "DBEngineVersionDescription": f"{_NAMES[name]} {offer}",
            "Status": "available",
            "ValidUpgradeTarget": [],
        }
        for name, versions in VERSIONS.items()
        for offer in versions
        if engine in (None, name)
        and (not version or offer == version or offer.startswith(f"{version}."))
        and wanted_family in (None, family(offer, name))
        and (not newest or offer == _DEFAULTS[name])
    ]
    return PaginatedResult({"DBEngineVersions": found})


@around(RDSResponse, "describe_orderable_db_instance_options")
def _orderable(_: World, original: Callable[[], Any], response: Any) -> Any:
    engine = response._get_param("Engine")
    if engine not in VERSIONS:
        return original()
    wanted, version = response._get_param("DBInstanceClass"), response._get_param("EngineVersion")
    found = [
        {
            "Engine": engine,
            "EngineVersion": offer,
            "DBInstanceClass": kind.name,
            "LicenseModel": "general-public-license",
            "AvailabilityZones": [{"Name": f"{response.region}{letter}"} for letter in "abc"],
            "MultiAZCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": "gp3",
            "MinStorageSize": 20,
            "MaxStorageSize": 65536,
        }
        for kind in catalogue.rds(response.region)
        if wanted in (None, kind.name)
        for offer in VERSIONS[engine]
        if version in (None, offer)
    ]
    return PaginatedResult({"OrderableDBInstanceOptions": found})
