"""Whether the AWS identity may do what the profile needs, asked of IAM's own simulator."""

from __future__ import annotations

import re
from collections.abc import Iterator

from botocore.exceptions import ClientError

from provisioners.aws import policy
from provisioners.aws.errors import classify, code
from provisioners.aws.findings import Finding, Subject, finding
from provisioners.blueprint.build import for_engine

SHOWN = 5


def actions(subject: Subject) -> Iterator[Finding]:
    """Simulate every action of the profile's own policy for the caller.

    The simulator sees the identity's policies and permissions boundary, not the organisation's service control
    policies in another account's resources: a yes is a good sign, a no is a no.
    """
    if subject.target.name != "aws":
        return
    arn = principal(str(subject.aws.client("sts").get_caller_identity()["Arn"]))
    if not arn:
        return
    blueprint = for_engine(subject.profile, subject.lookups)
    place = policy.Place(
        subject.profile.name, subject.target.region, subject.target.account, subject.lookups.hosted_zone
    )
    asked = policy.questions(blueprint, place)
    needed = sorted({name for question in asked for name in question.actions})
    try:
        refused = {name: how for name, how in _decisions(subject, arn, asked) if how != "allowed"}
    except ClientError as error:
        if classify(error) not in ("denied", "gone") and code(error) != "InvalidInput":
            raise
        yield finding(
            "warn",
            f"IAM does not say whether {arn} may do the {len(needed)} things that are needed.",
            "Allow it iam:SimulatePrincipalPolicy, or compare its policies with 'drucloud iam-policy PROFILE'.",
        )
        return
    if refused:
        explicit = [name for name, how in refused.items() if how == "explicitDeny"]
        names = explicit or list(refused)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        how = "is explicitly denied" if explicit else "is not allowed"
        yield finding(
            "fail",
            f"{arn} {how}: {', '.join(names[:SHOWN])}{more}.",
            "Have the deny removed: it wins over every allow."
            if explicit
            else "Attach the policy that 'drucloud iam-policy PROFILE' prints, or use another identity.",
        )
    else:
        yield finding("ok", f"All {len(needed)} actions that are needed are allowed to {arn}")


def principal(arn: str) -> str:
    """The ARN whose policies count: the role behind a session; empty for what the simulator does not take.

    A role's path is not part of its sessions' ARN; a role with a path is answered with "not found", told as unknown.
    """
    session = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.+", arn)
    if session:
        return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}"
    return arn if re.fullmatch(r"arn:[^:]+:iam::\d+:user/.+", arn) else ""


def _decisions(subject: Subject, arn: str, asked: list[policy.Question]) -> Iterator[tuple[str, str]]:
    client = subject.aws.client("iam")
    for question in asked:
        pages = client.get_paginator("simulate_principal_policy").paginate(PolicySourceArn=arn, **question.arguments())
        for page in pages:
            for row in page["EvaluationResults"]:
                yield str(row["EvalActionName"]), str(row["EvalDecision"])
