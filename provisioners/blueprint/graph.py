"""The resource graph: what is to stand, in the vocabulary of CloudFormation.

A :class:`Blueprint` wraps one troposphere template. AWS types keep their AWS names and properties; what CloudFormation
has no word for is one of our step types in the same graph:

=====================  ==========================================================
``Drucloud::Node``     converge a machine to a role
``Drucloud::Image``    make the golden image of a web server
``Drucloud::Site``     install or update the site on a machine
``Drucloud::Check``    prove that it works
=====================  ==========================================================

Edges are ``Ref``, ``Fn::GetAtt``, ``Fn::Sub`` and ``DependsOn``. Every resource carries ``Metadata.Drucloud`` with its
``Tier`` and ``Label``; nothing else about it is written anywhere but here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

STEP_PREFIX = "Drucloud::"

TIERS = (
    "stacks",
    "network",
    "access",
    "storage",
    "database",
    "cache",
    "files",
    "search",
    "admin",
    "web",
    "balancer",
    "names",
    "edge",
    "mail",
    "monitoring",
    "protection",
    "site",
    "checks",
)
"""The tiers in the order the tree shows them."""

PSEUDO_PARAMETERS = frozenset(
    {"AWS::AccountId", "AWS::Region", "AWS::Partition", "AWS::URLSuffix", "AWS::NoValue", "AWS::StackName"}
)

REGION_TAG = "drucloud:region"
"""The tag of what has to stand in another region than the rest (CloudFront's certificate); it says which."""

SUB_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
"""A variable in the text of ``Fn::Sub``."""


@dataclass(frozen=True)
class Resource:
    """One node of the graph. ``properties`` still hold their intrinsic functions."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    tier: str
    label: str
    deletion_policy: str

    @property
    def is_step(self) -> bool:
        """Whether it is a step of ours rather than an AWS resource."""
        return self.type.startswith(STEP_PREFIX)

    @property
    def region(self) -> str:
        """Where it has to stand; empty: in the deployment's own region."""
        return region_of(self.properties)

    @cached_property
    def requires(self) -> frozenset[str]:
        """Logical ids that must exist before this one."""
        return frozenset(references(self.properties)) | frozenset(self.depends_on)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of type and unresolved properties: changes exactly when what is wanted changes."""
        return _digest({"Type": self.type, "Properties": self.properties})


def region_of(properties: Mapping[str, Any]) -> str:
    """What :data:`REGION_TAG` says among a resource's ``Tags``; empty: the deployment's own region."""
    tags = properties.get("Tags", ())
    return next((str(tag["Value"]) for tag in tags if tag.get("Key") == REGION_TAG), "")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def references(value: Any) -> Iterator[str]:
    """Logical ids that ``value`` refers to through ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub``."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                if argument not in PSEUDO_PARAMETERS:
                    yield argument
                return
            if function == "Fn::GetAtt":
                yield argument[0] if isinstance(argument, list) else argument.split(".")[0]
                return
            if function == "Fn::Sub":
                yield from _sub_references(argument)
                return
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def _sub_references(argument: Any) -> Iterator[str]:
    text, local = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    for name in SUB_VARIABLE.findall(text):
        if name not in local and name not in PSEUDO_PARAMETERS:
            yield name.split(".")[0]
    yield from references(local)


class Blueprint:
    """A whole graph. Equal inputs give byte-for-byte equal :meth:`to_json`."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        """:param template: the dictionary of a troposphere template, steps included."""
        self.template = template
        self.resources: Mapping[str, Resource] = {
            logical_id: _resource(logical_id, body) for logical_id, body in template["Resources"].items()
        }
        known = set(self.resources)
        for resource in self.resources.values():
            if missing := resource.requires - known:
                raise ValueError(
                    f"{resource.logical_id} refers to {sorted(missing)}, which the blueprint does not have"
                )

    def to_json(self) -> str:
        """The whole graph, deterministic."""
        return json.dumps(self.template, sort_keys=True, indent=1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole graph."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def cloudformation(self) -> dict[str, Any]:
        """The part CloudFormation can create: the template without our steps and without our metadata.

        A file of the deployment's folder (``Drucloud::File``) becomes a ``NoEcho`` parameter of the same name, and what
        a step of ours finds out (``Image.ImageId``) a parameter of step and attribute (``ImageImageId``).
        """
        steps = {name for name, resource in self.resources.items() if resource.is_step}
        export = _Export(steps)
        resources = {
            logical_id: export.resource(body)
            for logical_id, body in self.template["Resources"].items()
            if logical_id not in steps
        }
        parameters = {"Parameters": export.parameters()} if export.parameters() else {}
        return {**self.template, "Resources": resources, **parameters}


def exported(value: Any, files: set[str]) -> Any:
    """``value`` with its file markers replaced by parameters; the files' names are added to ``files``."""
    if isinstance(value, Mapping):
        if set(value) == {"Drucloud::File"}:
            files.add(value["Drucloud::File"])
            return {"Ref": parameter_name(value["Drucloud::File"])}
        return {key: exported(item, files) for key, item in value.items()}
    return [exported(item, files) for item in value] if isinstance(value, list) else value


_TYPES = {"ImageId": "AWS::EC2::Image::Id"}
"""CloudFormation's own types of parameters, by the attribute of a step that they stand for."""


class _Export:
    """Resources without what CloudFormation does not know; collects the parameters that take its place."""

    def __init__(self, steps: set[str]) -> None:
        self._steps = steps
        self._files: set[str] = set()
        self._found_out: dict[str, str] = {}

    def resource(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One resource of the template."""
        plain = {key: value for key, value in body.items() if key not in ("Metadata", "DependsOn")}
        made: dict[str, Any] = self._value(exported(plain, self._files))
        depends_on = body.get("DependsOn", [])
        names = [depends_on] if isinstance(depends_on, str) else depends_on
        left = [name for name in names if name not in self._steps]
        return {**made, **({"DependsOn": left[0] if len(left) == 1 else left} if left else {})}

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Their declarations, by name."""
        files: dict[str, dict[str, Any]] = {
            parameter_name(file): {"Type": "String", "NoEcho": True} for file in self._files
        }
        found_out = {name: {"Type": kind} for name, kind in self._found_out.items()}
        return dict(sorted({**files, **found_out}.items()))

    def _value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if set(value) == {"Fn::GetAtt"} and value["Fn::GetAtt"][0] in self._steps:
                name, attribute = value["Fn::GetAtt"]
                self._found_out[name + attribute] = _TYPES.get(attribute, "String")
                return {"Ref": name + attribute}
            return {key: self._value(item) for key, item in value.items()}
        return [self._value(item) for item in value] if isinstance(value, list) else value


def parameter_name(file: str) -> str:
    """``deploy_key`` as a parameter's name: ``DeployKey``."""
    return "".join(word.capitalize() for word in file.split("_"))


def _resource(logical_id: str, body: Mapping[str, Any]) -> Resource:
    depends_on = body.get("DependsOn", ())
    notes = body["Metadata"]["Drucloud"]
    return Resource(
        logical_id=logical_id,
        type=body["Type"],
        properties=body.get("Properties", {}),
        depends_on=(depends_on,) if isinstance(depends_on, str) else tuple(depends_on),
        tier=notes["Tier"],
        label=notes["Label"],
        deletion_policy=body.get("DeletionPolicy", "Delete"),
    )
