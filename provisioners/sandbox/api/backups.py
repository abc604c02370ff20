"""AWS Backup: selections and changes, which moto lacks, and refusals of what is in use."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.backup import urls
from moto.backup.models import BackupBackend
from moto.backup.responses import BackupResponse
from moto.iam.models import iam_backends

from provisioners.sandbox.api.extend import Refused, around
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World

urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/$"] = BackupResponse.dispatch


def _in_path(response: Any, after: str) -> str:
    """What stands in the call's address after a word (moto takes only the last part for a parameter)."""
    found = re.search(rf"/{after}/([^/]+)", response.path)
    return unquote(found[1]) if found else ""


def _plan(response: Any) -> Any:
    found = response.backup_backend.plans.get(_in_path(response, "plans"))
    if found is None or found.deletion_date is not None:
        raise Refused("ResourceNotFoundException", "Failed reading Backup plan with provided version")
    if not hasattr(found, "drucloud_selections"):
        found.drucloud_selections = {}
    return found


@around(BackupBackend, "create_backup_plan")
def _create(_: World, original: Callable[..., Any], backend: Any, backup_plan: Any, *rest: Any, **more: Any) -> Any:
    """Into a vault that is there; a deleted plan's name is free again."""
    for rule in backup_plan["Rules"]:
        if rule["TargetBackupVaultName"] not in backend.vaults:
            raise Refused("ResourceNotFoundException", f"Backup vault {rule['TargetBackupVaultName']} not found.")
    backend.plans = {name: plan for name, plan in backend.plans.items() if plan.deletion_date is None}
    return original(backup_plan, *rest, **more)


@around(BackupResponse, "update_backup_plan")
def _update(_: World, original: None, response: Any) -> str:
    plan = _plan(response)
    plan.backup_plan = response._get_param("BackupPlan")
    plan.version_id = secrets.token_hex(24)
    return json.dumps(plan.to_dict())


@around(BackupResponse, "delete_backup_plan")
def _delete(_: World, original: Callable[..., Any], response: Any) -> Any:
    if _plan(response).drucloud_selections:
        raise Refused("InvalidRequestException", "Related backup plan selections must be deleted prior to backup plan.")
    return original()


@around(BackupResponse, "delete_backup_vault")
def _delete_vault(_: World, original: Callable[..., Any], response: Any) -> Any:
    name = _in_path(response, "backup-vaults")
    if name not in response.backup_backend.vaults:
        raise Refused("ResourceNotFoundException", f"Backup vault {name} not found.")
    return original()


@around(BackupResponse, "list_recovery_points_by_backup_vault")
def _points(_: World, original: None, response: Any) -> str:
    """Nothing is ever backed up here: no night passes in the sandbox."""
    response.backup_backend.describe_backup_vault(_in_path(response, "backup-vaults"))
    return json.dumps({"RecoveryPoints": []})


@around(BackupResponse, "create_backup_selection")
def _select(_: World, original: None, response: Any) -> str:
    plan, wish = _plan(response), response._get_param("BackupSelection")
    roles = {role.arn for role in iam_backends[ACCOUNT][PARTITION].roles.values()}
    if wish["IamRoleArn"] not in roles:
        raise Refused("InvalidParameterValueException", f"IAM Role {wish['IamRoleArn']} is not authorized.")
    if any(one["SelectionName"] == wish["SelectionName"] for one in plan.drucloud_selections.values()):
        raise Refused("AlreadyExistsException", "Backup selection with the same name already exists.")
    selection = secrets.token_hex(16)
    plan.drucloud_selections[selection] = wish
    return json.dumps({"SelectionId": selection, "BackupPlanId": plan.backup_plan_id})


@around(BackupResponse, "list_backup_selections")
def _selections(_: World, original: None, response: Any) -> str:
    plan = _plan(response)
    rows = [
        {"SelectionId": name, "SelectionName": one["SelectionName"], "BackupPlanId": plan.backup_plan_id}
        for name, one in plan.drucloud_selections.items()
    ]
    return json.dumps({"BackupSelectionsList": rows})


@around(BackupResponse, "delete_backup_selection")
def _deselect(_: World, original: None, response: Any) -> str:
    if _plan(response).drucloud_selections.pop(_in_path(response, "selections"), None) is None:
        raise Refused("ResourceNotFoundException", "Backup selection not found.")
    return "{}"
