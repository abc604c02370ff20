"""The smallest IAM policy with which a profile can be deployed, replayed, changed and destroyed.

It is the sum of what the resource kinds of the profile's blueprint declare (:mod:`provisioners.aws.permissions`) and of
what drucloud itself looks at before and beside them. Nothing in it is a wildcard for an action.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provisioners.aws import images
from provisioners.aws.health_checks import HEALTH_CHECKS, HealthCheck
from provisioners.aws.kinds import KINDS
from provisioners.aws.permissions import IN_REGION, Need, Phase, anywhere, ec2, ec2_uses, on, tagged
from provisioners.aws.s3 import BUCKETS
from provisioners.blueprint.build import whole
from provisioners.blueprint.graph import Blueprint

EVERY_PHASE: frozenset[Phase] = frozenset({"deploy", "read", "find", "change", "destroy"})

MANAGED_POLICY_LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM and STS quotas)."""

_WHO = ("role", "user")

LOOKING = (
    *anywhere(
        "ec2:DescribeAddresses",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeVpcs",
        "elasticache:DescribeCacheEngineVersions",
        "elasticache:DescribeEngineDefaultParameters",
        "rds:DescribeDBEngineVersions",
        "rds:DescribeEngineDefaultParameters",
        "rds:DescribeOrderableDBInstanceOptions",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways",
        "ec2:DescribeRegions",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcPeeringConnections",
        "elasticache:DescribeCacheClusters",
        "rds:DescribeDBInstances",
        "servicequotas:GetAWSDefaultServiceQuota",
        "servicequotas:GetServiceQuota",
    ),
    Need("iam:SimulatePrincipalPolicy", "read", tuple(f"arn:{{partition}}:iam::{{account}}:{who}/*" for who in _WHO)),
    Need("ssm:GetParameters", "read", ("arn:{partition}:ssm:{region}::parameter/aws/service/debian/*",), IN_REGION),
)
"""Before the plan: what the account offers, what is in use (lookups and preflight)."""

LOOKING_FOR: Mapping[str, tuple[Need, ...]] = {
    "AWS::CloudFront::Distribution": anywhere("ec2:DescribeManagedPrefixLists"),
    "AWS::Route53::RecordSet": (
        Need("route53:GetHostedZone", "read", ("arn:{partition}:route53:::hostedzone/{zone}",)),
        Need("route53:ListHostedZones", "read"),
    ),
    "AWS::S3::Bucket": on(BUCKETS, "read", "s3:ListBucket"),
}
"""The same, only where the blueprint has something of the type."""

OF_STEPS: Mapping[str, tuple[Need, ...]] = {"Drucloud::Image": images.NEEDS}
"""Steps of ours that make something of AWS's themselves."""

ENTERING = (
    *tagged((ec2("instance"),), "deploy", "ec2:GetConsoleOutput"),
    ec2_uses("ec2:AuthorizeSecurityGroupIngress", "security-group", phase="deploy"),
    Need("ec2:AuthorizeSecurityGroupIngress", "deploy", (ec2("security-group-rule"),)),
    Need(
        "ec2:CreateTags",
        "deploy",
        (ec2("security-group-rule"),),
        {"StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"}},
        beside="ec2:AuthorizeSecurityGroupIngress",
    ),
    ec2_uses("ec2:RevokeSecurityGroupIngress", "security-group", phase="deploy"),
    *anywhere("ec2:DescribeSecurityGroupRules"),
)
"""The way to the machines: their host keys, and port 22 of the admin node for as long as a command needs it."""

ASKING = on(
    ("arn:{partition}:iam::{account}:user/*", "arn:{partition}:iam::{account}:role/*"), "read",
    "iam:SimulatePrincipalPolicy",
)  # fmt: skip
"""The preflight asks IAM whether all the rest is allowed; without it, it says that it does not know."""

HEALTH = anywhere("ec2:DescribeInstanceStatus", "elasticache:DescribeCacheClusters", "rds:DescribeDBInstances")
"""What the health checks ask AWS."""

HEALTH_FOR: Mapping[str, tuple[Need, ...]] = {
    HealthCheck.type: on(HEALTH_CHECKS, "read", "route53:GetHealthCheckStatus"),
}
"""The same, only where the blueprint has something of the type."""


@dataclass(frozen=True)
class Place:
    """What fills the ARNs. ``*`` where it is not known.

    :param name: the deployment's.
    :param zone: id of the hosted zone of its domain.
    """

    name: str
    region: str
    account: str = "*"
    zone: str = "*"
    partition: str = "aws"


