"""ElastiCache for Memcached: subnet group, parameter group, cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from provisioners.aws.permissions import Need, anywhere, named, on, service_linked
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ListedKind
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Status, Wanted

PARAMETERS_A_CALL = 20


_CLUSTER = named("elasticache", "cluster")
_SUBNET_GROUP = named("elasticache", "subnetgroup")
_PARAMETER_GROUP = named("elasticache", "parametergroup")


def _group_needs(kind: str, word: str) -> tuple[Need, ...]:
    """The calls for a cache subnet group or parameter group."""
    arns = named("elasticache", kind)
    return (
        *on(arns, "deploy", f"elasticache:CreateCache{word}"),
        *on(arns, "deploy", "elasticache:AddTagsToResource", beside=f"elasticache:CreateCache{word}"),
        *anywhere(f"elasticache:DescribeCache{word}s"),
        *on(arns, "find", "elasticache:ListTagsForResource"),
        *on(arns, "change", f"elasticache:ModifyCache{word}"),
        *on(arns, "destroy", f"elasticache:DeleteCache{word}"),
    )


class CacheSubnetGroup(ListedKind):
    """``AWS::ElastiCache::SubnetGroup``."""

    type = "AWS::ElastiCache::SubnetGroup"
    service, creating = "elasticache", "CreateCacheSubnetGroup"
    listing = ("DescribeCacheSubnetGroups", "CacheSubnetGroups")
    name_property = name_argument = "CacheSubnetGroupName"
    name_limit, arn_key = 255, "ARN"
    renamed: ClassVar[Mapping[str, str]] = {"Description": "CacheSubnetGroupDescription"}
    mutable = frozenset({"SubnetIds", "Description"})
    needs = _group_needs("subnetgroup", "SubnetGroup")

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Both in one call."""
        aws.client("elasticache").modify_cache_subnet_group(
            CacheSubnetGroupName=identity,
            CacheSubnetGroupDescription=str(wanted.properties["Description"]),
            SubnetIds=list(wanted.properties["SubnetIds"]),
        )

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; ElastiCache refuses while a cluster is in it."""
        aws.client("elasticache").delete_cache_subnet_group(CacheSubnetGroupName=identity)


class CacheParameterGroup(ListedKind):
    """``AWS::ElastiCache::ParameterGroup``."""

    type = "AWS::ElastiCache::ParameterGroup"
    service, creating = "elasticache", "CreateCacheParameterGroup"
    listing = ("DescribeCacheParameterGroups", "CacheParameterGroups")
    name_property = name_argument = "CacheParameterGroupName"
    name_limit, arn_key = 255, "ARN"
    settled = frozenset({"Properties"})
    mutable = frozenset({"Properties"})
    needs = (
        *_group_needs("parametergroup", "ParameterGroup"),
        *on(_PARAMETER_GROUP, "deploy", "elasticache:ModifyCacheParameterGroup", given="Properties"),
        *on(_PARAMETER_GROUP, "change", "elasticache:ResetCacheParameterGroup"),
    )

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Set every parameter."""
        rows = [
            {"ParameterName": name, "ParameterValue": str(value)}
            for name, value in sorted(wanted.properties.get("Properties", {}).items())
        ]
        for start in range(0, len(rows), PARAMETERS_A_CALL):
            aws.client("elasticache").modify_cache_parameter_group(
                CacheParameterGroupName=identity, ParameterNameValues=rows[start : start + PARAMETERS_A_CALL]
            )

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Back to ElastiCache's own values, then set what is wanted."""
        aws.client("elasticache").reset_cache_parameter_group(CacheParameterGroupName=identity, ResetAllParameters=True)
        self.settle(aws, identity, wanted)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; ElastiCache refuses while a cluster uses it."""
        aws.client("elasticache").delete_cache_parameter_group(CacheParameterGroupName=identity)


FAILED = frozenset({"incompatible-network", "restore-failed", "create-failed"})


class CacheCluster(ListedKind):
    """``AWS::ElastiCache::CacheCluster`` with Memcached.

    Attribute ``NodeEndpoints`` (``host:port`` of every node, in order) is ours: a stock client must be given the nodes,
    for ``ConfigurationEndpoint`` only serves clients that speak ElastiCache's own discovery.
    """

    type = "AWS::ElastiCache::CacheCluster"
    poll_seconds = 10.0
    expected_seconds = 420.0
    service, creating = "elasticache", "CreateCacheCluster"
    listing = ("DescribeCacheClusters", "CacheClusters")
    detail: ClassVar[Mapping[str, Any]] = {"ShowCacheNodeInfo": True}
    name_property, name_argument = "ClusterName", "CacheClusterId"
    name_limit, arn_key = 50, "ARN"
    renamed: ClassVar[Mapping[str, str]] = {"VpcSecurityGroupIds": "SecurityGroupIds"}
    mutable = frozenset(
        {
            "AZMode",
            "AutoMinorVersionUpgrade",
            "CacheParameterGroupName",
            "EngineVersion",
            "NumCacheNodes",
            "PreferredAvailabilityZone",
            "PreferredAvailabilityZones",
            "PreferredMaintenanceWindow",
            "VpcSecurityGroupIds",
        }
    )
    disposable = True
    interrupting: ClassVar[Mapping[str, str]] = {
        "CacheParameterGroupName": "takes effect with its next restart",
        "EngineVersion": "restarts its nodes, empty",
        "NumCacheNodes": "its keys are spread anew, so a part of the cache is cold for some minutes",
    }
    needs = (
        *on((*_CLUSTER, *_PARAMETER_GROUP, *_SUBNET_GROUP), "deploy", "elasticache:CreateCacheCluster"),
        *on(_CLUSTER, "deploy", "elasticache:AddTagsToResource", beside="elasticache:CreateCacheCluster"),
        *service_linked("elasticache", "AWSServiceRoleForElastiCache", "elasticache:CreateCacheCluster"),
        *anywhere("elasticache:DescribeCacheClusters"),
        *on(_CLUSTER, "find", "elasticache:ListTagsForResource"),
        *on((*_CLUSTER, *_PARAMETER_GROUP), "change", "elasticache:ModifyCacheCluster"),
        *on(_CLUSTER, "destroy", "elasticache:DeleteCacheCluster"),
    )

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when available with all its nodes."""
        state = str(row["CacheClusterStatus"])
        status: Status = "failed" if state in FAILED else "ready" if state == "available" else "pending"
        nodes = sorted(row.get("CacheNodes", ()), key=lambda node: str(node["CacheNodeId"]))
        places = [_place(node["Endpoint"]) for node in nodes if "Endpoint" in node]
        if status == "ready" and len(places) < int(row.get("NumCacheNodes", 1)):
            status, state = "pending", f"{len(places)} of {row['NumCacheNodes']} nodes"
        endpoint = row.get("ConfigurationEndpoint", {})
        attributes = {
            "Ref": row["CacheClusterId"],
            "ConfigurationEndpoint.Address": endpoint.get("Address", ""),
            "ConfigurationEndpoint.Port": str(endpoint.get("Port", "")),
            "NodeEndpoints": places,
        }
        return Observed(status, attributes, "" if status == "ready" else state)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Now, not in the next maintenance window."""
        client = aws.client("elasticache")
        properties = {name: wanted.properties[name] for name in changed - _PLACES if name in wanted.properties}
        values = arguments(client, "ModifyCacheCluster", properties, renamed=self.renamed)
        if "NumCacheNodes" in changed:
            (row,) = self.rows(aws, identity)
            values |= _nodes(row, wanted.properties)
        if values:
            client.modify_cache_cluster(CacheClusterId=identity, **values, ApplyImmediately=True)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it, unless that is under way."""
        rows: Sequence[Mapping[str, Any]] = self.rows(aws, identity)
        if rows and rows[0]["CacheClusterStatus"] != "deleting":
            aws.client("elasticache").delete_cache_cluster(CacheClusterId=identity)


_PLACES = frozenset({"AZMode", "PreferredAvailabilityZone", "PreferredAvailabilityZones"})
"""Where nodes stand: said of those that are added, never of those that stand."""


def _nodes(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ModifyCacheCluster that adds nodes, each in its zone, or takes the last ones away."""
    there, wish = sorted(str(node["CacheNodeId"]) for node in row["CacheNodes"]), int(wanted["NumCacheNodes"])
    if wish < len(there):
        return {"CacheNodeIdsToRemove": there[wish:]}
    if wish == len(there) or "PreferredAvailabilityZones" not in wanted:
        return {}
    return {"AZMode": "cross-az", "NewAvailabilityZones": list(wanted["PreferredAvailabilityZones"])[len(there) :]}


def _place(endpoint: Mapping[str, Any]) -> str:
    return f"{endpoint['Address']}:{endpoint['Port']}"
