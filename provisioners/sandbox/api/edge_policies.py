"""CloudFront's cache policies and response headers policies, which moto lacks; both are kept and asked for alike."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from botocore import xform_name
from moto.cloudfront import urls
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult

from provisioners.sandbox.api.extend import Refused, around
from provisioners.sandbox.api.world import World

PARTS = {"CachePolicy": "cache-policy", "ResponseHeadersPolicy": "response-headers-policy"}
"""By name in the API: the word in its address."""

MANAGED = frozenset(
    {
        "658327ea-f89d-4fab-a63d-7e88639e58f6",  # CachingOptimized
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",  # CachingDisabled
        "67f7725c-6f97-4210-82d7-5512b31e9d03",  # SecurityHeadersPolicy
    }
)
"""CloudFront's own policies that we use."""


def held(backend: Any, part: str) -> dict[str, dict[str, Any]]:
    """A backend's custom policies of one part by id: configuration and ETag."""
    if not hasattr(backend, "drucloud_policies"):
        backend.drucloud_policies = {name: {} for name in PARTS}
    policies: dict[str, dict[str, Any]] = backend.drucloud_policies[part]
    return policies


def behaviors(config: Any) -> Iterator[dict[str, Any]]:
    """Every behaviour of a distribution's configuration."""
    yield config["DefaultCacheBehavior"]
    yield from (config.get("CacheBehaviors") or {}).get("Items") or []


def require_known(backend: Any, config: Any) -> None:
    """Refuse a configuration that names a policy which is not there."""
    for behavior in behaviors(config):
        for part in PARTS:
            name = str(behavior.get(f"{part}Id") or "")
            if name and name not in held(backend, part) and name not in MANAGED:
                raise Refused(f"NoSuch{part}", f"The specified policy {name} does not exist.")


class _Operations:
    """The five calls of one part."""

    def __init__(self, part: str) -> None:
        self.part = part

    def create(self, _: World, original: None, response: Any) -> Any:
        """A name may stand once."""
        config, policies = self._config(response), held(response.backend, self.part)
        if any(policy["config"]["Name"] == config["Name"] for policy in policies.values()):
            raise Refused(f"{self.part}AlreadyExists", f"A policy with the same name {config['Name']} exists.")
        policy_id = secrets.token_hex(16)
        policies[policy_id] = {"config": config, "etag": _tag()}
        return self._answer(policy_id, policies[policy_id])

    def get(self, _: World, original: None, response: Any) -> Any:
        """With its ETag."""
        return self._answer(*self._found(response))

    def update(self, _: World, original: None, response: Any) -> Any:
        """The whole configuration, if the ETag is the newest."""
        policy_id, policy = self._matching(response)
        policy.update(config=self._config(response), etag=_tag())
        return self._answer(policy_id, policy)

    def list_all(self, _: World, original: None, response: Any) -> Any:
        """The account's own."""
        items = [
            {"Type": "custom", self.part: {"Id": name, f"{self.part}Config": policy["config"]}}
            for name, policy in held(response.backend, self.part).items()
        ]
        return ActionResult({f"{self.part}List": {"MaxItems": 100, "Quantity": len(items), "Items": items}})

    def delete(self, _: World, original: None, response: Any) -> Any:
        """Refused while a distribution uses it."""
        policy_id, _policy = self._matching(response)
        for distribution in response.backend.distributions.values():
            if any(one.get(f"{self.part}Id") == policy_id for one in behaviors(distribution.drucloud_config)):
                raise Refused(f"{self.part}InUse", f"The policy {policy_id} is in use.")
        del held(response.backend, self.part)[policy_id]
        return EmptyResult()

    def _config(self, response: Any) -> Any:
        return response._get_param(f"{self.part}Config", {})

    def _found(self, response: Any) -> tuple[str, dict[str, Any]]:
        policy_id = str(response._get_param("Id"))
        policy = held(response.backend, self.part).get(policy_id)
        if policy is None:
            raise Refused(f"NoSuch{self.part}", "The policy does not exist.")
        return policy_id, policy

    def _matching(self, response: Any) -> tuple[str, dict[str, Any]]:
        policy_id, policy = self._found(response)
        if response._get_param("IfMatch") != policy["etag"]:
            raise Refused("PreconditionFailed", "The request failed because it didn't meet the preconditions.")
        return policy_id, policy

    def _answer(self, policy_id: str, policy: dict[str, Any]) -> ActionResult:
        config = {f"{self.part}Config": policy["config"], "LastModifiedTime": "2026-11-23T00:00:00Z"}
        return ActionResult({self.part: {"Id": policy_id, **config}, "ETag": policy["etag"]})


def _tag() -> str:
    return "E" + secrets.token_hex(6).upper()


for _part, _word in PARTS.items():
    _operations = _Operations(_part)
    for _verb, _work in (
        ("Create", _operations.create),
        ("Get", _operations.get),
        ("Update", _operations.update),
        ("Delete", _operations.delete),
    ):
        around(CloudFrontResponse, xform_name(f"{_verb}{_part}"))(_work)
    around(CloudFrontResponse, xform_name(f"List{_part.removesuffix('y')}ies"))(_operations.list_all)
    for _path in (f"{_word}$", f"{_word}/(?P<policy_id>[^/]+)$"):
        urls.url_paths["{0}/2020-05-31/" + _path] = CloudFrontResponse.dispatch
