"""Machines that converge by themselves: their bundles, rendered before anything stands, and their user data.

What only the running stack knows (addresses, ARNs) is a ``@@Name@@`` in the bundles; the stack puts the values into the
user data, and the machine puts them into its files (:mod:`provisioners.nodes.boot_program`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from provisioners.blueprint.graph import Blueprint, Resource
from provisioners.blueprint.nodes import USER_DATA
from provisioners.engine.kinds import StepContext
from provisioners.nodes import bundle
from provisioners.nodes.apply import payload, program
from provisioners.nodes.bundle import Bundle
from provisioners.nodes.site import site_bundle
from provisioners.nodes.steps import node_settings

PRIVATE_ADDRESS = "PrivateAddress"
"""The one value that a machine finds out by itself."""

MEMCACHED_PORT = 11211


RELEASE_ROLES = ("site-code", "site-release")
"""What a web server has of the site before it is its turn with the database."""


@dataclass
class Booting:
    """One machine, or every machine of a group: bundles in their order, and what they need of the stack.

    :param server: logical id of the instance, or of the launch template.
    :param values: name to CloudFormation expression.
    :param alone: bundles that only one machine at a time may apply.
    """

    server: str
    bundles: dict[str, Bundle] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)

    def add(self, wanted: Bundle) -> str:
        """One more bundle; its name."""
        name = f"{self.server}.{wanted.role}"
        self.bundles[name] = wanted
        return name


def machines(blueprint: Blueprint) -> dict[str, Booting]:
    """Every machine of ``blueprint`` with what makes it what it is, by the logical id of its instance.

    The servers of a group, which drucloud makes from a golden image, are one machine under their launch template's id:
    here they start from Debian's image and become by their bundles what the golden image would be.
    """
    return _Rendering(blueprint).result()


class _Rendering:
    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.found: dict[str, Booting] = {}

    def result(self) -> dict[str, Booting]:
        steps = [one for one in self.blueprint.resources.values() if one.is_step]
        for step in (one for one in steps if one.type in ("Drucloud::Node", "Drucloud::Image")):
            booting = self._of(step)
            properties = self._filled(booting, step.properties)
            role = properties.get("Role", "web")  # an image is one of a web server
            booting.add(bundle.render(role, node_settings(properties, _context(step, properties))))
        for number, step in enumerate(one for one in steps if one.type == "Drucloud::Site"):
            self._site(step, first=number == 0)
        return self.found

    def _site(self, step: Resource, first: bool) -> None:
        web = self._of(step)
        admin = self.found[str(step.properties["Admin"]["InstanceId"]["Ref"])]
        on_web = _context(step, self._filled(web, step.properties))
        for role in RELEASE_ROLES:
            web.add(site_bundle(on_web, role))
        web.alone.add(web.add(site_bundle(on_web, "site")))
        if first:
            admin.add(site_bundle(_context(step, self._filled(admin, step.properties)), "site-database"))

    def _of(self, step: Resource) -> Booting:
        machine = step.properties.get("InstanceId", {})
        server = str(machine["Ref"]) if "Ref" in machine else self._template()
        return self.found.setdefault(server, Booting(server))

    def _template(self) -> str:
        """The launch template of the group's servers."""
        (found,) = (name for name, one in self.blueprint.resources.items() if one.type == "AWS::EC2::LaunchTemplate")
        return found

    def _filled(self, booting: Booting, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Properties with a mark for everything that only the stack knows.

        How a machine is reached and how an image's builder is made are left out.
        """
        reaching = ("InstanceId", "HostPublic", "Via", "ViaInstanceId", "EntranceGroup", "Admin", "Host", "Builder")
        kept = {key: value for key, value in properties.items() if key not in reaching}
        return {**{key: self._value(booting, value) for key, value in kept.items()}, "Host": f"@@{PRIVATE_ADDRESS}@@"}

    def _value(self, booting: Booting, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(booting, item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"Ref"}:
            return _mark(booting, f"{value['Ref']}Ref", value)
        if set(value) == {"Fn::GetAtt"}:
            return self._attribute(booting, *value["Fn::GetAtt"])
        return {key: self._value(booting, item) for key, item in value.items()}

    def _attribute(self, booting: Booting, logical_id: str, attribute: str) -> Any:
        resource = self.blueprint.resources[logical_id]
        if attribute == "Endpoint.Port":
            return int(resource.properties["Port"])
        if attribute == "NodeEndpoints":
            return [_cache_node(booting, logical_id, n + 1) for n in range(int(resource.properties["NumCacheNodes"]))]
        name = logical_id + attribute.replace(".", "")
        return _mark(booting, name, {"Fn::GetAtt": [logical_id, attribute]})


def _cache_node(booting: Booting, logical_id: str, number: int) -> str:
    """A node's own name, which CloudFormation does not give: that of the cluster with the node's number for ``cfg``."""
    cluster = {"Fn::GetAtt": [logical_id, "ConfigurationEndpoint.Address"]}
    name = {"Fn::Join": [f".{number:04}.", {"Fn::Split": [".cfg.", cluster]}]}
    return f"{_mark(booting, f'{logical_id}Node{number}', name)}:{MEMCACHED_PORT}"


def _mark(booting: Booting, name: str, expression: Any) -> str:
    booting.values[name] = expression
    return f"@@{name}@@"


def _context(step: Resource, properties: Mapping[str, Any]) -> StepContext:
    """As much of a step's context as rendering a bundle looks at."""
    target = SimpleNamespace(name="aws", node_endpoint="", region="@@Region@@")
    seen = SimpleNamespace(logical_id=step.logical_id, target=target, properties=properties, folder="")
    return cast("StepContext", seen)


def contents(machine: Booting) -> dict[str, bytes]:
    """The objects that the machine fetches, by name: each the converge program and a bundle."""
    return {name: payload(wanted) for name, wanted in machine.bundles.items()}


def user_data(machine: Booting, bucket: Any, prefix: Any) -> dict[str, Any]:
    """The machine's ``UserData`` as a CloudFormation expression: host key told, then the boot program.

    :param bucket: CloudFormation expressions of where the bundles are.
    """
    length = len(program())
    settings = {
        "bucket": "${Bundles}",
        "region": "${AWS::Region}",
        "bundles": [[f"${{Prefix}}/{name}", length, name in machine.alone] for name in machine.bundles],
        "values": {"Region": "${AWS::Region}", **{name: f"${{{name}}}" for name in machine.values}},
    }
    source = (Path(__file__).parent / "boot_program.py").read_text(encoding="utf-8")
    text = (
        f"{USER_DATA}mkdir -p /usr/lib/drucloud\n"
        f"cat >/usr/lib/drucloud/boot.json <<'SETTINGS'\n{json.dumps(settings, indent=0)}\nSETTINGS\n"
        f"cat >/usr/lib/drucloud/boot.py <<'PROGRAM'\n{source}PROGRAM\n"
        "exec python3 -I /usr/lib/drucloud/boot.py /usr/lib/drucloud/boot.json\n"
    )
    return {"Fn::Base64": {"Fn::Sub": [text, {"Bundles": bucket, "Prefix": prefix, **machine.values}]}}
