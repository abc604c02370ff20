"""What CloudWatch measured in the last minutes, judged: database, cache, load balancer, CDN and mail.

One GetMetricData call a region. What nobody measured is left out in the sandbox, where nothing is measured at all, and
``unknown`` on AWS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from health.report import Finding, Status
from health.services import unreachable
from provisioners.engine.state import DeployState, StepState
from provisioners.target import Target

MINUTES = 15
"""How far back is looked: some metrics come every five minutes, and late."""
PERIOD = 300
EDGE_REGION = "us-east-1"
"""Where CloudFront's metrics are, and their dimension ``Region`` is ``Global``."""

GIB, MIB = 1024**3, 1024**2


@dataclass(frozen=True)
class Metric:
    """One figure and when it is no longer well.

    :param warn: from here on it is a warning; ``fail`` likewise; ``None`` never. ``below`` turns both around.
    :param scale: what the raw figure is multiplied by to get ``unit``.
    """

    check: str
    namespace: str
    name: str
    statistic: str
    why: str
    remedy: str
    warn: float | None = None
    fail: float | None = None
    below: bool = False
    scale: float = 1.0
    unit: str = ""

    def judge(self, figure: float) -> Status:
        """The status of a figure."""
        for status, limit in (("fail", self.fail), ("warn", self.warn)):
            if limit is not None and (figure < limit if self.below else figure >= limit):
                return "fail" if status == "fail" else "warn"
        return "ok"


_CLASS = "Choose a larger class for it in the profile."
METRICS: Mapping[str, tuple[Metric, ...]] = {
    "AWS::RDS::DBInstance": (
        Metric("rds.cpu", "AWS/RDS", "CPUUtilization", "Average", "The database's processors.", _CLASS, 80, 95,
               unit="%"),
        Metric("rds.memory", "AWS/RDS", "FreeableMemory", "Average", "Memory the database has left.", _CLASS, 100, 50,
               below=True, scale=1 / MIB, unit="MiB"),
        Metric("rds.disk", "AWS/RDS", "FreeStorageSpace", "Average", "Disk the database has left.",
               "Raise database.storage_gib.", 4, 1, below=True, scale=1 / GIB, unit="GiB"),
        Metric("rds.connections", "AWS/RDS", "DatabaseConnections", "Maximum", "Open connections.", _CLASS),
        Metric("rds.queue", "AWS/RDS", "DiskQueueDepth", "Average", "Reads and writes that wait for the disk.",
               "Choose a faster volume.", 10, 50),
    ),
    "AWS::ElastiCache::CacheCluster": (
        Metric("elasticache.cpu", "AWS/ElastiCache", "CPUUtilization", "Average", "The cache's processors.", _CLASS,
               80, 95, unit="%"),
        Metric("elasticache.evictions", "AWS/ElastiCache", "Evictions", "Sum",
               "What memcached threw away for want of memory.", _CLASS, 1),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        Metric("alb.errors", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum",
               "Errors that the load balancer made itself: no web server answered.",
               "See whether the web servers are healthy.", 1, 25),
        Metric("alb.site-errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum",
               "Errors that the web servers answered with.", "Read the site's log on the web servers.", 1, 25),
        Metric("alb.time", "AWS/ApplicationELB", "TargetResponseTime", "Average", "How long web servers take.",
               "Look at the caches' findings.", 1000, 3000, scale=1000, unit="ms"),
    ),
    "AWS::CloudFront::Distribution": (
        Metric("edge.errors", "AWS/CloudFront", "5xxErrorRate", "Average", "Share of requests that ended in an error.",
               "See whether the load balancer answers.", 1, 5, unit="%"),
        Metric("edge.hit-rate", "AWS/CloudFront", "CacheHitRate", "Average",
               "Share of requests that CloudFront answered itself.", "See site.page-cache.", 50, below=True, unit="%"),
    ),
    "mail": (
        Metric("mail.bounces", "AWS/SES", "Reputation.BounceRate", "Average", "Share of mails that came back.",
               "Take dead addresses off the lists: SES stops accounts at 10 %.", 5, 10, scale=100, unit="%"),
        Metric("mail.complaints", "AWS/SES", "Reputation.ComplaintRate", "Average", "Share of mails called spam.",
               "Send only to those who asked for it: SES stops accounts at 0.5 %.", 0.1, 0.5, scale=100, unit="%"),
    ),
}  # fmt: skip
"""Sources: "Monitoring metrics in an Amazon RDS instance", "Metrics for Memcached", "CloudWatch metrics for your
Application Load Balancer", "Types of metrics for CloudFront", "Monitoring using CloudWatch" (SES)."""

