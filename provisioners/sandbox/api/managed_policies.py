"""AWS's own IAM policies, of which moto knows all and loads none: each is there once a role asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import World

_PREFIX = "arn:aws:iam::aws:policy"


@around(IAMBackend, "attach_role_policy")
def _attach(_: World, original: Callable[..., Any], backend: Any, policy_arn: str, role_name: str) -> Any:
    if policy_arn.startswith(f"{_PREFIX}/") and policy_arn not in backend.managed_policies:
        name = policy_arn.rpartition("/")[2]
        data = json.loads(aws_managed_policies_data).get(name)
        if data and policy_arn == f"{_PREFIX}{data.get('Path', '/')}{name}":
            policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
            backend.managed_policies[policy_arn] = policy
    return original(policy_arn, role_name)
