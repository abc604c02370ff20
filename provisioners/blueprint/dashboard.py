"""One page that shows how the stack is: visitors first, then what serves them, then what keeps their data."""

from __future__ import annotations

import json
from typing import Any

from troposphere import cloudwatch

from provisioners.blueprint import directors, dns_balancing, edge
from provisioners.blueprint.draft import Draft, Sub
from provisioners.blueprint.nodes import WEB_GROUP, scales, web_names

_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3
"""Of one widget, in CloudWatch's grid of 24 columns."""

Metric = list[Any]
"""Namespace, metric, then names and values of its dimensions; ``${…}`` as in ``Fn::Sub``."""


def add(draft: Draft) -> None:
    """Add the dashboard, if the profile wants it."""
    if not draft.profile.monitoring.dashboard:
        return
    graphs = [_graph(title, metrics, statistic) for title, metrics, statistic in _graphs(draft)]
    for index, graph in enumerate(graphs):
        graph |= {"x": index % _COLUMNS * _WIDTH, "y": index // _COLUMNS * _HEIGHT}
    body = json.dumps({"widgets": graphs}, sort_keys=True)
    # dashboards of all regions share one list: the region tells namesakes apart
    dashboard = cloudwatch.Dashboard(
        "Dashboard", DashboardName=draft.name(draft.lookups.region), DashboardBody=Sub(body)
    )
    draft.add("monitoring", "Dashboard", dashboard)


def _graphs(draft: Draft) -> list[tuple[str, list[Metric], str]]:
    """Title, metrics, statistic of each."""
    graphs: list[tuple[str, list[Metric], str]] = []
    if edge.wanted(draft):
        which = ["DistributionId", "${Distribution}", "Region", "Global", {"region": edge.EDGE_REGION}]
        graphs += [
            ("CloudFront requests", [["AWS/CloudFront", "Requests", *which]], "Sum"),
            ("CloudFront errors, %", [["AWS/CloudFront", f"{kind}ErrorRate", *which] for kind in ("4xx", "5xx")],
             "Average"),
        ]  # fmt: skip
    if draft.profile.balancer.kind == "alb":
        which = ["LoadBalancer", "${Balancer.LoadBalancerFullName}"]
        elb = "AWS/ApplicationELB"
        graphs += [
            ("Requests", [[elb, "RequestCount", *which]], "Sum"),
            ("Answer time, s", [[elb, "TargetResponseTime", *which]], "Average"),
            ("Errors", [[elb, f"HTTPCode_{who}_5XX_Count", *which] for who in ("Target", "ELB")], "Sum"),
        ]
    if dns_balancing.wanted(draft):
        seen: list[Metric] = [
            ["AWS/Route53", "HealthCheckStatus", "HealthCheckId", f"${{{one}}}", {"region": edge.EDGE_REGION}]
            for one in dns_balancing.check_titles(draft)
        ]
        graphs.append(("Web servers as Route 53 sees them, 1 is well", seen, "Minimum"))
    pair = directors.PAIR if directors.wanted(draft) else ()
    machines = [*(f"{who}Server" for who in (*web_names(draft), *pair)), "AdminServer"]
    cpu: list[Metric] = [["AWS/EC2", "CPUUtilization", "InstanceId", f"${{{one}}}"] for one in machines]
    if scales(draft):
        cpu.append(["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", f"${{{WEB_GROUP}}}"])
    database = ["DBInstanceIdentifier", "${Database}"]
    rds: list[tuple[str, str, str]] = [
        ("Database CPU, %", "CPUUtilization", "Average"),
        ("Database connections", "DatabaseConnections", "Maximum"),
        ("Database free disk, bytes", "FreeStorageSpace", "Minimum"),
        ("Database queue", "DiskQueueDepth", "Average"),
    ]
    cache = ["CacheClusterId", "${Cache}"]
    return [
        *graphs,
        ("CPU of the machines, %", cpu, "Average"),
        *((title, [["AWS/RDS", metric, *database]], statistic) for title, metric, statistic in rds),
        ("Cache hits and misses", [["AWS/ElastiCache", f"Get{what}", *cache] for what in ("Hits", "Misses")], "Sum"),
        ("Cache evictions", [["AWS/ElastiCache", "Evictions", *cache]], "Sum"),
    ]


def _graph(title: str, metrics: list[Metric], statistic: str) -> dict[str, Any]:
    properties = {
        "title": title,
        "metrics": metrics,
        "stat": statistic,
        "period": 300,
        "region": "${AWS::Region}",
        "view": "timeSeries",
    }
    return {"type": "metric", "width": _WIDTH, "height": _HEIGHT, "properties": properties}
