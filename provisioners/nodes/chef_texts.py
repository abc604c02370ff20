"""Ruby and prose of the exported cookbook: resources, attributes, metadata, policy, README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COOKBOOK = "drucloud"
VERSION = "1.0.0"


def ruby(text: str) -> str:
    """A Ruby string that means exactly ``text``: single quotes interpolate nothing."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


OWN_ADDRESS = "own-address.internal"
"""Stands for the machine's own private address, which Chef finds out by itself."""


def value(given: Any) -> str:
    """A plain value in Ruby."""
    if given == OWN_ADDRESS:
        return "node['ipaddress']"
    return ruby(given) if isinstance(given, str) else str(given).lower() if isinstance(given, bool) else str(given)


def resource(kind: str, name: str, lines: Sequence[str]) -> list[str]:
    """One resource block."""
    return [f"{kind} {ruby(name)} do", *(f"  {line}" for line in lines), "end"]


def recipe(about: str, body: Sequence[str]) -> str:
    """A recipe file."""
    return (
        "\n".join([f"# {about}", "# Written by drucloud; change the profile and export again.", "", *body]).rstrip()
        + "\n"
    )


def attributes(by_role: Mapping[str, Mapping[str, Any]]) -> str:
    """Default attributes, by role."""
    lines = ["# What a recipe's templates read; override it in a policy, an environment or a wrapper cookbook."]
    for role, settings in sorted(by_role.items()):
        lines.append("")
        for key, given in sorted(settings.items()):
            lines.append(f"default['{COOKBOOK}']['{role}']['{key}'] = {value(given)}")
    return "\n".join(lines) + "\n"


def metadata() -> str:
    """metadata.rb."""
    return f"""\
name '{COOKBOOK}'
maintainer 'drucloud'
license 'All Rights Reserved'
description 'The roles of a drucloud deployment: nginx with a micro-cache, PHP-FPM, search, shared files, admin node'
version '{VERSION}'
chef_version '>= 16.0'
supports 'debian', '>= 13.0'
"""


def policy(name: str, roles: Sequence[str]) -> str:
    """Policyfile.rb: a named run list for each role."""
    named = "\n".join(f"named_run_list :{role.replace('-', '_')}, '{COOKBOOK}::{role}'" for role in roles)
    first = "web" if "web" in roles else roles[0]
    return f"""\
name '{name}'
default_source :supermarket
cookbook '{COOKBOOK}', path: 'cookbooks/{COOKBOOK}'
run_list '{COOKBOOK}::{first}'
{named}
"""


def readme(name: str, roles: Sequence[str]) -> str:
    """The cookbook's README.md."""
    rows = "\n".join(
        f"| `{COOKBOOK}::{role}` | `chef-client --named-run-list {role.replace('-', '_')}` |" for role in roles
    )
    return f"""\
# {COOKBOOK}: the roles of the deployment {name}

| recipe | run it |
|---|---|
{rows}

A recipe `ROLE_checks` holds what proves that a role works. Settings are node attributes
(`attributes/default.rb`); what depends on a choice in the profile was fixed when the cookbook was written.

The recipes hold no secret: the machines fetch theirs by their role, as they do when drucloud configures them.
"""
