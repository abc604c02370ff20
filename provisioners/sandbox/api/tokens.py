"""Idempotency tokens: the same token with the same parameters gives the first answer again.

moto ignores ``ClientToken``, so a call repeated after a lost answer would make a second thing. AWS answers the
repetition as it answered the call, and refuses the token with other parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from provisioners.sandbox.api.refusal import Refused

if TYPE_CHECKING:
    from provisioners.sandbox.api.extend import Answer, Call

HONOURED = frozenset(
    {
        ("cloudformation", "CreateChangeSet"),
        ("ec2", "RunInstances"),
        ("ec2", "CreateRouteTable"),
        ("ec2", "CreateVolume"),
        ("ec2", "CreateLaunchTemplate"),
        ("ec2", "CreateNatGateway"),
        ("ec2", "CreateNetworkInterface"),
        ("ec2", "CreateVpcEndpoint"),
    }
)
"""Calls whose ``ClientToken`` our deployments rely on."""


class TokenBook:
    """Answers by token. The API's lock is held around every call: two repetitions cannot overtake each other."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, ...], tuple[str, Answer]] = {}

    def answer(self, call: Call, work: Callable[[], Answer]) -> Answer:
        """The answer of ``work``, or the one kept under the call's token."""
        token = call.get("ClientToken") if (call.service, call.action) in HONOURED else None
        if not token:
            return work()
        key = (call.account, call.region, call.service, call.action, str(token))
        digest = _digest(call.parameters())
        if key in self._answers:
            known, answer = self._answers[key]
            if known != digest:
                raise Refused(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
                )
            status, headers, body = answer
            return status, dict(headers), body
        answer = work()
        if answer[0] < 300:
            self._answers[key] = (digest, (answer[0], dict(answer[1]), answer[2]))
        return answer


def _digest(parameters: Any) -> str:
    kept = {key: value for key, value in parameters.items() if key != "ClientToken"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()
