"""Route 53's health checks: who is asked, and by what an unanswered create is found again.

Creating takes no tags, so it is the caller reference (this intent's token) that says whose a check is; tags follow. A
reference is used up for days even after its check was deleted (API reference, ``CreateHealthCheck``): tokens differ
with every incarnation of a deployment and every run, so none ever comes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioners.aws import tagging
from provisioners.aws.permissions import Need, on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "route53"
HEALTH_CHECKS = ("arn:{partition}:route53:::healthcheck/*",)
"""Ids are made up by Route 53, and it knows no condition on a check's tags."""

_FIXED = frozenset({"MeasureLatency", "RequestInterval", "Type"})
"""What ``UpdateHealthCheck`` does not take."""


class HealthCheck(Kind):
    """``AWS::Route53::HealthCheck``; identity its id."""

    type = "AWS::Route53::HealthCheck"
    mutable = frozenset({"HealthCheckConfig"})
    needs = (
        Need("route53:CreateHealthCheck", "deploy"),
        *on(HEALTH_CHECKS, "deploy", "route53:ChangeTagsForResource"),
        Need("route53:ListHealthChecks", "read"),
        *on(HEALTH_CHECKS, "change", "route53:UpdateHealthCheck"),
        *on(HEALTH_CHECKS, "destroy", "route53:DeleteHealthCheck"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it under this intent's token; the same again gives the same check."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(client, "CreateHealthCheck", wanted.properties, without=frozenset({"HealthCheckTags"}))
        made = client.create_health_check(CallerReference=wanted.token, **values)
        return str(made["HealthCheck"]["Id"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Say whose it is: the name in Route 53's console is a tag too."""
        tags = tagging.as_list(wanted)
        aws.client(_SERVICE).change_tags_for_resource(ResourceType="healthcheck", ResourceId=identity, AddTags=tags)

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By the reference."""
        return next((str(row["Id"]) for row in _rows(aws) if row["CallerReference"] == wanted.token), None)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing for all."""
        there = {str(row["Id"]) for row in _rows(aws)}
        seen = {one: Observed("ready", {"Ref": one, "HealthCheckId": one}) for one in there}
        return {one: seen.get(one, ABSENT) for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Whom it asks and for what; its kind and interval cannot be changed, and the blueprint knows only one."""
        client, config = aws.client(_SERVICE), wanted.properties["HealthCheckConfig"]
        values = arguments(client, "UpdateHealthCheck", config, without=_FIXED)
        client.update_health_check(HealthCheckId=identity, **values)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Route 53 lets go of one that records still name; the graph takes those down before."""
        aws.client(_SERVICE).delete_health_check(HealthCheckId=identity)


def _rows(aws: Aws) -> Iterator[dict[str, Any]]:
    for page in aws.client(_SERVICE).get_paginator("list_health_checks").paginate():
        yield from page["HealthChecks"]
