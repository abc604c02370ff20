"""Alarms that matter, each for something a person would have to act on, and logs that end.

RDS writes its logs into log groups named after the instance; made here before it, they carry tags and a retention and
go with the deployment, instead of being made by RDS, kept for ever and forgotten.
"""

from __future__ import annotations

from typing import Any

from troposphere import cloudwatch, logs

from provisioners.blueprint import directors
from provisioners.blueprint.draft import Draft, GetAtt, Ref
from provisioners.blueprint.nodes import web_names

LOG_DAYS = 30
FIVE_MINUTES = 300
GIB = 1024**3

FEW_CREDITS = 20
"""A t class is slowed down at none; twenty last for twenty minutes of one whole vCPU."""

MANY_EVICTIONS = 1000
"""In five minutes; a few are the cache at work."""

DATABASE_LOGS = ("error", "slowquery")
"""What the database exports to CloudWatch (``EnableCloudwatchLogsExports``)."""


def wanted(draft: Draft) -> bool:
    """Whether the profile wants to be told."""
    return draft.profile.monitoring.alarms


def database_links(draft: Draft) -> list[str]:
    """Log groups that must stand before RDS would make them itself."""
    return [_log_title(what) for what in DATABASE_LOGS] if wanted(draft) else []


def add(draft: Draft) -> None:
    """Add log groups and alarms, if the profile wants them."""
    if not wanted(draft):
        return
    for what in DATABASE_LOGS:
        group = logs.LogGroup(
            _log_title(what),
            LogGroupName=f"/aws/rds/instance/{draft.name()}/{what}",
            RetentionInDays=LOG_DAYS,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
        draft.add("monitoring", f"Database {what} log", group)
    _database_alarms(draft)
    for who in [*web_names(draft), *(directors.PAIR if directors.wanted(draft) else ())]:
        _alarm(
            draft, f"{who}Failing", f"{who} server fails its checks", "AWS/EC2", "StatusCheckFailed",
            {"InstanceId": Ref(f"{who}Server")}, 1, periods=2, statistic="Maximum",
        )  # fmt: skip
    if draft.profile.balancer.kind == "alb":
        _balancer_alarms(draft)


def _log_title(what: str) -> str:
    return f"Database{what.capitalize()}Log"


def _database_alarms(draft: Draft) -> None:
    which = {"DBInstanceIdentifier": Ref("Database")}
    tenth = draft.profile.database.storage_gib * GIB // 10
    _alarm(draft, "DatabaseBusy", "Database CPU above 80 %", "AWS/RDS", "CPUUtilization", which, 80, periods=3)
    _alarm(
        draft, "DatabaseFull", "Database disk nine tenths full", "AWS/RDS", "FreeStorageSpace", which, tenth,
        periods=1, below=True,
    )  # fmt: skip
    if draft.profile.database.instance_class.startswith("db.t"):
        _alarm(
            draft, "DatabaseTired", "Database CPU credits nearly used up", "AWS/RDS", "CPUCreditBalance", which,
            FEW_CREDITS, periods=2, below=True,
        )  # fmt: skip
    _alarm(
        draft, "CacheTooSmall", "Memcached throws out what is still used", "AWS/ElastiCache", "Evictions",
        {"CacheClusterId": Ref("Cache")}, MANY_EVICTIONS, periods=3, statistic="Sum",
    )  # fmt: skip


def _balancer_alarms(draft: Draft) -> None:
    balancer = {"LoadBalancer": GetAtt("Balancer", "LoadBalancerFullName")}
    both = {**balancer, "TargetGroup": GetAtt("WebTargets", "TargetGroupFullName")}
    namespace = "AWS/ApplicationELB"
    _alarm(
        draft, "WebUnhealthy", "A web server is out", namespace, "UnHealthyHostCount", both, 1,
        periods=2, statistic="Maximum",
    )  # fmt: skip
    _alarm(
        draft, "SiteErrors", "Web servers answer with errors", namespace, "HTTPCode_Target_5XX_Count", both, 25,
        periods=2, statistic="Sum",
    )  # fmt: skip
    _alarm(draft, "SiteSlow", "Answers take over 3 s", namespace, "TargetResponseTime", both, 3, periods=3)


def _alarm(
    draft: Draft,
    title: str,
    label: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, Any],
    threshold: int,
    *,
    periods: int,
    statistic: str = "Average",
    below: bool = False,
) -> None:
    """One alarm over ``periods`` times five minutes; where nothing is measured nothing is wrong."""
    alarm = cloudwatch.Alarm(
        title,
        AlarmName=draft.name(title),
        AlarmDescription=f"{label} ({draft.profile.name}, drucloud)",
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
        Statistic=statistic,
        Period=FIVE_MINUTES,
        EvaluationPeriods=periods,
        Threshold=threshold,
        ComparisonOperator="LessThanThreshold" if below else "GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[Ref("AlarmTopic")],
        OKActions=[Ref("AlarmTopic")],
    )
    draft.add("monitoring", f"Alarm: {label}", alarm)