def needs(blueprint: Blueprint, phases: frozenset[Phase] = EVERY_PHASE) -> Iterator[Need]:
    """What the deployer of ``blueprint`` needs in these phases; the same need may come several times.

    CloudFormation acts with the rights of whoever executes a change set: what stands in its stacks is counted too.
    """
    types = set()
    for resource in {**whole(blueprint).resources, **blueprint.resources}.values():
        if not resource.is_step:
            types.add(resource.type)
        for need in OF_STEPS.get(resource.type, ()) if resource.is_step else of_kind(resource.type):
            if need.phase in phases and _given(need.given, resource.properties):
                yield need
    yield from LOOKING
    for type_name, more in LOOKING_FOR.items():
        if type_name in types:
            yield from more


def _given(what: str, properties: Mapping[str, Any]) -> bool:
    """Whether the blueprint gives the property (``Name``), or sets it (``Name=true``)."""
    name, _, value = what.partition("=")
    if not name or not value:
        return not name or name in properties
    return str(properties.get(name)).lower() == value


def of_kind(type_name: str) -> tuple[Need, ...]:
    """What the kind of that type declares."""
    declared: tuple[Need, ...] = getattr(KINDS[type_name], "needs", ())
    return declared


def document(blueprint: Blueprint, place: Place) -> dict[str, Any]:
    """The policy document: one statement for all actions with the same resources and conditions."""
    types = {one.type for one in whole(blueprint).resources.values()}
    health = (need for name, more in HEALTH_FOR.items() if name in types for need in more)
    wanted = [*needs(blueprint), *ENTERING, *ASKING, *HEALTH, *health]
    return {"Version": "2012-10-17", "Statement": list(statements(wanted, place))}


def statements(wanted: Iterable[Need], place: Place) -> Iterator[dict[str, Any]]:
    """Needs as statements, sorted, the same text each time."""
    by_scope: dict[tuple[str, str], set[str]] = {}
    for need in wanted:
        scope = (
            _filled(json.dumps(sorted(need.on)), place),
            _filled(json.dumps(need.condition, sort_keys=True), place),
        )
        by_scope.setdefault(scope, set()).add(need.action)
    for number, ((arns, condition), actions) in enumerate(sorted(by_scope.items(), key=lambda item: sorted(item[1]))):
        resources = json.loads(arns)
        made: dict[str, Any] = {"Sid": f"Drucloud{number + 1}", "Effect": "Allow", "Action": sorted(actions)}
        made["Resource"] = resources[0] if len(resources) == 1 else resources
        if condition != "{}":
            made["Condition"] = json.loads(condition)
        yield made


def _filled(text: str, place: Place) -> str:
    for name in ("partition", "region", "account", "name", "zone"):
        text = text.replace("{" + name + "}", getattr(place, name))
    return text


@dataclass(frozen=True)
class Question:
    """What IAM's simulator is to be asked in one call: actions on a thing, under the conditions of a real call.

    :param arn: an example of the resource; ``*`` where the actions have none.
    :param context: condition keys with their values, as ``ContextEntries`` wants them.
    """

    actions: tuple[str, ...]
    arn: str
    context: tuple[tuple[str, tuple[str, ...]], ...]

    def arguments(self) -> dict[str, Any]:
        """As arguments of ``SimulatePrincipalPolicy``, without whom it is about."""
        entries = [
            {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": "string"}
            for key, values in self.context
        ]
        return {"ActionNames": list(self.actions), "ResourceArns": [self.arn], "ContextEntries": entries}


def questions(blueprint: Blueprint, place: Place) -> list[Question]:
    """What to ask the simulator, so that a policy as small as this one passes: by resource and condition.

    Asked about ``*``, the simulator would refuse everything that is allowed for named or tagged things only.
    """
    asked = []
    for statement in statements(needs(blueprint), place):
        arns = statement["Resource"]
        example = (arns if isinstance(arns, str) else arns[0]).replace("*", "example") if arns != "*" else "*"
        entries = {("aws:RequestedRegion", (place.region,))}
        for key, value in statement.get("Condition", {}).get("StringEquals", {}).items():
            entries.add((key, (value,) if isinstance(value, str) else tuple(value)))
        asked.append(Question(tuple(statement["Action"]), example, tuple(sorted(entries))))
    return asked


def parts(policy: Mapping[str, Any], limit: int = MANAGED_POLICY_LIMIT) -> list[dict[str, Any]]:
    """``policy`` cut into as many documents as IAM's size limit needs, statement by statement."""
    made: list[dict[str, Any]] = []
    for statement in policy["Statement"]:
        if not made or size({**made[-1], "Statement": [*made[-1]["Statement"], statement]}) > limit:
            made.append({"Version": policy["Version"], "Statement": []})
        made[-1]["Statement"].append(statement)
    return made


def size(policy: Mapping[str, Any]) -> int:
    """Its characters as IAM counts them."""
    return len("".join(json.dumps(policy, separators=(",", ":")).split()))
