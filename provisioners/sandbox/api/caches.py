"""ElastiCache Memcached clusters whose nodes are real machines, and the operations on groups that moto lacks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult, EmptyResult, PaginatedResult
from moto.elasticache.models import ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from profiles import catalogue
from provisioners.nodes import sizing
from provisioners.sandbox.api import interfaces
from provisioners.sandbox.api.extend import Refused, around
from provisioners.sandbox.api.world import World
from provisioners.sandbox.stand_ins import StandIn

PORT = 11211
FAMILY = "memcached1.6"
VERSIONS = ("1.6.6", "1.6.12", "1.6.17", "1.6.22")
"""Memcached versions that ElastiCache offers and that are not deprecated, oldest first."""
_CREATE_SECONDS = 300.0


@dataclass
class ParameterGroup:
    """A cache parameter group."""

    cache_parameter_group_name: str
    cache_parameter_group_family: str
    description: str
    arn: str
    is_global: bool = False
    parameters: dict[str, str] = field(default_factory=dict)


@around(ElastiCacheBackend, "create_cache_cluster")
def _create(world: World, original: Callable[..., Any], backend: Any, **kwargs: Any) -> Any:
    kwargs["port"] = int(kwargs.get("port") or PORT)
    cluster = original(**kwargs)
    group = backend.cache_subnet_groups.get(cluster.cache_subnet_group_name)
    if cluster.engine != "memcached" or group is None:
        return cluster
    region = backend.region_name
    if not cluster.security_group_ids:
        cluster.security_group_ids = [interfaces.default_group(region, group.vpc_id)]
    cluster.security_groups = [{"SecurityGroupId": name, "Status": "active"} for name in cluster.security_group_ids]
    cluster.engine_version = cluster.engine_version or VERSIONS[-1]
    cluster.cache_parameter_group = {
        "CacheParameterGroupName": cluster.cache_parameter_group_name or f"default.{FAMILY}",
        "ParameterApplyStatus": "in-sync",
    }
    cluster.preferred_availability_zone = _zones(cluster, group)[0] if cluster.num_cache_nodes == 1 else "Multiple"
    cluster.drucloud_interfaces = [
        interfaces.place(region, subnet_in(group, zone), cluster.security_group_ids, f"ElastiCache {cluster.arn}")
        for zone in _zones(cluster, group)
    ]
    cluster.cache_cluster_status = "creating"
    cluster.drucloud_waiting = set(range(cluster.num_cache_nodes))
    for number in range(cluster.num_cache_nodes):
        bring_up(world, cluster, region, number)
    return cluster


def _zones(cluster: Any, group: Any) -> list[str]:
    """The zone of each node."""
    known = sorted({subnet["subnet_availability_zone"] for subnet in group.subnets})
    wanted = list(cluster.preferred_availability_zones)
    if not wanted and cluster.preferred_availability_zone not in (None, "", "Multiple"):
        wanted = [cluster.preferred_availability_zone] * cluster.num_cache_nodes
    if not wanted:
        wanted = [known[number % len(known)] for number in range(cluster.num_cache_nodes)]
    for zone in wanted:
        if zone not in known:
            raise Refused("InvalidParameterValue", f"Availability zone {zone} is not covered by the subnet group.")
    return wanted


def subnet_in(group: Any, zone: str) -> str:
    """Id of the group's subnet in a zone."""
    return next(str(one["subnet_identifier"]) for one in group.subnets if one["subnet_availability_zone"] == zone)


def _domain(cluster: Any, region: str) -> tuple[str, str]:
    """What stands before and after a node's part in its name, as in ``name.abc123.0001.euc1.cache.amazonaws.com``."""
    secret = hashlib.sha256(cluster.arn.encode()).hexdigest()[:6]
    area, direction, number = region.split("-")
    short = f"{area}{direction[0]}{number}"
    return f"{cluster.cache_cluster_id}.{secret}", f"{short}.cache.amazonaws.com"


