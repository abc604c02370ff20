"""AWS Backup: vault, plan, and what the plan takes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws import tagging
from provisioners.aws.errors import classify, code
from provisioners.aws.permissions import IN_REGION, ROLES, Need, anywhere, on, tagged
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "backup"


def _tags(wanted: Wanted) -> dict[str, str]:
    return dict(wanted.tags)


def _told(aws: Aws, arn: str) -> Mapping[str, str]:
    found: Mapping[str, str] = aws.client(_SERVICE).list_tags(ResourceArn=arn).get("Tags", {})
    return found


_VAULTS = ("arn:{partition}:backup:{region}:{account}:backup-vault:drucloud-{name}",)
_PLANS = ("arn:{partition}:backup:{region}:{account}:backup-plan:*",)
_TO_BACKUP = {"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}}


class BackupVault(NamedKind):
    """``AWS::Backup::BackupVault``; identity is its name."""

    type = "AWS::Backup::BackupVault"
    name_property, name_limit = "BackupVaultName", 50
    needs = (
        *on(_VAULTS, "deploy", "backup:CreateBackupVault"),
        *on(_VAULTS, "deploy", "backup:TagResource", beside="backup:CreateBackupVault"),
        Need("backup-storage:MountCapsule", "deploy", condition=IN_REGION, beside="backup:CreateBackupVault"),
        *on(_VAULTS, "read", "backup:DescribeBackupVault"),
        *on(_VAULTS, "find", "backup:ListTags"),
        *on(_VAULTS, "destroy", "backup:DeleteBackupVault"),
        *on(_VAULTS, "destroy", "backup:ListRecoveryPointsByBackupVault", beside="backup:DeleteBackupVault"),
        # only where a night has passed; their ARNs are those of the services whose data they hold
        Need("backup:DeleteRecoveryPoint", "destroy", condition=IN_REGION, beside="backup:DeleteBackupVault"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags; AWS's own key encrypts it."""
        aws.client(_SERVICE, creating=True).create_backup_vault(
            BackupVaultName=self.name(wanted), BackupVaultTags=_tags(wanted), CreatorRequestId=wanted.token
        )
        return self.name(wanted)

    def _row(self, aws: Aws, name: str) -> dict[str, Any] | None:
        """What AWS says of it: of one that is not there it says that nobody may look."""
        try:
            row: dict[str, Any] = aws.client(_SERVICE).describe_backup_vault(BackupVaultName=name)
        except ClientError as error:
            if classify(error) in ("gone", "denied"):
                return None
            raise
        return row

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is one."""
        return name if self._row(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags of its ARN."""
        return _told(aws, str((self._row(aws, identity) or {})["BackupVaultArn"]))

    def require_ours(self, aws: Aws, wanted: Wanted, identity: str) -> None:
        """One that an earlier destroy kept for this very deployment is taken up again, whatever its intent was."""
        tags = {**self.tags(aws, identity), "drucloud:intent": wanted.tags["drucloud:intent"]}
        tagging.require_ours(wanted, identity, tags)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        rows = {one: self._row(aws, one) for one in identities}
        return {
            one: Observed("ready", {"Ref": one, "BackupVaultName": one, "BackupVaultArn": row["BackupVaultArn"]})
            if row
            else ABSENT
            for one, row in rows.items()
        }

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with the backups in it; policy ``Retain`` leaves both alone."""
        if policy == "Retain":
            return
        client = aws.client(_SERVICE)
        try:
            client.delete_backup_vault(BackupVaultName=identity)
        except ClientError as error:
            if code(error) != "InvalidRequestException":  # what AWS says of a vault that holds something
                raise
            for page in client.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=identity):
                for row in page["RecoveryPoints"]:
                    client.delete_recovery_point(BackupVaultName=identity, RecoveryPointArn=row["RecoveryPointArn"])
            client.delete_backup_vault(BackupVaultName=identity)


class BackupPlan(Kind):
    """``AWS::Backup::BackupPlan``; identity is its id."""

    type = "AWS::Backup::BackupPlan"
    mutable = frozenset({"BackupPlan"})
    needs = (
        *on(_PLANS, "deploy", "backup:CreateBackupPlan"),
        *on(_PLANS, "deploy", "backup:TagResource", beside="backup:CreateBackupPlan"),
        *anywhere("backup:ListBackupPlans"),
        *on(_PLANS, "find", "backup:ListTags"),
        *tagged(_PLANS, "change", "backup:UpdateBackupPlan"),
        *tagged(_PLANS, "destroy", "backup:DeleteBackupPlan"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags."""
        made = aws.client(_SERVICE, creating=True).create_backup_plan(
            BackupPlan=_plan(aws, wanted), BackupPlanTags=_tags(wanted), CreatorRequestId=wanted.token
        )
        return str(made["BackupPlanId"])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """All of it."""
        aws.client(_SERVICE).update_backup_plan(BackupPlanId=identity, BackupPlan=_plan(aws, wanted))

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By name, if it is ours."""
        name = wanted.properties["BackupPlan"]["BackupPlanName"]
        for row in self._rows(aws):
            if row["BackupPlanName"] == name:
                tagging.require_ours(wanted, name, _told(aws, str(row["BackupPlanArn"])))
                return str(row["BackupPlanId"])
        return None

    def _rows(self, aws: Aws) -> Iterator[Mapping[str, Any]]:
        pages = aws.client(_SERVICE).get_paginator("list_backup_plans").paginate()
        return (row for page in pages for row in page["BackupPlansList"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing for all; it has no states."""
        rows = {str(row["BackupPlanId"]): row for row in self._rows(aws)}
        return {
            one: Observed("ready", {"Ref": one, "BackupPlanId": one, "BackupPlanArn": rows[one]["BackupPlanArn"]})
            if one in rows
            else ABSENT
            for one in identities
        }

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; refused while it has selections."""
        aws.client(_SERVICE).delete_backup_plan(BackupPlanId=identity)


def _plan(aws: Aws, wanted: Wanted) -> dict[str, Any]:
    """CloudFormation's ``BackupPlanRule`` and ``TargetBackupVault`` under the API's names."""
    wish = wanted.properties["BackupPlan"]
    rules = []
    for rule in wish["BackupPlanRule"]:
        given = {name: value for name, value in rule.items() if name != "TargetBackupVault"}
        rules.append({**given, "TargetBackupVaultName": rule["TargetBackupVault"]})
    plan = {"BackupPlanName": wish["BackupPlanName"], "Rules": rules}
    made: dict[str, Any] = arguments(aws.client(_SERVICE), "CreateBackupPlan", {"BackupPlan": plan})["BackupPlan"]
    return made


class BackupSelection(Kind):
    """``AWS::Backup::BackupSelection``; identity ``plan|selection``."""

    type = "AWS::Backup::BackupSelection"
    needs = (
        *tagged(_PLANS, "deploy", "backup:CreateBackupSelection"),
        Need("iam:PassRole", "deploy", ROLES, _TO_BACKUP, beside="backup:CreateBackupSelection"),
        *tagged(_PLANS, "read", "backup:ListBackupSelections"),
        *tagged(_PLANS, "destroy", "backup:DeleteBackupSelection"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token; it has no tags, its plan has."""
        plan = str(wanted.properties["BackupPlanId"])
        made = aws.client(_SERVICE, creating=True).create_backup_selection(
            BackupPlanId=plan,
            BackupSelection=dict(wanted.properties["BackupSelection"]),
            CreatorRequestId=wanted.token,
        )
        return f"{plan}|{made['SelectionId']}"

    def _rows(self, aws: Aws, plan: str) -> list[Mapping[str, Any]]:
        try:
            pages = aws.client(_SERVICE).get_paginator("list_backup_selections").paginate(BackupPlanId=plan)
            return [row for page in pages for row in page["BackupSelectionsList"]]
        except ClientError as error:
            if classify(error) == "gone":
                return []
            raise

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The plan's selection of that name: the plan is ours."""
        plan, name = str(wanted.properties["BackupPlanId"]), wanted.properties["BackupSelection"]["SelectionName"]
        rows = (row for row in self._rows(aws, plan) if row["SelectionName"] == name)
        return next((f"{plan}|{row['SelectionId']}" for row in rows), None)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing a plan."""
        plans = sorted({one.split("|")[0] for one in identities})
        there = {f"{plan}|{row['SelectionId']}" for plan in plans for row in self._rows(aws, plan)}
        return {one: Observed("ready", {"Ref": one}) if one in there else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; what was backed up stays."""
        plan, selection = identity.split("|")
        aws.client(_SERVICE).delete_backup_selection(BackupPlanId=plan, SelectionId=selection)
