"""AWS Backup: a copy of everything that holds data, each night, out of reach of whoever breaks into the machines.

RDS's own backups reach back days and can be restored to the second; these reach back further and cover the volumes and
the shared file system too. The file bucket keeps old versions itself.
"""

from __future__ import annotations

from typing import Any

from troposphere import backup, iam

from provisioners.blueprint import mounts
from provisioners.blueprint.access import policy as policy_document
from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub

EVERY_NIGHT = "cron(0 3 * * ? *)"
"""UTC, before most editors are up."""

_MANAGED = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor"


def add(draft: Draft) -> None:
    """Add vault, plan, role and selection, if the profile wants them."""
    if not draft.profile.protection.backup:
        return
    policy = "Retain" if draft.keeps_data else "Delete"
    vault = backup.BackupVault(
        "BackupVault", BackupVaultName=draft.name(), DeletionPolicy=policy, UpdateReplacePolicy=policy
    )
    draft.add("protection", "Backup vault", vault)
    days = draft.profile.protection.backup_keep_days
    draft.add("protection", f"Nightly backups, kept {days} days", _plan(draft, days))
    draft.add("protection", "Backup role", _role(draft))
    selection = backup.BackupSelectionResourceType(
        SelectionName="drucloud", IamRoleArn=GetAtt("BackupRole", "Arn"), Resources=_resources(draft)
    )
    chosen = backup.BackupSelection("BackupSelection", BackupPlanId=Ref("BackupPlan"), BackupSelection=selection)
    draft.add("protection", "What is backed up", chosen)


def _plan(draft: Draft, days: int) -> backup.BackupPlan:
    rule = backup.BackupRuleResourceType(
        RuleName="nightly",
        TargetBackupVault=Ref("BackupVault"),
        ScheduleExpression=EVERY_NIGHT,
        StartWindowMinutes=60,
        CompletionWindowMinutes=360,
        Lifecycle=backup.LifecycleResourceType(DeleteAfterDays=days),
    )
    plan = backup.BackupPlanResourceType(BackupPlanName=draft.name(), BackupPlanRule=[rule])
    return backup.BackupPlan("BackupPlan", BackupPlan=plan)


def _role(draft: Draft) -> iam.Role:
    """AWS's own policies for this service: what they name changes with what the service can back up."""
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return iam.Role(
        "BackupRole",
        RoleName=draft.name(draft.lookups.region, "backup"),
        AssumeRolePolicyDocument=policy_document(trust),
        ManagedPolicyArns=[_MANAGED + "Backup", _MANAGED + "Restores"],
    )


def _resources(draft: Draft) -> list[Any]:
    """By name and not by tag: machines are made anew, not restored."""
    found: list[Any] = [Sub("arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:db:${Database}")]
    keepers = ["Search"] if draft.profile.search.kind == "solr" else []
    keepers += list(mounts.PAIR) if mounts.kind(draft) == "glusterfs" else []
    volume = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:volume/"
    found += [Sub(f"{volume}${{{who}Volume}}") for who in keepers]
    return [*found, GetAtt("FileSystem", "Arn")] if mounts.kind(draft) == "efs" else found
