"""The deployer's policy: every action, resource and condition of it against the Service Authorization Reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from profiles import store
from profiles.model import Profile
from provisioners.aws import policy
from provisioners.aws.kinds import KINDS
from provisioners.aws.permissions import Need
from provisioners.blueprint.build import build
from tests.provisioners.blueprint.lookups import AWS

PLACE = policy.Place("trial", "eu-central-1", "123456789012", "Z0123456789")

FULL = {"site.domain": "www.example.com", "names.dns": "route53"}
"""What turns the drucloud preset into one that has every kind of name."""

_KEYS_AND_ENGINES = {
    "iam:PassRole",  # enhanced monitoring, directories
    "kms:CreateGrant",  # a key of the customer's: RDS's own grants itself
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "rds:CreateTenantDatabase",  # Oracle
}

_GUARDED = {
    name
    for call in ("AssociateWebACL", "DisassociateWebACL", "GetWebACLForResource")
    for row in get_action_data("wafv2", call)["wafv2"]
    for name in row["dependent_actions"]
    if name != "elasticloadbalancing:SetWebAcl"
}
"""What else than a load balancer WAF can stand before, and the new names of what it asks of one."""

_TAGS = {"kms:DescribeKey", "rds:AddTagsToResource", "secretsmanager:TagResource"}

NOT_ASKED = {
    "cloudformation:DescribeStacks": {"cloudformation:ListStacks"},  # without a name
    "cloudwatch:PutMetricAlarm": {"iam:CreateServiceLinkedRole"},  # only for alarms that act on EC2
    "ec2:CreateVpcEndpoint": {"route53:AssociateVPCWithHostedZone"},  # interface endpoints with private names
    "ec2:RunInstances": {"ssm:GetParameters"},  # an image named by a parameter: ours is looked up before
    "elasticache:CreateCacheCluster": {"s3:GetObject"},  # from a snapshot; its own role does the rest
    "rds:CreateDBInstance": _KEYS_AND_ENGINES,
    # the master password is RDS's from the start, and tags are not changed
    "rds:ModifyDBInstance": {*_KEYS_AND_ENGINES, "secretsmanager:RotateSecret", *_TAGS},
    "servicequotas:GetServiceQuota": {  # quotas whose value the service asks elsewhere; EC2's and VPC's it knows
        name
        for row in get_action_data("servicequotas", "GetServiceQuota")["servicequotas"]
        for name in row["dependent_actions"]
    },
    "cloudfront:CreateDistribution": {"cloudfront:CreateConnectionGroup"},  # multi-tenant distributions
    "rds:DeleteDBInstance": {"rds:AddTagsToResource", "rds:DeleteTenantDatabase"},  # Oracle again
    "sns:CreateTopic": {"iam:PassRole"},  # delivery logs
    "sns:SetTopicAttributes": {"iam:PassRole"},
    "backup:CreateBackupPlan": {"iam:PassRole"},  # scans for malware
    "backup:UpdateBackupPlan": {"iam:PassRole"},
    "budgets:ModifyBudget": {"iam:CreateServiceLinkedRole"},  # budgets of another account's billing view
    "budgets:ViewBudget": {"billing:GetBillingViewData"},
    **{f"wafv2:{call}": _GUARDED for call in ("AssociateWebACL", "DisassociateWebACL", "GetWebACLForResource")},
}
"""What the reference names beside a call, for uses of it that a deployment does not make."""

BY_SERVICE = re.compile("ec2:(Describe|CreateNetworkInterface|DeleteNetworkInterface)")
"""What a managed service does in the customer's VPC, it does by its service-linked role."""


OF_OTHERS = {
    "backup:DeleteRecoveryPoint",  # its ARN is of the service whose data it holds
    "cloudwatch:TagResource",  # the reference knows no ARN of a dashboard for it
}
"""Calls whose resources have no ARN of a form that could be written down."""

WITHOUT_REGION = {
    "acm:ListCertificates",
    "cloudfront:CreateCachePolicy",
    "cloudfront:CreateDistribution",
    "cloudfront:CreateOriginAccessControl",
    "cloudfront:CreateResponseHeadersPolicy",
    "cloudfront:ListCachePolicies",
    "cloudfront:ListDistributions",
    "cloudfront:ListOriginAccessControls",
    "cloudfront:ListResponseHeadersPolicies",
    "route53:CreateHealthCheck",
    "route53:ListHealthChecks",
    "route53:ListHostedZones",
    "wafv2:ListWebACLs",
}
"""Calls of global services, and of ACM, which CloudFront wants in us-east-1: no condition on the region fits."""


