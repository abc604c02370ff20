"""How old the newest copy is from which the site could be brought back: AWS Backup's vault and the file bucket.

The database's own backups are :func:`health.services.database`'s; these reach further back and cover the volumes too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from health.report import Finding, Status
from health.services import BACKUP_HOURS, unreachable
from profiles.errors import ReachError
from provisioners.foreign_text import clean_line
from provisioners.target import Target

_CONSOLE = "See the failed jobs in the AWS Backup console."


def vault(target: Target, name: str) -> list[Finding]:
    """The vault's newest recovery point; the plan makes one of everything each night."""
    client = target.aws.client("backup")
    try:
        made: datetime = client.describe_backup_vault(BackupVaultName=name)["CreationDate"]
        rows, token = list[Mapping[str, Any]](), ""
        while True:
            more = {"NextToken": token} if token else {}
            page = client.list_recovery_points_by_backup_vault(BackupVaultName=name, **more)
            rows += page["RecoveryPoints"]
            token = page.get("NextToken") or ""
            if not token:
                return [judged(name, made, rows, datetime.now(UTC))]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return [_made("backup.newest", name, "fail", "gone", "The backup vault is not there.", _CONSOLE)]
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error


def judged(name: str, made: datetime, points: Iterable[Mapping[str, Any]], now: datetime) -> Finding:
    """The oldest of what each resource's newest copy is: one that is not backed up any more must show."""
    newest: dict[str, datetime] = {}
    for point in points:
        if point.get("Status") == "COMPLETED":
            what = clean_line(str(point["ResourceArn"]))
            newest[what] = max(point["CreationDate"], newest.get(what, point["CreationDate"]))
    if not newest:
        hours = (now - made).total_seconds() / 3600
        if hours <= BACKUP_HOURS:
            return _made("backup.newest", name, "unknown", "none yet", "The first night of the backup plan is to come.")
        return _made("backup.newest", name, "fail", "none", "Nothing has ever been backed up to the vault.", _CONSOLE)
    what, when = min(newest.items(), key=lambda item: item[1])
    age = (now - when).total_seconds()
    late = age > BACKUP_HOURS * 3600
    why = f"The newest backup of {what} is too old." if late else f"{len(newest)} resource(s) can be restored."
    status: Status = "fail" if late else "ok"
    return _made("backup.newest", name, status, f"{age / 3600:.0f} h old", why, _CONSOLE if late else "", age, "s")


def bucket(target: Target, name: str) -> list[Finding]:
    """Whether a file that is deleted or overwritten could be brought back."""
    client = target.aws.client("s3")
    try:
        state = client.get_bucket_versioning(Bucket=name).get("Status", "off")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchBucket", "404"):
            return [_made("bucket.versions", name, "fail", "gone", "The file bucket is not there.")]
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
    if state == "Enabled":
        days = _kept_days(client, name)
        value = f"kept {days} days" if days else "kept"
        return [_made("bucket.versions", name, "ok", value, "A deleted or changed file can be brought back.")]
    why = "A file that is deleted or overwritten is gone: the bucket keeps no old versions."
    return [_made("bucket.versions", name, "fail", clean_line(str(state)).lower(), why, "Run 'drucloud replay'.")]


def _kept_days(client: Any, name: str) -> int:
    """How long old versions stay; 0 when no rule says."""
    try:
        rules = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return 0
        raise ReachError(f"S3 does not tell the bucket's rules ({clean_line(str(error))}).", "Try again.") from error
    days = [rule["NoncurrentVersionExpiration"].get("NoncurrentDays", 0) for rule in rules
            if rule.get("Status") == "Enabled" and "NoncurrentVersionExpiration" in rule]  # fmt: skip
    return min(days, default=0)


def _made(
    name: str, subject: str, status: Status, value: str, why: str, remedy: str = "",
    number: float | None = None, measure: str = "",
) -> Finding:  # fmt: skip
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number, measure)
