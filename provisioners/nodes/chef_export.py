"""A profile's roles as a cookbook: which roles there are, with which settings, and the folder they are written to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from profiles import catalogue
from profiles.errors import FailedError, UsageError
from profiles.model import Profile
from provisioners.blueprint.build import build
from provisioners.blueprint.lookups import Lookups
from provisioners.blueprint.placeholders import placeholder_lookups
from provisioners.nodes.chef import Cookbook
from provisioners.nodes.chef_texts import OWN_ADDRESS
from provisioners.nodes.steps import settings_of


def cookbook(profile: Profile) -> dict[str, bytes]:
    """Content by path of cookbook and policy; equal profiles give equal bytes."""
    made = Cookbook(profile.name)
    seen: set[str] = set()
    for logical_id, resource in build(profile, _lookups(profile)).resources.items():
        properties = resource.properties
        if resource.type != "Drucloud::Node" or properties["Role"] in seen:
            continue
        seen.add(properties["Role"])
        known: dict[str, Any] = _without_references({**properties, "Host": OWN_ADDRESS})
        made.add_role(properties["Role"], settings_of(known, logical_id, "", profile.aws.region))
    return made.finish()


def write(profile: Profile, folder: Path) -> int:
    """Write it into ``folder``, which must be empty or not there; how many files that were.

    Raises ``UsageError`` for a folder with something in it and ``FailedError`` for one that cannot be written.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"The folder {folder} is not empty.", "Name a new folder: nothing is ever overwritten.")
        files = cookbook(profile)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise FailedError(f"The cookbook cannot be written to {folder}: {error.strerror}.") from error
    return len(files)


def _lookups(profile: Profile) -> Lookups:
    """Placeholders, with the real sizes of the machines: pools and heaps follow from them."""
    sizes: dict[str, int] = {}
    for who, wanted in (("web", profile.web.instance_class), ("admin", profile.admin.instance_class)):
        found = catalogue.find("ec2", profile.aws.region, wanted)
        if found is not None:
            sizes |= {f"{who}_memory_mib": found.memory_mib, f"{who}_vcpu": found.vcpu}
    placeholders = placeholder_lookups(profile, "aws")
    return dataclasses.replace(placeholders, **sizes)  # type: ignore[arg-type]  # names of fields, made above


def _without_references(value: Any) -> Any:
    """Names in the places of what only a deployment knows: ``{"Ref": "WebAddress"}`` is ``webaddress.internal``."""
    if isinstance(value, Mapping):
        if len(value) == 1 and (key := next(iter(value))) in ("Ref", "Fn::GetAtt", "Fn::Sub"):
            named = value[key] if isinstance(value[key], str) else value[key][0]
            return f"{named.lower()}.internal"
        return {key: _without_references(item) for key, item in value.items()}
    return [_without_references(item) for item in value] if isinstance(value, list) else value
