"""What a load balancer's listener asks of a request before it passes it on, in the words of HAProxy's role.

Played are the default action ``fixed-response`` and rules that forward what has certain headers: that is how the
deployment's CloudFront is told from everybody else's. Values are secrets; they reach the machine as files that only
root may read, whose names tell when one has changed. Wildcards in a value are not played.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FOLDER = "/etc/haproxy"


@dataclass(frozen=True)
class Lock:
    """Settings of the role ``balancer``, and the files they name."""

    refusal: Mapping[str, Any] | None = None
    rules: list[list[dict[str, str]]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    def settings(self) -> dict[str, Any]:
        """What the role's template may use."""
        return {"refusal": self.refusal, "rules": self.rules}


def lock_of(listeners: Iterable[Any]) -> Lock:
    """The lock of the first of moto's ``listeners`` that refuses by default; none where all of them forward."""
    for listener in listeners:
        for action in listener.default_actions:
            if action.type == "fixed-response":
                return _locked(listener, action.data["FixedResponseConfig"])
    return Lock()


def _locked(listener: Any, response: Mapping[str, Any]) -> Lock:
    refusal = {
        "status": int(response["StatusCode"]),
        "content_type": str(response.get("ContentType") or "text/plain"),
        "body": str(response.get("MessageBody") or ""),
    }
    lock = Lock(refusal)
    forwarding = [
        rule
        for rule in listener.rules.values()
        if not rule.is_default and any(action.type == "forward" for action in rule.actions)
    ]
    for rule in sorted(forwarding, key=lambda rule: int(rule.priority)):
        asked = [condition["HttpHeaderConfig"] for condition in rule.conditions if condition["Field"] == "http-header"]
        if len(asked) == len(rule.conditions):
            lock.rules.append([_condition(one, lock.files) for one in asked])
    return lock


def _condition(asked: Mapping[str, Any], files: dict[str, bytes]) -> dict[str, str]:
    """A header and the file of the values that are let in."""
    content = "".join(f"{value}\n" for value in asked["Values"]).encode()
    path = f"{FOLDER}/values-{hashlib.sha256(content).hexdigest()[:12]}.lst"
    files[path] = content
    return {"header": str(asked["HttpHeaderName"]), "file": path}