def everything() -> Iterator[tuple[str, Need]]:
    for name, kind in KINDS.items():
        yield from ((name, need) for need in kind.needs)  # type: ignore[attr-defined]
    for title, more in (("looking", policy.LOOKING), ("entering", policy.ENTERING), ("health", policy.HEALTH)):
        yield from ((title, need) for need in more)
    yield from (("health", need) for more in policy.HEALTH_FOR.values() for need in more)


def reference(action: str) -> list[dict[str, Any]]:
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    assert found, f"there is no action {action}"
    return list(found[service])


def kind_of(arn: str) -> tuple[str, str]:
    """Service and kind of thing of an ARN, without its name: ``("ec2", "subnet")``, ``("s3", "/")`` for an object."""
    if arn == "*":
        return "*", "*"
    service, rest = arn.split(":")[2], arn.split(":", 5)[5]
    if service in ("s3", "sns"):  # these write no kind before the name
        return service, "/" if "/" in rest else ""
    words = re.split("[/:]", rest)
    return service, "/".join(word for word in words[:2] if not re.search("[${*]", word))


def is_of(mine: tuple[str, str], known: tuple[str, str]) -> bool:
    """Whether an ARN of ours may be of a known form: names of ours may begin with a literal word."""
    return mine == known or (mine[0] == known[0] and bool(known[1]) and mine[1].startswith(f"{known[1]}/"))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_declares_what_it_needs(name: str) -> None:
    phases = {need.phase for need in policy.of_kind(name)}
    assert {"deploy", "read", "destroy"} <= phases
    assert ("change" in phases) == bool(KINDS[name].mutable)


def test_actions_resources_and_conditions_are_as_the_reference_knows_them() -> None:
    wrong = []
    for title, need in everything():
        rows = reference(need.action)
        for arn in () if need.on == ("*",) else need.on:
            fitting = [row for row in rows if is_of(kind_of(arn), kind_of(row["resource_arn_format"]))]
            if not fitting:
                wrong.append(f"{title}: {need.action} is not scoped to {arn}")
            known = {re.sub(r"/.*", "", key) for row in fitting for key in row["condition_keys"]}
            asked = {re.sub(r"/.*", "", key) for block in need.condition.values() for key in block}
            if foreign := asked - known - {"aws:RequestedRegion"}:
                wrong.append(f"{title}: {need.action} on {arn} knows no {foreign}")
    assert wrong == []


def test_what_changes_something_is_scoped_to_resources_where_aws_can() -> None:
    wide = {need.action for _, need in everything() if need.on == ("*",)}
    rows = [row for name in wide for row in reference(name)]
    assert [
        row["action"]
        for row in rows
        if row["resource_arn_format"] != "*"
        and row["access_level"] not in ("List", "Read")
        and row["action"] not in OF_OTHERS
    ] == []
    assert {need.action for _, need in everything() if need.on == ("*",) and not need.condition} <= WITHOUT_REGION


def test_what_a_call_needs_beside_itself_is_there() -> None:
    declared = [need for _, need in everything()]
    beside: dict[str, set[str]] = {}
    for need in declared:
        if need.beside:
            beside.setdefault(need.beside, set()).add(need.action)
    called = {need.action for need in declared if not need.beside}
    assert set(beside) <= called
    missing = {}
    for action in called:
        asked = {name for row in reference(action) for name in row["dependent_actions"] if not BY_SERVICE.match(name)}
        if lacking := asked - beside.get(action, set()) - NOT_ASKED.get(action, set()) - called:
            missing[action] = lacking
    assert missing == {}


@pytest.mark.parametrize("name", store.presets())
def test_the_document_names_no_wildcard_action_and_fits_into_few_policies(name: str) -> None:
    made = policy.document(build(store.load(store.resolve(name)), AWS), PLACE)
    actions = [action for statement in made["Statement"] for action in statement["Action"]]
    assert not [action for action in actions if "*" in action]
    cut = policy.parts(made)
    assert all(policy.size(part) <= policy.MANAGED_POLICY_LIMIT for part in cut)
    assert [statement for part in cut for statement in part["Statement"]] == made["Statement"]
    assert len(cut) <= 10  # managed policies a role takes (IAM and STS quotas)


def test_passing_a_role_is_tied_to_our_roles_and_to_ec2() -> None:
    made = policy.document(build(Profile(name="trial"), AWS), PLACE)
    (passing,) = [one for one in made["Statement"] if "iam:PassRole" in one["Action"]]
    assert passing["Resource"] == "arn:aws:iam::123456789012:role/drucloud-trial-eu-central-1-*"
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_a_smaller_profile_needs_less() -> None:
    def of(name: str) -> set[str]:
        made = policy.document(build(store.load(store.resolve(name)), AWS), PLACE)
        return {action for statement in made["Statement"] for action in statement["Action"]}

    assert of("starter") < of("drucloud")
    assert "elasticloadbalancing:CreateLoadBalancer" in of("drucloud") - of("starter")
