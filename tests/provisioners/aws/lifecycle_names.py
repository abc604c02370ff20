"""Lifecycle cases of Route 53's health checks, and records of several servers under one name."""

from __future__ import annotations

from typing import Any

from .case import Case
from .stack import Stack


def check(stack: Stack, address: str = "198.18.0.9") -> dict[str, Any]:
    asked = {"Type": "HTTP", "IPAddress": address, "Port": "80", "ResourcePath": "/healthz"}
    return {"HealthCheckConfig": {**asked, "RequestInterval": "30", "FailureThreshold": 3}}


def record(zone: str, name: str, number: int, checked: str) -> dict[str, Any]:
    """The record of the web server of that number, as a blueprint has it."""
    return {
        "HostedZoneId": zone,
        "Name": name,
        "Type": "A",
        "TTL": "60",
        "SetIdentifier": "drucloud-trial-web" + (str(number) if number > 1 else ""),
        "MultiValueAnswer": "true",
        "HealthCheckId": checked,
        "ResourceRecords": [f"198.18.0.{number}"],
    }


CASES = [Case("AWS::Route53::HealthCheck", check, ("Ref", "HealthCheckId"), "route53")]