_DIMENSIONS: Mapping[str, Callable[[StepState], dict[str, str]]] = {
    "AWS::RDS::DBInstance": lambda step: {"DBInstanceIdentifier": step.identity},
    "AWS::ElastiCache::CacheCluster": lambda step: {"CacheClusterId": step.identity},
    # arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/ID: the dimension is what follows the first /
    "AWS::ElasticLoadBalancingV2::LoadBalancer": lambda step: {"LoadBalancer": step.identity.partition("/")[2]},
    "AWS::CloudFront::Distribution": lambda step: {"DistributionId": step.identity, "Region": "Global"},
}


@dataclass(frozen=True)
class Asked:
    """One metric of one thing."""

    metric: Metric
    subject: str
    dimensions: Mapping[str, str]


def wanted(state: DeployState, mail: bool) -> list[Asked]:
    """The metrics of what stands."""
    steps = [step for step in state.standing().values() if step.identity and step.type in _DIMENSIONS]
    asked = [
        Asked(metric, step.identity.rpartition("/")[2], _DIMENSIONS[step.type](step))
        for step in steps
        for metric in METRICS[step.type]
    ]
    return asked + ([Asked(metric, "mail", {}) for metric in METRICS["mail"]] if mail else [])


def look(target: Target, asked: Sequence[Asked]) -> list[Finding]:
    """The newest figure of each; raises ``ReachError``."""
    regions: dict[str, list[Asked]] = {}
    for one in asked:
        regions.setdefault(EDGE_REGION if one.metric.namespace == "AWS/CloudFront" else target.region, []).append(one)
    return [item for region, here in regions.items() for item in _of_region(target, region, here)]


def _of_region(target: Target, region: str, asked: Sequence[Asked]) -> list[Finding]:
    queries = [_query(index, one) for index, one in enumerate(asked)]
    end = datetime.now(UTC)
    try:
        answer = target.aws.client("cloudwatch", region=region).get_metric_data(
            MetricDataQueries=queries, StartTime=end - timedelta(minutes=MINUTES), EndTime=end
        )
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error
    newest = {row["Id"]: _newest(row) for row in answer["MetricDataResults"]}
    findings = []
    for index, one in enumerate(asked):
        figure = newest.get(f"m{index}")
        if figure is not None:
            findings.append(_finding(one, figure * one.metric.scale))
        elif target.name == "aws":
            findings.append(_nobody_measured(one))
    return findings


def _query(index: int, one: Asked) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in one.dimensions.items()]
    metric = {"Namespace": one.metric.namespace, "MetricName": one.metric.name, "Dimensions": dimensions}
    return {"Id": f"m{index}", "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": one.metric.statistic}}


def _newest(row: Mapping[str, Any]) -> float | None:
    pairs = sorted(zip(row["Timestamps"], row["Values"], strict=True), key=lambda pair: pair[0])
    return float(pairs[-1][1]) if pairs else None


def _finding(one: Asked, figure: float) -> Finding:
    metric, status = one.metric, one.metric.judge(figure)
    value = f"{figure:,.1f}".rstrip("0").rstrip(".")
    remedy = "" if status == "ok" else metric.remedy
    measure = metric.unit if metric.unit in ("%", "ms") else ""
    return Finding(
        metric.check, one.subject, status, value, metric.unit, metric.why, remedy, time.time(), figure, measure
    )


def _nobody_measured(one: Asked) -> Finding:
    """No errors are no figure either: sums that nobody published are zero."""
    if one.metric.statistic == "Sum":
        return _finding(one, 0.0)
    why = f"CloudWatch has no {one.metric.name} of the last {MINUTES} minutes."
    return Finding(one.metric.check, one.subject, "unknown", "no figure", why=why, at=time.time())
