"""RDS: subnet group, parameter group, database instance."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from provisioners.aws.permissions import IN_REGION, Need, anywhere, named, on, service_linked
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ListedKind
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Status, Wanted

PARAMETERS_A_CALL = 20
"""RDS takes at most so many parameters in one Modify or Reset call."""


class DbSubnetGroup(ListedKind):
    """``AWS::RDS::DBSubnetGroup``."""

    type = "AWS::RDS::DBSubnetGroup"
    service, creating = "rds", "CreateDBSubnetGroup"
    listing = ("DescribeDBSubnetGroups", "DBSubnetGroups")
    name_property = name_argument = "DBSubnetGroupName"
    name_limit, arn_key = 255, "DBSubnetGroupArn"
    mutable = frozenset({"SubnetIds", "DBSubnetGroupDescription"})
    needs = (
        *on(named("rds", "subgrp"), "deploy", "rds:CreateDBSubnetGroup"),
        *on(named("rds", "subgrp"), "deploy", "rds:AddTagsToResource", beside="rds:CreateDBSubnetGroup"),
        *anywhere("rds:DescribeDBSubnetGroups"),
        *on(named("rds", "subgrp"), "find", "rds:ListTagsForResource"),
        *on(named("rds", "subgrp"), "change", "rds:ModifyDBSubnetGroup"),
        *on(named("rds", "subgrp"), "destroy", "rds:DeleteDBSubnetGroup"),
    )

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """RDS wants the whole list of subnets again."""
        aws.client("rds").modify_db_subnet_group(
            DBSubnetGroupName=identity,
            DBSubnetGroupDescription=str(wanted.properties["DBSubnetGroupDescription"]),
            SubnetIds=list(wanted.properties["SubnetIds"]),
        )

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; RDS refuses while an instance is in it."""
        aws.client("rds").delete_db_subnet_group(DBSubnetGroupName=identity)


class DbParameterGroup(ListedKind):
    """``AWS::RDS::DBParameterGroup``."""

    type = "AWS::RDS::DBParameterGroup"
    service, creating = "rds", "CreateDBParameterGroup"
    listing = ("DescribeDBParameterGroups", "DBParameterGroups")
    name_property = name_argument = "DBParameterGroupName"
    name_limit, arn_key = 255, "DBParameterGroupArn"
    renamed: ClassVar[Mapping[str, str]] = {"Family": "DBParameterGroupFamily"}
    settled = frozenset({"Parameters"})
    mutable = frozenset({"Parameters"})
    needs = (
        *on(named("rds", "pg"), "deploy", "rds:CreateDBParameterGroup"),
        *on(named("rds", "pg"), "deploy", "rds:AddTagsToResource", beside="rds:CreateDBParameterGroup"),
        *on(named("rds", "pg"), "deploy", "rds:ModifyDBParameterGroup", given="Parameters"),
        *anywhere("rds:DescribeDBParameterGroups"),
        *on(named("rds", "pg"), "find", "rds:ListTagsForResource"),
        *on(named("rds", "pg"), "change", "rds:DescribeDBParameters", "rds:ModifyDBParameterGroup"),
        *on(named("rds", "pg"), "change", "rds:ResetDBParameterGroup"),
        *on(named("rds", "pg"), "destroy", "rds:DeleteDBParameterGroup"),
    )

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Set every parameter, to apply with the next start: nothing uses the group yet."""
        values = {name: str(value) for name, value in wanted.properties.get("Parameters", {}).items()}
        self._modify(aws, identity, values, frozenset())

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Set what differs, at once where the parameter allows it; give the rest back to RDS's own value."""
        values = {name: str(value) for name, value in wanted.properties.get("Parameters", {}).items()}
        known = {row["ParameterName"]: row for row in self._parameters(aws, identity)}
        dynamic = frozenset(name for name, row in known.items() if row.get("ApplyType") == "dynamic")
        differs = {name: v for name, v in values.items() if known.get(name, {}).get("ParameterValue") != v}
        self._modify(aws, identity, differs, dynamic)
        surplus = sorted(name for name, row in known.items() if row.get("Source") == "user" and name not in values)
        for names in _chunks(surplus):
            rows = [{"ParameterName": name, "ApplyMethod": _method(name, dynamic)} for name in names]
            aws.client("rds").reset_db_parameter_group(DBParameterGroupName=identity, Parameters=rows)

    def _modify(self, aws: Aws, identity: str, values: Mapping[str, str], dynamic: frozenset[str]) -> None:
        for names in _chunks(sorted(values)):
            rows = [
                {"ParameterName": name, "ParameterValue": values[name], "ApplyMethod": _method(name, dynamic)}
                for name in names
            ]
            aws.client("rds").modify_db_parameter_group(DBParameterGroupName=identity, Parameters=rows)

    def _parameters(self, aws: Aws, identity: str) -> Iterator[Mapping[str, Any]]:
        pages = aws.client("rds").get_paginator("describe_db_parameters").paginate(DBParameterGroupName=identity)
        return (row for page in pages for row in page["Parameters"])

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; RDS refuses while an instance uses it."""
        aws.client("rds").delete_db_parameter_group(DBParameterGroupName=identity)


def _method(name: str, dynamic: frozenset[str]) -> str:
    return "immediate" if name in dynamic else "pending-reboot"


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + PARAMETERS_A_CALL] for start in range(0, len(names), PARAMETERS_A_CALL))


READY = frozenset({"available", "storage-optimization", "storage-config-upgrade", "storage-initialization"})
"""States in which the database answers and nothing is left to wait for."""

FAILED = frozenset({"failed", "restore-error", "stopped", "storage-full", "insufficient-capacity"})
"""Besides every state that begins with ``incompatible-`` or ``inaccessible-``."""

CHANGE_BEGINS_SECONDS = 60
"""How long a change may take to show in the instance's state after RDS accepted it."""