def bring_up(world: World, cluster: Any, region: str, number: int) -> None:
    """Start the machine of one node; the last to come makes the cluster available."""
    interface = cluster.drucloud_interfaces[number]
    kind = catalogue.find("elasticache", region, cluster.cache_node_type)
    assert kind is not None, cluster.cache_node_type  # noqa: S101 - refused before

    def ready() -> None:
        if world.reality.host.mode == "rehearsal":
            time.sleep(world.scaled(_CREATE_SECONDS))
        world.reality.set_names(interface.vpc_id, names_of(cluster, region, number))
        with world.lock:
            cluster.drucloud_waiting.discard(number)
            if not cluster.drucloud_waiting and cluster.cache_cluster_status in ("creating", "modifying"):
                publish(cluster, region)

    def failed(_: str) -> None:
        with world.lock:
            cluster.cache_cluster_status = "create-failed"

    machine = StandIn(
        name=machine_name(cluster, number),
        vpc_id=interface.vpc_id,
        address=interface.private_ip_address,
        role="cache",
        memory_mib=kind.memory_mib,
        vcpu=kind.vcpu,
        port=int(cluster.port),
        settings={"memory_mib": kind.memory_mib, **sizing.cache(kind.memory_mib)},
    )
    world.reality.stand_in(machine, ready, failed)


def names_of(cluster: Any, region: str, number: int) -> dict[str, str | None]:
    """Names under which a node is reached, with its address."""
    before, after = _domain(cluster, region)
    address = cluster.drucloud_interfaces[number].private_ip_address
    names: dict[str, str | None] = {f"{before}.{number + 1:04}.{after}": address}
    if number == 0:
        names[f"{before}.cfg.{after}"] = address
    return names


def publish(cluster: Any, region: str) -> None:
    """Endpoints appear with ``available``, not before."""
    before, after = _domain(cluster, region)
    cluster.cache_cluster_status = "available"
    cluster.configuration_endpoint = {"Address": f"{before}.cfg.{after}", "Port": cluster.port}
    cluster.cache_nodes = [
        {
            "CacheNodeId": f"{number + 1:04}",
            "CacheNodeStatus": "available",
            "ParameterGroupStatus": "in-sync",
            "CustomerAvailabilityZone": interface.subnet.availability_zone,
            "Endpoint": {"Address": f"{before}.{number + 1:04}.{after}", "Port": cluster.port},
        }
        for number, interface in enumerate(cluster.drucloud_interfaces)
    ]


def machine_name(cluster: Any, number: int) -> str:
    """What the machine of a node is called."""
    return f"cache-{cluster.cache_cluster_id}-{number + 1:04}"


@around(ElastiCacheBackend, "delete_cache_cluster")
def _delete(world: World, original: Callable[..., Any], backend: Any, cache_cluster_id: str) -> Any:
    known = backend.cache_clusters.get(cache_cluster_id)
    if known is not None and known.cache_cluster_status in ("creating", "deleting"):
        raise Refused(
            "InvalidCacheClusterState",
            f"Cache cluster {cache_cluster_id} is not in a valid state to be deleted.",
        )
    cluster = original(cache_cluster_id)
    waiting = set(range(len(getattr(cluster, "drucloud_interfaces", []))))
    if not waiting:
        del backend.cache_clusters[cache_cluster_id]
    for number in sorted(waiting):
        _take_down(world, backend, cluster, number, waiting)
    return cluster


def _take_down(world: World, backend: Any, cluster: Any, number: int, waiting: set[int]) -> None:
    interface = cluster.drucloud_interfaces[number]

    def done() -> None:
        gone = dict.fromkeys(names_of(cluster, backend.region_name, number))
        world.reality.set_names(interface.vpc_id, gone)
        with world.lock:
            interface.delete()
            waiting.discard(number)
            if not waiting:
                backend.cache_clusters.pop(cluster.cache_cluster_id, None)

    world.reality.remove(machine_name(cluster, number), done)


# Subnet groups


