"""The whole starter preset, every AWS resource of it, created and destroyed with nothing left."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from profiles.model import Aws as AwsWish
from profiles.model import Profile
from provisioners.aws import lookups
from provisioners.blueprint.build import build
from provisioners.engine.resolve import Resolver
from provisioners.target import Target

from .stack import REGION, Stack

PROFILE = Profile(name="trial", target="sandbox", aws=AwsWish(region=REGION))


def test_created_and_destroyed(stack: Stack, target: Target, state: Path) -> None:
    blueprint = build(PROFILE, lookups.resolve(PROFILE, target, {}, False))
    known: dict[str, dict[str, Any]] = {}
    resolver = Resolver(stack.deployment, known)
    order = TopologicalSorter({name: one.requires for name, one in blueprint.resources.items()}).static_order()
    for name in order:
        resource = blueprint.resources[name]
        if not resource.is_step:
            known[name] = stack.make(name, resource.type, **resolver.properties(resource.properties))
    steps = {name: resolver.properties(one.properties) for name, one in blueprint.resources.items() if one.is_step}
    assert {one["Role"] for one in steps.values() if "Role" in one} == {"web", "admin", "warmer"}
    (site,) = (one for one in steps.values() if "Repository" in one)
    assert site["CacheNodes"][0].endswith(":11211") and site["Database"]["Port"] == "3306"
    assert all(site[name] for name in ("SecretArn", "DeployKeySecretArn", "Host", "HostPublic", "Via", "Bucket"))
    assert site["Database"]["MasterSecretArn"].startswith("arn:")
