"""ElastiCache Memcached in the private subnets."""

from __future__ import annotations

from typing import Any

from troposphere import elasticache

from provisioners.blueprint import security_groups
from provisioners.blueprint.draft import Draft, GetAtt, Ref

PARAMETERS = {"max_item_size": str(4 * 1024 * 1024)}
"""Drupal's larger cache entries (theme registry, views data) pass Memcached's usual 1 MiB: they would never be kept."""


def parameter_family(version: str) -> str:
    """ElastiCache's parameter group family of a Memcached version: ``memcached1.6``."""
    return "memcached" + ".".join(version.split(".")[:2])


def add(draft: Draft) -> None:
    """Add subnet group, parameter group and cluster."""
    draft.add(
        "cache",
        "Cache subnet group",
        elasticache.SubnetGroup(
            "CacheSubnets",
            CacheSubnetGroupName=draft.name(),
            Description=f"Private subnets of {draft.profile.name}",
            SubnetIds=[Ref("PrivateSubnetA"), Ref("PrivateSubnetB")],
        ),
    )
    family = parameter_family(draft.lookups.cache_version)
    draft.add(
        "cache",
        "Cache parameters",
        elasticache.ParameterGroup(
            "CacheParameters",
            CacheParameterGroupFamily=family,
            Description=f"Drupal on {family}, {draft.profile.name}",
            Properties=draft.lookups.settable(PARAMETERS),
        ),
    )
    wish = draft.profile.cache
    draft.add("cache", f"Memcached {wish.nodes} × {wish.node_class}", _cluster(draft))


def _cluster(draft: Draft) -> elasticache.CacheCluster:
    wish = draft.profile.cache
    return elasticache.CacheCluster(
        "Cache",
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        ClusterName=draft.name(),
        Engine="memcached",
        EngineVersion=draft.lookups.cache_version,
        AutoMinorVersionUpgrade=True,
        CacheNodeType=wish.node_class,
        NumCacheNodes=wish.nodes,
        Port=11211,
        CacheSubnetGroupName=Ref("CacheSubnets"),
        CacheParameterGroupName=Ref("CacheParameters"),
        VpcSecurityGroupIds=[GetAtt(security_groups.CACHE, "GroupId")],
        **_placement(wish.nodes, draft.lookups.zones),
    )


def _placement(nodes: int, zones: tuple[str, str]) -> dict[str, Any]:
    """One node stands beside the web server; more take turns in the zones (AWS wants at least two for that)."""
    if nodes == 1:
        return {"AZMode": "single-az", "PreferredAvailabilityZone": zones[0]}
    return {"AZMode": "cross-az", "PreferredAvailabilityZones": [zones[index % 2] for index in range(nodes)]}
