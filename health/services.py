"""What AWS says about the services of a deployment, and whether the account still holds what the journal says."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from health.report import Finding, Status
from profiles.errors import ReachError
from provisioners.aws.kinds import KINDS
from provisioners.engine.operations import observe_standing
from provisioners.engine.state import DeployState
from provisioners.foreign_text import clean_line
from provisioners.target import Target

BACKUP_HOURS = 26.0
"""RDS backs up daily; with backups on, it can restore to within minutes."""

_HARMLESS = frozenset({"storage-optimization", "backing-up", "configuring-log-exports", "maintenance"})


def identity_of(state: DeployState, type_name: str) -> str:
    """The identity of the deployment's first resource of a type, empty when it has none."""
    return next((step.identity for step in state.steps.values() if step.type == type_name and step.identity), "")


def database(target: Target, identifier: str) -> list[Finding]:
    """RDS: its state, what is pending, and how far back it could be restored."""
    row = _first(target, "rds", "describe_db_instances", "DBInstances", DBInstanceIdentifier=identifier)
    if row is None:
        return [_finding("rds.status", identifier, "fail", "gone", "The database is not there.", _RESUME)]
    return [*_database_status(identifier, row), *_backups(identifier, row)]


def _database_status(name: str, row: Mapping[str, Any]) -> Iterator[Finding]:
    state = clean_line(str(row["DBInstanceStatus"]))
    status: Status = "ok" if state == "available" else "warn" if state in _HARMLESS else "fail"
    why = "RDS says that the database is available." if status == "ok" else f"RDS says that the database is {state}."
    yield _finding("rds.status", name, status, state, why, "" if status == "ok" else "See the RDS console's events.")
    if row.get("PendingModifiedValues"):
        names = ", ".join(sorted(map(str, row["PendingModifiedValues"])))
        yield _finding("rds.pending", name, "warn", names, "Changes wait for the maintenance window.", "")


def _backups(name: str, row: Mapping[str, Any]) -> Iterator[Finding]:
    if not row.get("BackupRetentionPeriod"):
        yield _finding(
            "rds.backup", name, "warn", "off", "Automated backups are off.", "Set database.backup_days in the profile."
        )
        return
    made: datetime | None = row.get("LatestRestorableTime")
    if made is None:
        yield _finding("rds.backup", name, "unknown", "none yet", "RDS has not finished its first backup.", "")
        return
    hours = (datetime.now(UTC) - made).total_seconds() / 3600
    late = hours > BACKUP_HOURS
    yield _finding(
        "rds.backup", name, "fail" if late else "ok", f"{hours * 60:.0f} min old",
        "The newest restorable state is too old." if late else "The database can be restored to this age.",
        "See the RDS console's events for failed backups." if late else "", hours * 3600, "s",
    )  # fmt: skip


def cache(target: Target, identifier: str) -> list[Finding]:
    """ElastiCache: the cluster's state and that of each node."""
    row = _first(
        target, "elasticache", "describe_cache_clusters", "CacheClusters",
        CacheClusterId=identifier, ShowCacheNodeInfo=True,
    )  # fmt: skip
    if row is None:
        return [_finding("elasticache.status", identifier, "fail", "gone", "The cache cluster is not there.", _RESUME)]
    state = clean_line(str(row["CacheClusterStatus"]))
    nodes = [clean_line(str(node["CacheNodeStatus"])) for node in row.get("CacheNodes", ())]
    good = state == "available" and all(node == "available" for node in nodes)
    return [
        _finding(
            "elasticache.status", identifier, "ok" if good else "fail", f"{state}, {len(nodes)} node(s)",
            "ElastiCache says that the cache is available." if good else f"Cluster {state}, nodes {', '.join(nodes)}.",
            "" if good else "See the ElastiCache console's events.",
        )
    ]  # fmt: skip


def instance(target: Target, identifier: str, subject: str) -> list[Finding]:
    """EC2: whether the instance runs and passes Amazon's own status checks."""
    row = _first(
        target, "ec2", "describe_instance_status", "InstanceStatuses",
        Filters=[], InstanceIds=[identifier], IncludeAllInstances=True,
    )  # fmt: skip
    if row is None:
        return [_finding("ec2.status", subject, "fail", "gone", f"{identifier} is not there.", _RESUME)]
    state = row["InstanceState"]["Name"]
    checks = {row[key]["Status"] for key in ("InstanceStatus", "SystemStatus") if key in row}
    bad = state != "running" or "impaired" in checks
    return [
        _finding(
            "ec2.status", subject, "fail" if bad else "ok", f"{state}, {'/'.join(sorted(checks))}",
            f"EC2 says that {identifier} is {state}." if bad else "EC2's own checks pass.",
            "Start it again in the EC2 console, or run 'drucloud replay'." if bad else "",
        )
    ]  # fmt: skip


def drift(target: Target, state: DeployState) -> list[Finding]:
    """What the journal says stands, against what the account says."""
    try:
        seen = observe_standing(state, target, KINDS)
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error
    found = []
    for name, observed in sorted(seen.items()):
        step = state.steps[name]
        subject = f"{name} ({step.identity})"
        if observed.status in ("absent", "failed"):
            what = "is gone" if observed.status == "absent" else f"has failed ({observed.detail})"
            found.append(_finding("drift", subject, "fail", observed.status, f"{step.label} {what}.", _RESUME))
            continue
        differs = sorted(
            key
            for key, value in observed.attributes.items()
            if key in step.attributes and step.attributes[key] != value and key not in _LATER
        )
        if differs:
            why = f"{step.label} was changed outside drucloud: {', '.join(differs)}."
            found.append(_finding("drift", subject, "warn", "changed", why, _REPLAY))
    if not found:
        why = "Everything in the journal is in the account."
        found.append(_finding("drift", "account", "ok", f"{len(seen)} resources", why, "", float(len(seen))))
    return found


_LATER = frozenset({"PublicIp", "PublicDnsName", "FirstInstanceId", "FirstPrivateIp"})
"""What an instance gets after its creation was journalled, with its Elastic IP (whose association is looked at); and
which server of a group is its oldest, which is the group's own business."""

_RESUME = "Run 'drucloud replay' with the deployment's profile: it makes again what has vanished."
_REPLAY = "Run 'drucloud plan' with the deployment's profile to see what it would put back."


def _first(target: Target, service: str, method: str, key: str, **arguments: Any) -> Mapping[str, Any] | None:
    """The first row of a Describe call; ``None`` when AWS does not know it."""
    try:
        rows = getattr(target.aws.client(service), method)(**{k: v for k, v in arguments.items() if v != []})[key]
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return None
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
    return rows[0] if rows else None


def unreachable(error: Exception) -> ReachError:
    """What botocore raised, for people."""
    return ReachError(
        f"AWS does not answer as it should ({clean_line(str(error))}).",
        "Check your credentials and the network, or whether the sandbox runs.",
    )


def _finding(
    name: str, subject: str, status: Status, value: str, why: str, remedy: str,
    number: float | None = None, measure: str = "",
) -> Finding:  # fmt: skip
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number, measure)
