"""RDS for MariaDB or MySQL, tuned for Drupal, in the private subnets."""

from __future__ import annotations

from troposphere import rds

from provisioners.blueprint import monitoring, security_groups
from provisioners.blueprint.draft import Draft, GetAtt, Ref

DATABASE_NAME = "drupal"
MASTER_USER = "drucloud"
"""Used once, by the admin node, to make the site's own user; RDS makes and rotates its password."""

_MIB = 1024 * 1024

_PARAMETERS = {
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_unicode_ci",
    "innodb_flush_log_at_trx_commit": "1",  # durable; faster values lose commits
    "innodb_log_buffer_size": str(32 * _MIB),
    "innodb_print_all_deadlocks": "1",
    "interactive_timeout": "300",
    "join_buffer_size": str(_MIB),
    "log_output": "FILE",
    "long_query_time": "1",
    "max_allowed_packet": str(64 * _MIB),  # cache rows and imported dumps
    "max_heap_table_size": str(64 * _MIB),
    "optimizer_search_depth": "0",
    "require_secure_transport": "1",
    "slow_query_log": "1",
    "sort_buffer_size": str(_MIB),
    "table_definition_cache": "2000",
    "table_open_cache": "4000",
    "tmp_table_size": str(64 * _MIB),
    "wait_timeout": "300",
}
"""Values: facts on Drupal's database settings. The buffer pool stays at RDS's own three quarters of the memory."""


def parameters(engine: str, engine_version: str, query_cache_mib: int = 0) -> dict[str, str]:
    """Parameters for a version of ``mariadb`` or ``mysql``.

    Drupal wants READ COMMITTED; MySQL 8 and MariaDB 11.1 renamed the setting, and MySQL 8 has no query cache any more.
    """
    major, minor = (int(part) for part in engine_version.split(".")[:2])
    renamed = engine == "mysql" or (major, minor) >= (11, 1)
    isolation = {"transaction_isolation" if renamed else "tx_isolation": "READ-COMMITTED"}
    if engine == "mysql":
        return {**_PARAMETERS, **isolation}
    cache = {
        "query_cache_size": str(query_cache_mib * _MIB),  # one global mutex; memcached does its work without
        "query_cache_type": "1" if query_cache_mib else "0",
    }
    return {**_PARAMETERS, **isolation, **cache}


def add(draft: Draft) -> None:
    """Add subnet group, parameter group and instance."""
    lookups, wish = draft.lookups, draft.profile.database
    wanted = parameters(wish.engine, lookups.engine_version, wish.query_cache_mib)
    draft.add(
        "database",
        "Database subnet group",
        rds.DBSubnetGroup(
            "DatabaseSubnets",
            DBSubnetGroupName=draft.name(),
            DBSubnetGroupDescription=f"Private subnets of {draft.profile.name}",
            SubnetIds=[Ref("PrivateSubnetA"), Ref("PrivateSubnetB")],
        ),
    )
    draft.add(
        "database",
        "Database parameters",
        rds.DBParameterGroup(
            "DatabaseParameters",
            # a parameter group's family can never change: another family is another group
            DBParameterGroupName=draft.name(lookups.engine_family.replace(".", "-")),
            Description=f"Drupal on {lookups.engine_family}",
            Family=lookups.engine_family,
            Parameters=lookups.settable(wanted),
        ),
    )
    standby = ", standby" if wish.multi_az else ""
    engine = {"mariadb": "MariaDB", "mysql": "MySQL"}[wish.engine]
    draft.add("database", f"{engine} {wish.instance_class}, {wish.storage_gib} GiB{standby}", _instance(draft))


def _instance(draft: Draft) -> rds.DBInstance:
    wish = draft.profile.database
    policy = "Snapshot" if draft.keeps_data else "Delete"
    return rds.DBInstance(
        "Database",
        DeletionPolicy=policy,
        UpdateReplacePolicy=policy,
        DBInstanceIdentifier=draft.name(),
        DBName=DATABASE_NAME,
        DBInstanceClass=wish.instance_class,
        Engine=wish.engine,
        EngineVersion=draft.lookups.engine_version,
        AutoMinorVersionUpgrade=True,
        AllocatedStorage=str(wish.storage_gib),
        StorageType="gp3",
        StorageEncrypted=True,
        MultiAZ=wish.multi_az,
        Port="3306",
        MasterUsername=MASTER_USER,
        ManageMasterUserPassword=True,
        DBSubnetGroupName=Ref("DatabaseSubnets"),
        DBParameterGroupName=Ref("DatabaseParameters"),
        VPCSecurityGroups=[GetAtt(security_groups.DATABASE, "GroupId")],
        PubliclyAccessible=False,
        BackupRetentionPeriod=wish.backup_days,
        CopyTagsToSnapshot=True,
        DeletionProtection=draft.keeps_data,
        EnableCloudwatchLogsExports=["error", "slowquery"],
        **_support(wish.engine),
        **_after(monitoring.database_links(draft)),
    )


def _support(engine: str) -> dict[str, str]:
    """MySQL past its support would be billed by the vCPU and hour, unasked."""
    return {"EngineLifecycleSupport": "open-source-rds-extended-support-disabled"} if engine == "mysql" else {}


def _after(links: list[str]) -> dict[str, list[str]]:
    return {"DependsOn": links} if links else {}
