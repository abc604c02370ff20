"""Which API calls a session makes, counted where botocore sends them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from provisioners.aws.session import Aws

PREFIXES = {
    "efs": "elasticfilesystem",
    "elbv2": "elasticloadbalancing",
    "service-quotas": "servicequotas",
    "sesv2": "ses",
}
"""boto3's name of a service -> IAM's, where they differ."""

ACTIONS = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
    "s3:DeleteObjects": "s3:DeleteObjectVersion",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
"""Calls whose action IAM calls otherwise (Service Authorization Reference, column "API operations")."""

FREE = frozenset({"sts:GetCallerIdentity"})
"""What needs no permission."""

LOOKS = ("Describe", "Get", "Head", "List", "Simulate", "View")
"""Beginnings of calls that change nothing."""


@contextmanager
def recorded(aws: Aws) -> Iterator[Counter[str]]:
    """IAM's name of every call that ``aws`` makes in this block, with how often."""
    made: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        call = f"{PREFIXES.get(service, service)}:{model.name}"
        made[ACTIONS.get(call, call)] += 1

    # Clients copy the session's hooks when they are made; the fresh ones of this block all go through ours.
    fresh = dict(aws._clients)
    aws._clients.clear()
    emitter = aws.session._session.get_component("event_emitter")
    emitter.register("before-call.*", note, unique_id="recorded")
    try:
        yield made
    finally:
        emitter.unregister("before-call.*", unique_id="recorded")
        aws._clients.clear()
        aws._clients.update(fresh)


def mutating(made: Counter[str]) -> list[str]:
    """Those of ``made`` that may have changed something."""
    return sorted(name for name in made if not name.split(":")[1].startswith(LOOKS))
