"""Changing an ElastiCache cluster that stands, which moto lacks: its settings, and nodes added or taken away."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.elasticache.responses import ElastiCacheResponse

from provisioners.sandbox.api import interfaces
from provisioners.sandbox.api.caches import bring_up, group_of, machine_name, names_of, publish, subnet_in
from provisioners.sandbox.api.extend import Refused, around
from provisioners.sandbox.api.world import World


@around(ElastiCacheResponse, "modify_cache_cluster")
def _modify(world: World, original: None, response: Any) -> Any:
    """Moto has none. What is given is set at once; nodes are added and removed like those of the first day."""
    backend, name = response.elasticache_backend, str(response._get_param("CacheClusterId"))
    cluster = backend.cache_clusters.get(name)
    if cluster is None:
        raise Refused("CacheClusterNotFound", f"CacheCluster not found: {name}")
    if cluster.cache_cluster_status != "available":
        raise Refused("InvalidCacheClusterState", f"Cache cluster {name} is not available.")
    if (version := response._get_param("EngineVersion")) is not None:
        cluster.engine_version = version
    if groups := response._get_param("SecurityGroupIds", []):
        cluster.security_group_ids = groups
        cluster.security_groups = [{"SecurityGroupId": one, "Status": "active"} for one in groups]
    if (parameters := response._get_param("CacheParameterGroupName")) is not None:
        group_of(backend, parameters)
        cluster.cache_parameter_group_name = parameters
        cluster.cache_parameter_group = {"CacheParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}
    if (wish := response._get_param("NumCacheNodes")) is not None:
        _resize(world, backend, cluster, int(wish), response)
    return ActionResult({"CacheCluster": cluster})


def _resize(world: World, backend: Any, cluster: Any, wish: int, response: Any) -> None:
    there = len(cluster.drucloud_interfaces)
    surplus = response._get_param("CacheNodeIdsToRemove", [])
    if len(surplus) != max(0, there - wish) or sorted(surplus) != [f"{one + 1:04}" for one in range(wish, there)]:
        raise Refused("InvalidParameterValue", "The nodes to remove are not as many as there are too many.")
    if wish == there:
        return
    region, group = backend.region_name, backend.cache_subnet_groups[cluster.cache_subnet_group_name]
    cluster.num_cache_nodes, cluster.cache_cluster_status = wish, "modifying"
    if wish < there:
        gone: set[int] = set(range(wish, there))
        leaving = [(number, cluster.drucloud_interfaces[number]) for number in sorted(gone)]
        for number, interface in leaving:
            _remove_node(world, cluster, region, number, interface, gone)
        return
    known = sorted({subnet["subnet_availability_zone"] for subnet in group.subnets})
    zones = response._get_param("NewAvailabilityZones", []) or [known[n % len(known)] for n in range(there, wish)]
    for zone in zones[: wish - there]:
        subnet, name = subnet_in(group, zone), f"ElastiCache {cluster.arn}"
        cluster.drucloud_interfaces.append(interfaces.place(region, subnet, cluster.security_group_ids, name))
    cluster.drucloud_waiting = set(range(there, wish))
    for number in range(there, wish):
        bring_up(world, cluster, region, number)


def _remove_node(world: World, cluster: Any, region: str, number: int, interface: Any, gone: set[int]) -> None:
    def done() -> None:
        world.reality.set_names(interface.vpc_id, dict.fromkeys(names_of(cluster, region, number)))
        with world.lock:
            interface.delete()
            gone.discard(number)
            if not gone:
                del cluster.drucloud_interfaces[cluster.num_cache_nodes :]
                publish(cluster, region)

    world.reality.remove(machine_name(cluster, number), done)
