"""Refuses to create databases and caches over what is not there or does not fit (RDS, ElastiCache)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moto.ec2.models import ec2_backends

from profiles import catalogue
from provisioners.sandbox.api import interfaces, offers
from provisioners.sandbox.api.caches import FAMILY, VERSIONS, parameter_groups
from provisioners.sandbox.api.extend import Call, Refused, before
from provisioners.sandbox.api.world import ACCOUNT, World

_LEAST_GIB = 20
"""Smallest gp3 volume of RDS for MariaDB."""


@before("rds", "CreateDBInstance")
def _class_and_version(_: World, call: Call) -> None:
    engine = str(call.get("Engine"))
    if engine not in offers.VERSIONS:
        raise Refused("InvalidParameterValue", f"Invalid DB engine: the sandbox has mariadb and mysql, not {engine}")
    wanted = str(call.get("DBInstanceClass"))
    if catalogue.find("rds", call.region, wanted) is None:
        raise Refused("InvalidParameterValue", f"Invalid DB Instance class: {wanted}")
    version = call.get("EngineVersion")
    resolved = offers.resolve(version, engine)
    if resolved is None:
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {engine}")
    call.response.params["EngineVersion"] = resolved
    if int(call.get("AllocatedStorage", 0)) < _LEAST_GIB:
        raise Refused(
            "InvalidParameterValue",
            f"Invalid storage size for engine name {engine} and storage type gp3: {call.get('AllocatedStorage')}",
        )


@before("rds", "CreateDBInstance")
def _database_place(_: World, call: Call) -> None:
    backend = call.response.backend
    name = call.get("DBSubnetGroupName")
    if not name:
        raise Refused("InvalidVPCNetworkStateFault", "No default VPC for this user: a DB subnet group is needed.")
    group = backend.subnet_groups.get(str(name).lower())
    if group is None:
        raise Refused("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
    for group_id in call.get("VpcSecurityGroupIds", []):
        vpc_id = interfaces.group_vpc(call.region, group_id)
        if vpc_id is None:
            raise Refused("InvalidParameterValue", f"Invalid security group , groupId= {group_id}, groupName=.")
        if vpc_id != group.vpc_id:
            raise Refused(
                "InvalidParameterCombination",
                "The DB instance and EC2 security group are in different VPCs. "
                f"The DB instance is in {group.vpc_id} and the EC2 security group is in {vpc_id}",
            )


@before("rds", "CreateDBInstance")
def _database_parameters(_: World, call: Call) -> None:
    name = str(call.get("DBParameterGroupName", ""))
    if not name or name.startswith("default."):
        return
    group = call.response.backend.db_parameter_groups.get(name)
    if group is None:
        raise Refused("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
    engine = str(call.get("Engine"))
    needed = offers.family(str(offers.resolve(call.get("EngineVersion"), engine)), engine)
    if group.family != needed:
        raise Refused(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used for this instance. "
            f"Please use a parameter group with DBParameterGroupFamily {needed}",
        )


@before("rds", "CreateDBParameterGroup")
def _known_family(_: World, call: Call) -> None:
    family = call.get("DBParameterGroupFamily")
    if family not in offers.families():
        raise Refused("InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family")


@before("rds", "CreateDBSubnetGroup")
def _two_zones(_: World, call: Call) -> None:
    name = str(call.get("DBSubnetGroupName")).lower()
    if name in call.response.backend.subnet_groups:
        raise Refused("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
    subnets = _subnets(call, call.get("SubnetIds", []))
    zones = {subnet.availability_zone for subnet in subnets}
    if len(zones) < 2:
        raise Refused(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
            f"Current AZ coverage: {', '.join(sorted(zones))}. Add subnets to cover at least 2 AZs.",
        )


@before("elasticache", "CreateCacheSubnetGroup")
def _known_subnets(_: World, call: Call) -> None:
    _subnets(call, call.get("SubnetIds", []))


def _subnets(call: Call, subnet_ids: Sequence[str]) -> list[Any]:
    known = {
        name: subnet for zone in ec2_backends[ACCOUNT][call.region].subnets.values() for name, subnet in zone.items()
    }
    for subnet_id in subnet_ids:
        if subnet_id not in known:
            raise Refused("InvalidSubnet", f"The subnet ID '{subnet_id}' does not exist")
    found = [known[subnet_id] for subnet_id in subnet_ids]
    if len({subnet.vpc_id for subnet in found}) > 1:
        raise Refused("InvalidSubnet", "Subnets belong to different VPCs")
    return found


@before("elasticache", "CreateCacheCluster")
def _cache_class_and_version(_: World, call: Call) -> None:
    if call.get("Engine") != "memcached":
        raise Refused("InvalidParameterValue", f"The sandbox has memcached clusters, not {call.get('Engine')}.")
    wanted = str(call.get("CacheNodeType"))
    if catalogue.find("elasticache", call.region, wanted) is None:
        raise Refused("InvalidParameterValue", f"Invalid Cache Node Type: {wanted}.")
    version = call.get("EngineVersion")
    if version and version not in VERSIONS:
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for memcached")
    if not 1 <= int(call.get("NumCacheNodes", 1)) <= 60:
        raise Refused("NodeQuotaForClusterExceeded", "A Memcached cluster has 1 to 60 nodes.")


@before("elasticache", "CreateCacheCluster")
def _cache_place(_: World, call: Call) -> None:
    backend, name = call.response.elasticache_backend, call.get("CacheSubnetGroupName")
    group = backend.cache_subnet_groups.get(name)
    if group is None:
        raise Refused("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
    for group_id in call.get("SecurityGroupIds", []):
        if interfaces.group_vpc(call.region, group_id) != group.vpc_id:
            raise Refused(
                "InvalidParameterValue", f"Some security groups are not of the subnet group's VPC: {group_id}"
            )
    parameters = call.get("CacheParameterGroupName")
    if parameters and parameters not in parameter_groups(backend):
        raise Refused("CacheParameterGroupNotFound", f"CacheParameterGroup {parameters} not found.")
    if parameters and parameter_groups(backend)[parameters].cache_parameter_group_family != FAMILY:
        raise Refused("InvalidParameterCombination", f"{parameters} is not of family {FAMILY}.")
