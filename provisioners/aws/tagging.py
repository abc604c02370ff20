"""Tags: how a resource says whose it is.

The engine gives every resource three ``drucloud:`` tags (deployment, resource, intent) and a name; a create call sets
them in the same call, so that nothing is ever made without them. Only what carries all three is ever adopted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from profiles.errors import FailedError
from provisioners.engine.kinds import Wanted

PREFIX = "drucloud:"


def as_list(wanted: Wanted) -> list[dict[str, str]]:
    """All tags of ``wanted`` (its own ``Tags`` property too) as AWS's list of pairs."""
    own = {item["Key"]: str(item["Value"]) for item in wanted.properties.get("Tags", ())}
    return [{"Key": key, "Value": value} for key, value in {**own, **wanted.tags}.items()]


def as_specification(wanted: Wanted, *resource_types: str) -> list[dict[str, Any]]:
    """EC2's ``TagSpecifications`` for the types a call makes."""
    return [{"ResourceType": kind, "Tags": as_list(wanted)} for kind in resource_types]


def as_filters(wanted: Wanted) -> list[dict[str, Any]]:
    """EC2's ``Filters`` that only what this intent made passes."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in _ours(wanted).items()]


def as_dict(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """AWS's list of pairs as a dictionary."""
    return {pair["Key"]: pair["Value"] for pair in pairs}


def require_ours(wanted: Wanted, name: str, tags: Mapping[str, str]) -> None:
    """Raise ``FailedError`` unless ``tags`` say that the thing called ``name`` was made by this very intent."""
    if any(tags.get(key) != value for key, value in _ours(wanted).items()):
        raise FailedError(
            f"There is already a {wanted.type} called {name}, and it was not made by this deployment.",
            "Remove it, or give this deployment another name.",
        )


def physical_name(wanted: Wanted, limit: int) -> str:
    """A name for what needs one and was given none: letters, digits, single hyphens; at most ``limit`` long.

    It ends with part of the intent's token, so a replacement never collides with what it replaces, and a deployment of
    the same name in another region or a later one never with this.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", f"{wanted.deployment.name}-{wanted.logical_id}").strip("-")
    return f"{readable[: limit - 9].rstrip('-')}-{wanted.token[:8]}"


def _ours(wanted: Wanted) -> dict[str, str]:
    return {key: value for key, value in wanted.tags.items() if key.startswith(PREFIX)}
