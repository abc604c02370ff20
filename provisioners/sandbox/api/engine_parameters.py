"""Which parameters the engines have, so that a wrong name is refused as AWS would (RDS, ElastiCache).

No list here is complete: each holds what drucloud may set, and one that AWS sets alone. Names: facts on Drupal's
database settings, tested on RDS. Whether one can change while the engine runs: column "Dynamic" of MariaDB's and MySQL
8.4's own references of system variables. Memcached: ElastiCache User Guide, "Memcached specific parameters", all of
which apply at launch. Seen on 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.elasticache.responses import ElastiCacheResponse
from moto.rds.exceptions import DBParameterGroupNotFoundError
from moto.rds.responses import RDSResponse

from provisioners.sandbox.api import offers
from provisioners.sandbox.api.caches import FAMILY, group_of
from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import World

_DYNAMIC = frozenset(
    {
        "character_set_server", "collation_server", "innodb_buffer_pool_size", "innodb_flush_log_at_trx_commit",
        "innodb_print_all_deadlocks", "interactive_timeout", "join_buffer_size", "log_output", "long_query_time",
        "max_allowed_packet", "max_connections", "max_heap_table_size", "optimizer_search_depth",
        "require_secure_transport", "slow_query_log", "sort_buffer_size", "table_definition_cache", "table_open_cache",
        "tmp_table_size", "wait_timeout",
    }
)  # fmt: skip
_STATIC = frozenset({"back_log", "performance_schema"})
_FIXED = frozenset({"basedir", "datadir", "port"})
"""Parameters that RDS shows and sets alone."""

_RENAMED_FROM = (11, 1)
"""The version in which MariaDB called ``tx_isolation`` by MySQL's name."""

_CACHE_PARAMETERS: Mapping[str, bool] = {
    "backlog_queue_limit": False,
    "chunk_size": True,
    "chunk_size_growth_factor": True,
    "max_item_size": True,
    "max_simultaneous_connections": False,
    "maxconns_fast": True,
}
"""Parameter of Memcached 1.6 -> whether ElastiCache lets it be changed."""


def database_parameters(family: str) -> dict[str, dict[str, Any]]:
    """The parameters of a family by name, as ``DescribeEngineDefaultParameters`` tells them."""
    return {str(row["ParameterName"]): row for row in sorted(_rows(family), key=lambda row: str(row["ParameterName"]))}


def _rows(family: str) -> Iterator[dict[str, Any]]:
    mysql = family.startswith("mysql")
    dynamic, static = set(_DYNAMIC), set(_STATIC)
    (dynamic if mysql else static).add("innodb_log_buffer_size")
    if mysql:
        dynamic.add("transaction_isolation")
    else:
        release = tuple(int(part) for part in family.removeprefix("mariadb").split("."))
        dynamic.add("transaction_isolation" if release >= _RENAMED_FROM else "tx_isolation")
        dynamic |= {"query_cache_size", "query_cache_type"}
    for name in dynamic | static | _FIXED:
        apply = "dynamic" if name in dynamic else "static"
        common = {"ParameterName": name, "Source": "engine-default", "ApplyType": apply}
        yield {**common, "IsModifiable": name not in _FIXED}


@around(RDSResponse, "describe_engine_default_parameters")
def _database_defaults(_: World, original: None, response: Any) -> Any:
    family = str(response._get_param("DBParameterGroupFamily"))
    if family not in offers.families():
        raise Refused("InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family")
    rows = list(database_parameters(family).values())
    return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": rows}})


def _group(response: Any) -> Any:
    name = str(response._get_param("DBParameterGroupName"))
    group = response.backend.db_parameter_groups.get(name.lower())
    if group is None:
        raise DBParameterGroupNotFoundError(name)
    return group


@before("rds", "ModifyDBParameterGroup")
def _known_parameters(_: World, call: Call) -> None:
    """Words: issues of those who met them (Releem/releem-agent 484, hashicorp/terraform-provider-aws 522)."""
    known = database_parameters(str(_group(call.response).family))
    for change in call.get("Parameters", []):
        name = str(change["ParameterName"])
        if name not in known:
            raise Refused("InvalidParameterValue", f"Could not find parameter with name: {name}")
        if not known[name]["IsModifiable"]:
            raise Refused("InvalidParameterValue", f"The parameter {name} cannot be modified.")
        if change.get("ApplyMethod") == "immediate" and known[name]["ApplyType"] == "static":
            raise Refused("InvalidParameterCombination", "cannot use immediate apply method for static parameter")


@around(RDSResponse, "describe_db_parameters")
def _database_values(_: World, original: Any, response: Any) -> Any:
    group = _group(response)
    rows = [
        {**row, "Source": "user", **group.parameters[name]} if name in group.parameters else row
        for name, row in database_parameters(str(group.family)).items()
    ]
    return ActionResult({"Parameters": rows})


@around(RDSResponse, "reset_db_parameter_group")
def _reset(_: World, original: None, response: Any) -> Any:
    group = _group(response)
    names = [str(row["ParameterName"]) for row in response._get_param("Parameters", [])]
    for name in list(group.parameters) if response._get_param("ResetAllParameters") else names:
        group.parameters.pop(name, None)
    return ActionResult({"DBParameterGroupName": group.name})


@around(ElastiCacheResponse, "describe_engine_default_parameters")
def _cache_defaults(_: World, original: None, response: Any) -> Any:
    family = response._get_param("CacheParameterGroupFamily")
    if family != FAMILY:
        raise Refused(
            "InvalidParameterValue", f"CacheParameterGroupFamily {family} is not a valid parameter group family."
        )
    rows = [
        {"ParameterName": name, "Source": "system", "ChangeType": "requires-reboot", "IsModifiable": modifiable}
        for name, modifiable in _CACHE_PARAMETERS.items()
    ]
    return ActionResult({"EngineDefaults": {"CacheParameterGroupFamily": family, "Parameters": rows}})


@before("elasticache", "ModifyCacheParameterGroup")
def _known_cache_parameters(_: World, call: Call) -> None:
    group_of(call.response.elasticache_backend, str(call.get("CacheParameterGroupName")))
    for change in call.get("ParameterNameValues", []):
        name = str(change["ParameterName"])
        if not _CACHE_PARAMETERS.get(name, False):
            raise Refused("InvalidParameterValue", f"The parameter {name} cannot be modified or does not exist.")


@around(ElastiCacheResponse, "reset_cache_parameter_group")
def _reset_cache(_: World, original: None, response: Any) -> Any:
    group = group_of(response.elasticache_backend, str(response._get_param("CacheParameterGroupName")))
    names = [str(row["ParameterName"]) for row in response._get_param("ParameterNameValues", [])]
    for name in list(group.parameters) if response._get_param("ResetAllParameters") else names:
        group.parameters.pop(name, None)
    return ActionResult({"CacheParameterGroupName": group.cache_parameter_group_name})