@around(ElastiCacheResponse, "delete_cache_subnet_group")
def _delete_subnet_group(_: World, original: None, response: Any) -> Any:
    backend, name = response.elasticache_backend, str(response._get_param("CacheSubnetGroupName")).lower()
    backend.describe_cache_subnet_groups(name)
    if any(cluster.cache_subnet_group_name == name for cluster in backend.cache_clusters.values()):
        raise Refused("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del backend.cache_subnet_groups[name]
    return EmptyResult()


# Versions and parameter groups


@around(ElastiCacheResponse, "describe_cache_engine_versions")
def _versions(_: World, original: None, response: Any) -> Any:
    engine, version = response._get_param("Engine"), response._get_param("EngineVersion")
    family, newest = response._get_param("CacheParameterGroupFamily"), response._get_param("DefaultOnly")
    offered = VERSIONS[-1:] if newest else VERSIONS
    found = [
        {
            "Engine": "memcached",
            "EngineVersion": offer,
            "CacheParameterGroupFamily": FAMILY,
            "CacheEngineDescription": "memcached",
            "CacheEngineVersionDescription": f"memcached version {offer}",
        }
        for offer in offered
        if engine in (None, "memcached") and version in (None, offer) and family in (None, FAMILY)
    ]
    return PaginatedResult({"CacheEngineVersions": found})


def parameter_groups(backend: Any) -> dict[str, ParameterGroup]:
    """A backend's parameter groups by name, AWS's own default included."""
    if not hasattr(backend, "cache_parameter_groups"):
        name = f"default.{FAMILY}"
        arn = f"arn:aws:elasticache:{backend.region_name}:{backend.account_id}:parametergroup:{name}"
        backend.cache_parameter_groups = {
            name: ParameterGroup(name, FAMILY, f"Default parameter group for {FAMILY}", arn)
        }
    held: dict[str, ParameterGroup] = backend.cache_parameter_groups
    return held


def group_of(backend: Any, name: str) -> ParameterGroup:
    """A parameter group by name; refused when there is none."""
    group = parameter_groups(backend).get(name)
    if group is None:
        raise Refused("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    return group


@around(ElastiCacheResponse, "create_cache_parameter_group")
def _create_group(_: World, original: None, response: Any) -> Any:
    backend, name = response.elasticache_backend, str(response._get_param("CacheParameterGroupName")).lower()
    family = response._get_param("CacheParameterGroupFamily")
    if family != FAMILY:
        raise Refused(
            "InvalidParameterValue", f"CacheParameterGroupFamily {family} is not a valid parameter group family."
        )
    if name in parameter_groups(backend):
        raise Refused("CacheParameterGroupAlreadyExists", f"Cache parameter group {name} already exists.")
    arn = f"arn:aws:elasticache:{backend.region_name}:{backend.account_id}:parametergroup:{name}"
    group = ParameterGroup(name, family, response._get_param("Description", ""), arn)
    parameter_groups(backend)[name] = group
    if tags := response._get_param("Tags", []):
        backend.tagging_service.tag_resource(arn, tags)
    return ActionResult({"CacheParameterGroup": group})


@around(ElastiCacheResponse, "describe_cache_parameter_groups")
def _describe_groups(_: World, original: None, response: Any) -> Any:
    backend, name = response.elasticache_backend, response._get_param("CacheParameterGroupName")
    groups = [group_of(backend, name)] if name else list(parameter_groups(backend).values())
    return PaginatedResult({"CacheParameterGroups": groups})


@around(ElastiCacheResponse, "modify_cache_parameter_group")
def _modify_group(_: World, original: None, response: Any) -> Any:
    group = group_of(response.elasticache_backend, response._get_param("CacheParameterGroupName"))
    if group.cache_parameter_group_name.startswith("default."):
        raise Refused("InvalidCacheParameterGroupState", "The default parameter groups cannot be modified.")
    for change in response._get_param("ParameterNameValues", []):
        group.parameters[change["ParameterName"]] = change["ParameterValue"]
    return ActionResult({"CacheParameterGroupName": group.cache_parameter_group_name})


@around(ElastiCacheResponse, "describe_cache_parameters")
def _describe_parameters(_: World, original: None, response: Any) -> Any:
    group = group_of(response.elasticache_backend, response._get_param("CacheParameterGroupName"))
    found = [
        {"ParameterName": name, "ParameterValue": value, "Source": "user", "IsModifiable": True}
        for name, value in sorted(group.parameters.items())
    ]
    return PaginatedResult({"Parameters": found})


@around(ElastiCacheResponse, "delete_cache_parameter_group")
def _delete_group(_: World, original: None, response: Any) -> Any:
    backend, name = response.elasticache_backend, response._get_param("CacheParameterGroupName")
    group = group_of(backend, name)
    used = any(cluster.cache_parameter_group_name == name for cluster in backend.cache_clusters.values())
    if used or group.cache_parameter_group_name.startswith("default."):
        raise Refused("InvalidCacheParameterGroupState", f"The parameter group {name} is in use or a default group.")
    del parameter_groups(backend)[name]
    return EmptyResult()