_INSTANCE = named("rds", "db")
_BACKUPS = ("arn:{partition}:rds:{region}:{account}:auto-backup:*",)
_INSTANCE_AND_GROUPS = (*_INSTANCE, *named("rds", "pg"), *named("rds", "subgrp"))


def _master_secret(beside: str) -> tuple[Need, ...]:
    """RDS makes the master password's secret in the caller's name (RDS user guide, "Permissions required")."""
    secrets = ("arn:{partition}:secretsmanager:{region}:{account}:secret:rds!db-*",)
    actions = ("secretsmanager:CreateSecret", "secretsmanager:TagResource")
    key = Need("kms:DescribeKey", "deploy", condition=IN_REGION, given="ManageMasterUserPassword", beside=beside)
    return (*on(secrets, "deploy", *actions, given="ManageMasterUserPassword", beside=beside), key)


class DbInstance(ListedKind):
    """``AWS::RDS::DBInstance``."""

    type = "AWS::RDS::DBInstance"
    poll_seconds = 10.0
    expected_seconds = 600.0
    service, creating = "rds", "CreateDBInstance"
    listing = ("DescribeDBInstances", "DBInstances")
    name_property = name_argument = "DBInstanceIdentifier"
    name_limit, arn_key = 63, "DBInstanceArn"
    renamed: ClassVar[Mapping[str, str]] = {"VPCSecurityGroups": "VpcSecurityGroupIds"}
    settled = frozenset({"AllowMajorVersionUpgrade", "DeleteAutomatedBackups"})
    mutable = frozenset(
        {
            "AllocatedStorage",
            "AutoMinorVersionUpgrade",
            "BackupRetentionPeriod",
            "CACertificateIdentifier",
            "CopyTagsToSnapshot",
            "DBInstanceClass",
            "DBParameterGroupName",
            "DeletionProtection",
            "EngineVersion",
            "MaxAllocatedStorage",
            "MultiAZ",
            "PreferredBackupWindow",
            "PreferredMaintenanceWindow",
            "StorageType",
            "VPCSecurityGroups",
        }
    )
    needs = (
        *on(_INSTANCE_AND_GROUPS, "deploy", "rds:CreateDBInstance"),
        *on(_INSTANCE, "deploy", "rds:AddTagsToResource", beside="rds:CreateDBInstance"),
        *_master_secret("rds:CreateDBInstance"),
        *service_linked("rds", "AWSServiceRoleForRDS", "rds:CreateDBInstance"),
        *anywhere("rds:DescribeDBInstances"),
        *on(_INSTANCE, "find", "rds:ListTagsForResource"),
        *on(_INSTANCE_AND_GROUPS, "change", "rds:ModifyDBInstance"),
        *on(_INSTANCE, "destroy", "rds:ModifyDBInstance", given="DeletionProtection=true"),
        *on(_INSTANCE, "destroy", "rds:DeleteDBInstance"),
        *on((*_INSTANCE, *named("rds", "snapshot")), "destroy", "rds:CreateDBSnapshot", beside="rds:DeleteDBInstance"),
        *on(_BACKUPS, "destroy", "rds:DeleteDBInstanceAutomatedBackup", beside="rds:DeleteDBInstance"),
    )

    interrupting: ClassVar[Mapping[str, str]] = {
        "CACertificateIdentifier": "restarts it, away for a minute or two",
        "DBInstanceClass": "restarts it on another machine, away for several minutes",
        "DBParameterGroupName": "takes effect with its next restart",
        "EngineVersion": "upgrades it, away for several minutes, longer for a new major version",
        "StorageType": "slower for hours while the storage is rebuilt",
    }
    """RDS User Guide, "Settings for DB instances": which of them mean downtime."""

    def interruption(self, properties: Mapping[str, Any], changed: frozenset[str]) -> str:
        """With a standby, a new class costs one fail-over."""
        if str(properties.get("MultiAZ")).lower() == "true" and changed & {"DBInstanceClass", "MultiAZ"} == {
            "DBInstanceClass"
        }:
            others = super().interruption(properties, changed - {"DBInstanceClass"})
            return "; ".join(filter(None, ["fails over to its standby, away for a minute or two", others]))
        return super().interruption(properties, changed)

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when it answers and, where RDS manages the master password, that secret is there too."""
        state = str(row["DBInstanceStatus"])
        status: Status = "ready" if state in READY else "pending"
        if state in FAILED or state.startswith(("incompatible-", "inaccessible-")):
            status = "failed"
        endpoint, secret = row.get("Endpoint", {}), row.get("MasterUserSecret", {})
        if status == "ready" and secret.get("SecretStatus") == "creating":
            status, state = "pending", "master password"
        attributes = {
            "Ref": row["DBInstanceIdentifier"],
            "DBInstanceArn": row.get("DBInstanceArn", ""),
            "Endpoint.Address": endpoint.get("Address", ""),
            "Endpoint.Port": str(endpoint.get("Port", "")),
            "MasterUserSecret.SecretArn": secret.get("SecretArn", ""),
        }
        return Observed(status, attributes, "" if status == "ready" else state)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Now, not in the next maintenance window: whoever replays a profile is there to see it."""
        client = aws.client("rds")
        properties = {name: wanted.properties[name] for name in changed if name in wanted.properties}
        values = arguments(client, "ModifyDBInstance", properties, renamed=self.renamed)
        if "EngineVersion" in values:
            values["AllowMajorVersionUpgrade"] = True
        client.modify_db_instance(DBInstanceIdentifier=identity, **values, ApplyImmediately=True)
        self._await_beginning(aws, identity)

    def _await_beginning(self, aws: Aws, identity: str) -> None:
        """RDS says ``available`` for some seconds more; leaving earlier would look like the end of the change."""
        deadline = time.monotonic() + CHANGE_BEGINS_SECONDS
        while time.monotonic() < deadline:
            rows = self.rows(aws, identity)
            if not rows or rows[0]["DBInstanceStatus"] != "available" or not rows[0].get("PendingModifiedValues"):
                return
            time.sleep(3)

    def unlock(self, aws: Aws, identity: str) -> None:
        """Lift the protection against deletion."""
        rows = self.rows(aws, identity)
        if rows and rows[0].get("DeletionProtection"):
            aws.client("rds").modify_db_instance(
                DBInstanceIdentifier=identity, DeletionProtection=False, ApplyImmediately=True
            )

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Lift the protection and delete; policy ``Snapshot`` keeps a final snapshot under a name of its own.

        Automated backups go in either case: the snapshot is what is kept, and the rest would go on costing money.
        """
        rows = self.rows(aws, identity)
        if not rows or rows[0]["DBInstanceStatus"] == "deleting":
            return
        client = aws.client("rds")
        self.unlock(aws, identity)
        last: dict[str, Any] = {"SkipFinalSnapshot": True}
        if policy == "Snapshot":
            moment = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
            last = {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": f"{identity}-final-{moment}"}
        client.delete_db_instance(DBInstanceIdentifier=identity, DeleteAutomatedBackups=True, **last)
