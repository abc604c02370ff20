"""The findings as a text file for Prometheus' node exporter (its textfile collector)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from health.nagios import CODES
from health.report import Finding, overall


def write(path: Path, deployment: str, findings: Sequence[Finding], seconds: float) -> None:
    """Replace the file at once (it is renamed into place); raises ``OSError``."""
    registry = CollectorRegistry()
    labels = ["deployment", "check", "subject"]
    status = Gauge("drucloud_check_status", "0 ok, 1 warn, 2 fail, 3 unknown", labels, registry=registry)
    since = Gauge("drucloud_check_since_seconds", "Unix time of the last change of status", labels, registry=registry)
    figure = Gauge("drucloud_check_value", "What was measured, in 'unit'", [*labels, "unit"], registry=registry)
    for item in findings:
        names = (deployment, item.name, item.subject)
        status.labels(*names).set(CODES[item.status])
        if item.since:
            since.labels(*names).set(item.since)
        if item.number is not None:
            figure.labels(*names, item.measure).set(item.number)
    whole = ["deployment"]
    Gauge("drucloud_status", "Worst status: 0 ok, 1 warn, 2 fail, 3 unknown", whole, registry=registry).labels(
        deployment
    ).set(CODES[overall(list(findings))])
    Gauge("drucloud_examined_seconds", "Unix time of the examination", whole, registry=registry).labels(deployment).set(
        time.time()
    )
    Gauge("drucloud_examination_seconds", "How long it took", whole, registry=registry).labels(deployment).set(seconds)
    write_to_textfile(str(path), registry)
