"""What a resource kind asks of IAM: the actions it calls, when, and on which resources.

Each kind declares every :class:`Need` beside the calls it makes; :mod:`provisioners.aws.policy` adds them up for one
profile. Actions, resource types, condition keys and what a call needs beside itself are from the Service Authorization
Reference; a test holds every declaration to it.

ARNs and conditions may use ``{partition}``, ``{region}``, ``{account}``, ``{name}`` (the deployment's) and ``{zone}``
(the hosted zone).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Phase = Literal["deploy", "read", "find", "change", "destroy"]
"""
===========  ==========================================================================================
``deploy``   creating, and completing what was created
``read``     looking at it, in every run
``find``     looking for what an unanswered call has made
``change``   changing it in place, once the profile says something else
``destroy``  taking it down
===========  ==========================================================================================
"""

OUR_TAG = "drucloud:deployment"


@dataclass(frozen=True)
class Need:
    """One action.

    :param action: as IAM calls it, e.g. ``ec2:CreateVpc``.
    :param on: ARN patterns; ``*`` for actions that AWS cannot scope.
    :param condition: an IAM condition block.
    :param given: only needed where the blueprint gives this property (``Name``) or sets it (``Name=true``).
    :param beside: the action during which AWS asks for this one as well; we make no such call ourselves.
    """

    action: str
    phase: Phase
    on: tuple[str, ...] = ("*",)
    condition: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    given: str = ""
    beside: str = ""


REQUEST_TAG = {"StringEquals": {f"aws:RequestTag/{OUR_TAG}": "{name}"}}
"""The call tags what it makes as ours."""

RESOURCE_TAG = {"StringEquals": {f"aws:ResourceTag/{OUR_TAG}": "{name}"}}
"""What the call touches is tagged as ours."""

IN_REGION = {"StringEquals": {"aws:RequestedRegion": "{region}"}}


def ec2(kind: str) -> str:
    """ARN pattern of EC2 things of a kind (``vpc``)."""
    return f"arn:{{partition}}:ec2:{{region}}:{{account}}:{kind}/*"


def named(service: str, kind: str) -> tuple[str, ...]:
    """ARN patterns of what bears one of the names that a deployment gives."""
    place = f"arn:{{partition}}:{service}:{{region}}:{{account}}:{kind}:"
    return (f"{place}drucloud-{{name}}", f"{place}drucloud-{{name}}-*", f"{place}{{name}}-*")


def anywhere(*actions: str, phase: Phase = "read", given: str = "") -> tuple[Need, ...]:
    """Calls that cannot be scoped to one resource: most of those that only look."""
    return tuple(Need(action, phase, condition=IN_REGION, given=given) for action in actions)


def ec2_makes(action: str, *kinds: str, of: tuple[str, ...] = ()) -> tuple[Need, ...]:
    """A call that makes and tags things of ``kinds`` out of things of ours."""
    made = tuple(map(ec2, kinds))
    tagging = {"StringEquals": {"ec2:CreateAction": action.removeprefix("ec2:")}}
    needs = [
        Need(action, "deploy", made, REQUEST_TAG),
        Need("ec2:CreateTags", "deploy", made, tagging, beside=action),
    ]
    return (*needs, Need(action, "deploy", tuple(map(ec2, of)), RESOURCE_TAG)) if of else tuple(needs)


def ec2_uses(action: str, *kinds: str, phase: Phase, given: str = "") -> Need:
    """A call that touches things of ours."""
    return Need(action, phase, tuple(map(ec2, kinds)), RESOURCE_TAG, given)


def on(arns: tuple[str, ...], phase: Phase, *actions: str, given: str = "", beside: str = "") -> tuple[Need, ...]:
    """Calls on what these ARNs name."""
    return tuple(Need(action, phase, arns, given=given, beside=beside) for action in actions)


def tagged(arns: tuple[str, ...], phase: Phase, *actions: str, given: str = "", beside: str = "") -> tuple[Need, ...]:
    """Calls on what these ARNs name, as long as it is tagged as ours."""
    return tuple(Need(action, phase, arns, RESOURCE_TAG, given, beside) for action in actions)


def service_linked(service: str, role: str, beside: str) -> tuple[Need, ...]:
    """The first use of a service in an account makes the service's own role."""
    arn = f"arn:{{partition}}:iam::{{account}}:role/aws-service-role/{service}.amazonaws.com/{role}"
    only = {"StringEquals": {"iam:AWSServiceName": f"{service}.amazonaws.com"}}
    return (Need("iam:CreateServiceLinkedRole", "deploy", (arn,), only, beside=beside),)


ROLES = ("arn:{partition}:iam::{account}:role/drucloud-{name}-{region}-*",)
INSTANCE_PROFILES = (
    "arn:{partition}:iam::{account}:instance-profile/drucloud-{name}-{region}-*",
    "arn:{partition}:iam::{account}:instance-profile/{name}-*",
)
TO_EC2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
ZONES = ("arn:{partition}:route53:::hostedzone/{zone}",)
