"""ElastiCache: machines stand in for nodes, and the group operations that moto lacks."""

from __future__ import annotations

import pytest

from tests.provisioners.sandbox.api.stack import refused, unique
from tests.provisioners.sandbox.api.waiting import until


@pytest.fixture
def cache(aws, stack):
    """The client, with subnet group ``main``."""
    cache = aws("elasticache")
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="main", CacheSubnetGroupDescription="-", SubnetIds=stack.subnets
    )
    yield cache
    for cluster in cache.describe_cache_clusters()["CacheClusters"]:
        name = cluster["CacheClusterId"]
        until(lambda name=name: one(cache, name)["CacheClusterStatus"] == "available", 20)
        cache.delete_cache_cluster(CacheClusterId=name)
    until(lambda: cache.describe_cache_clusters()["CacheClusters"] == [])
    cache.delete_cache_subnet_group(CacheSubnetGroupName="main")


def create(cache, stack, **more):
    wanted = {
        "CacheClusterId": unique("cache"),
        "Engine": "memcached",
        "CacheNodeType": "cache.t4g.micro",
        "NumCacheNodes": 1,
        "CacheSubnetGroupName": "main",
        "SecurityGroupIds": [stack.group],
        "Tags": [{"Key": "drucloud:resource", "Value": "Cache"}],
        **more,
    }
    return cache.create_cache_cluster(**wanted)["CacheCluster"]


def one(cache, name):
    return cache.describe_cache_clusters(CacheClusterId=name, ShowCacheNodeInfo=True)["CacheClusters"][0]


def test_the_life_of_a_cluster(cache, stack, sandbox):
    made = create(
        cache, stack, NumCacheNodes=2, AZMode="cross-az", PreferredAvailabilityZones=["eu-central-1a", "eu-central-1b"]
    )
    name = made["CacheClusterId"]
    assert made["CacheClusterStatus"] == "creating"
    assert "ConfigurationEndpoint" not in made
    with refused("InvalidCacheClusterState"):
        cache.delete_cache_cluster(CacheClusterId=name)
    until(lambda: one(cache, name)["CacheClusterStatus"] == "available", 20)
    stands = one(cache, name)
    assert stands["ConfigurationEndpoint"]["Port"] == 11211
    assert ".cfg.euc1.cache.amazonaws.com" in stands["ConfigurationEndpoint"]["Address"]
    assert [node["CacheNodeId"] for node in stands["CacheNodes"]] == ["0001", "0002"]
    assert {f"cache-{name}-0001", f"cache-{name}-0002"} <= set(sandbox.status()["machines"])
    tags = cache.list_tags_for_resource(ResourceName=stands["ARN"])["TagList"]
    assert tags == [{"Key": "drucloud:resource", "Value": "Cache"}]
    with refused("CacheSubnetGroupInUse"):
        cache.delete_cache_subnet_group(CacheSubnetGroupName="main")
    with refused("DependencyViolation"):
        stack.ec2.delete_security_group(GroupId=stack.group)
    with refused("CacheClusterAlreadyExists"):
        create(cache, stack, CacheClusterId=name)
    cache.delete_cache_cluster(CacheClusterId=name)
    assert one(cache, name)["CacheClusterStatus"] == "deleting"
    until(lambda: cache.describe_cache_clusters()["CacheClusters"] == [])
    with refused("CacheClusterNotFound"):
        one(cache, name)


def test_what_create_refuses(cache, stack):
    with refused("InvalidParameterValue", "Node Type"):
        create(cache, stack, CacheNodeType="cache.t9.huge")
    with refused("InvalidParameterCombination", "Cannot find version"):
        create(cache, stack, EngineVersion="1.2.3")
    with refused("CacheSubnetGroupNotFoundFault"):
        create(cache, stack, CacheSubnetGroupName="nobody")
    with refused("CacheParameterGroupNotFound"):
        create(cache, stack, CacheParameterGroupName="nobody")
    with refused("InvalidParameterValue", "security groups"):
        create(cache, stack, SecurityGroupIds=["sg-0123456789abcdef0"])
    with refused("InvalidSubnet"):
        cache.create_cache_subnet_group(
            CacheSubnetGroupName="none", CacheSubnetGroupDescription="-", SubnetIds=["subnet-0123456789abcdef0"]
        )
    with refused("CacheSubnetGroupNotFoundFault"):
        cache.delete_cache_subnet_group(CacheSubnetGroupName="nobody")


def test_parameter_groups(cache, stack):
    with refused("InvalidParameterValue", "family"):
        cache.create_cache_parameter_group(
            CacheParameterGroupName="tuned", CacheParameterGroupFamily="memcached0.1", Description="-"
        )
    cache.create_cache_parameter_group(
        CacheParameterGroupName="tuned", CacheParameterGroupFamily="memcached1.6", Description="-"
    )
    with refused("CacheParameterGroupAlreadyExists"):
        cache.create_cache_parameter_group(
            CacheParameterGroupName="tuned", CacheParameterGroupFamily="memcached1.6", Description="-"
        )
    change = [{"ParameterName": "max_item_size", "ParameterValue": "4194304"}]
    cache.modify_cache_parameter_group(CacheParameterGroupName="tuned", ParameterNameValues=change)
    (held,) = cache.describe_cache_parameters(CacheParameterGroupName="tuned")["Parameters"]
    assert (held["ParameterName"], held["ParameterValue"]) == ("max_item_size", "4194304")
    for name in ("max_item_sise", "backlog_queue_limit"):
        with refused("InvalidParameterValue", name):
            wrong = [{"ParameterName": name, "ParameterValue": "1"}]
            cache.modify_cache_parameter_group(CacheParameterGroupName="tuned", ParameterNameValues=wrong)
    name = create(cache, stack, CacheParameterGroupName="tuned")["CacheClusterId"]
    with refused("InvalidCacheParameterGroupState"):
        cache.delete_cache_parameter_group(CacheParameterGroupName="tuned")
    with refused("InvalidCacheParameterGroupState"):
        cache.delete_cache_parameter_group(CacheParameterGroupName="default.memcached1.6")
    until(lambda: one(cache, name)["CacheClusterStatus"] == "available", 20)
    cache.delete_cache_cluster(CacheClusterId=name)
    until(lambda: cache.describe_cache_clusters()["CacheClusters"] == [])
    cache.delete_cache_parameter_group(CacheParameterGroupName="tuned")
    with refused("CacheParameterGroupNotFound"):
        cache.describe_cache_parameter_groups(CacheParameterGroupName="tuned")


def test_versions(aws):
    found = aws("elasticache").describe_cache_engine_versions(Engine="memcached")["CacheEngineVersions"]
    assert {version["CacheParameterGroupFamily"] for version in found} == {"memcached1.6"}
