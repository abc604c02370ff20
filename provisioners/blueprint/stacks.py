"""The same graph, cut into CloudFormation stacks with our steps between them.

CloudFormation makes resources; our steps (a machine is configured, an image baked) are ours. So the resources are put
into as many stacks as the steps between them need, and no stack's template is longer than CloudFormation takes without
a bucket to read it from. What a step or a later stack needs of an earlier one comes through its outputs; what a stack
needs of a step or of an earlier stack goes in through its parameters.

The result is a blueprint again: one resource ``AWS::CloudFormation::Stack`` a stack, and the steps as they were. The
engine deals with it as with any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from provisioners.blueprint.graph import PSEUDO_PARAMETERS, SUB_VARIABLE, Blueprint, Resource, exported, parameter_name

STACK = "AWS::CloudFormation::Stack"

TEMPLATE_LIMIT = 51_200
"""Bytes of a template in a request ("CloudFormation quotas")."""

_ROOM_FOR_THE_REST = 6_000
"""Kept free for parameters and outputs, which are not known while a stack is being filled."""

OURS = {
    ("AWS::AutoScaling::AutoScalingGroup", "FirstInstanceId"),
    ("AWS::AutoScaling::AutoScalingGroup", "FirstPrivateIp"),
    ("AWS::ElastiCache::CacheCluster", "NodeEndpoints"),
}
"""Attributes that our kinds give and CloudFormation does not: the stack's kind asks the resource's."""

Reference = Callable[[str, str], Any]
"""Logical id and attribute (``Ref`` for the reference itself) to what stands in its place; ``None``: as it was."""


@dataclass
class _Stack:
    """One stack while it is being filled."""

    level: int
    name: str
    resources: list[Resource] = field(default_factory=list)
    size: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    after: set[str] = field(default_factory=set)


class HandedOver(Blueprint):
    """A blueprint of stacks and steps; :attr:`whole` is the graph that it was cut from."""

    def __init__(self, template: Mapping[str, Any], whole: Blueprint) -> None:
        """:param whole: what stands in the stacks is described and priced from it."""
        super().__init__(template)
        self.whole = whole


def hand_over(blueprint: Blueprint, name: str, limit: int = TEMPLATE_LIMIT) -> HandedOver:
    """``blueprint`` as stacks and steps; pure.

    :param name: of the first stack; the others have a number behind it.
    :param limit: bytes of a template.
    """
    return _Cut(blueprint, name, limit).result()


class _Cut:
    def __init__(self, blueprint: Blueprint, name: str, limit: int) -> None:
        self.blueprint = blueprint
        self.name = name
        self.room = limit - _ROOM_FOR_THE_REST
        self.levels: dict[str, int] = {}
        self.stacks: dict[str, _Stack] = {}
        self.home: dict[str, str] = {}
        """By logical id of a resource, the stack that it stands in."""

    def result(self) -> HandedOver:
        graph = {name: one.requires for name, one in self.blueprint.resources.items()}
        for name in TopologicalSorter(graph).static_order():
            self._place(self.blueprint.resources[name])
        # First what asks from outside, so that every stack knows its outputs before it is written.
        templates = {title: self._template(stack) for title, stack in self.stacks.items()}
        steps = {name: self._step(name) for name, one in self.blueprint.resources.items() if one.is_step}
        bodies = {title: self._body(title, template) for title, template in templates.items()}
        return HandedOver({**self.blueprint.template, "Resources": {**bodies, **steps}}, self.blueprint)

    def _place(self, resource: Resource) -> None:
        """A resource comes after every step that it needs; a step right after what it needs."""
        before = [self.blueprint.resources[name] for name in resource.requires]
        made = [self.levels[one.logical_id] + (one.is_step and not resource.is_step) for one in before]
        level = self.levels[resource.logical_id] = max(made, default=0)
        if not resource.is_step:
            stack = self._open(level, _length(self._plain(resource)))
            self.home[resource.logical_id] = stack
            self.stacks[stack].resources.append(resource)

    def _open(self, level: int, size: int) -> str:
        """The newest stack of this level, or a new one when there is none or it is full."""
        found = [title for title, stack in self.stacks.items() if stack.level == level]
        if not found or self.stacks[found[-1]].size + size > self.room:
            number = len(self.stacks) + 1
            title = f"Stack{number}"
            self.stacks[title] = _Stack(level, self.name if number == 1 else f"{self.name}-{number}")
            found.append(title)
        self.stacks[found[-1]].size += size
        return found[-1]

    def _plain(self, resource: Resource) -> dict[str, Any]:
        body = self.blueprint.template["Resources"][resource.logical_id]
        return {key: value for key, value in body.items() if key != "Metadata"}

    def _template(self, stack: _Stack) -> dict[str, Any]:
        here = {one.logical_id for one in stack.resources}

        def inside(logical_id: str, attribute: str) -> Any:
            if logical_id in here:
                return None
            parameter = _word(logical_id, attribute)
            stack.parameters[parameter] = self._outside(logical_id, attribute)
            return {"Ref": parameter}

        files: set[str] = set()
        made = {}
        for resource in stack.resources:
            body = exported(_replaced(self._plain(resource), inside), files)
            for needed in resource.depends_on:
                if needed not in here:
                    stack.after.add(self.home.get(needed, needed))
            kept = [needed for needed in resource.depends_on if needed in here]
            body.pop("DependsOn", None)
            made[resource.logical_id] = {**body, **({"DependsOn": kept} if kept else {})}
        declared: dict[str, Any] = {name: {"Type": "String"} for name in sorted(stack.parameters)}
        for file in sorted(files):
            declared[parameter_name(file)] = {"Type": "String", "NoEcho": True}
            stack.parameters[parameter_name(file)] = {"Drucloud::File": file}
        head = {key: self.blueprint.template[key] for key in ("AWSTemplateFormatVersion", "Description")}
        return {**head, **({"Parameters": declared} if declared else {}), "Resources": made}

    def _outside(self, logical_id: str, attribute: str) -> Any:
        """How a step, or another stack, gets an attribute."""
        title = self.home.get(logical_id)
        if title is None:
            return {"Fn::GetAtt": [logical_id, attribute]}
        if (self.blueprint.resources[logical_id].type, attribute) in OURS:
            return {"Fn::GetAtt": [title, f"{logical_id}.{attribute}"]}
        output = _word(logical_id, attribute)
        value = {"Ref": logical_id} if attribute == "Ref" else {"Fn::GetAtt": [logical_id, attribute]}
        self.stacks[title].outputs[output] = {"Value": value}
        return {"Fn::GetAtt": [title, f"Outputs.{output}"]}

    def _step(self, name: str) -> dict[str, Any]:
        body = _replaced(self.blueprint.template["Resources"][name], self._outside_a_stack)
        needed = self.blueprint.resources[name].depends_on
        after = sorted({self.home.get(one, one) for one in needed})
        body.pop("DependsOn", None)
        return {**body, **({"DependsOn": after} if after else {})}

    def _outside_a_stack(self, logical_id: str, attribute: str) -> Any:
        return self._outside(logical_id, attribute) if logical_id in self.home else None

    def _body(self, title: str, template: dict[str, Any]) -> dict[str, Any]:
        stack = self.stacks[title]
        if stack.outputs:
            template = {**template, "Outputs": dict(sorted(stack.outputs.items()))}
        properties = {
            "StackName": stack.name,
            "TemplateBody": json.dumps(template, sort_keys=True, separators=(",", ":")),
            "Parameters": dict(sorted(stack.parameters.items())),
        }
        label = f"CloudFormation stack {stack.name} ({len(stack.resources)} resources)"
        notes = {"Drucloud": {"Tier": "stacks", "Label": label}}
        after = {"DependsOn": sorted(stack.after)} if stack.after else {}
        return {"Type": STACK, "Properties": properties, "Metadata": notes, **after}


def inside(properties: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The resources of a stack, from the properties of its :data:`STACK`: bodies by logical id."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(properties["TemplateBody"])["Resources"]
    return found


def _replaced(value: Any, reference: Reference) -> Any:
    """``value`` with every reference replaced for which ``reference`` has something."""
    if isinstance(value, list):
        return [_replaced(item, reference) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            found = None if argument in PSEUDO_PARAMETERS else reference(argument, "Ref")
            return dict(value) if found is None else found
        if function == "Fn::GetAtt":
            name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
            found = reference(name, attribute)
            return dict(value) if found is None else found
        if function == "Fn::Sub":
            return _replaced_sub(argument, reference)
    return {key: _replaced(item, reference) for key, item in value.items()}


def _replaced_sub(argument: Any, reference: Reference) -> Any:
    """A text with variables: what is replaced becomes a variable of its own."""
    text, given = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    local = {key: _replaced(item, reference) for key, item in given.items()}
    for name in SUB_VARIABLE.findall(text):
        if name in given or name in PSEUDO_PARAMETERS:
            continue
        logical_id, _, attribute = name.partition(".")
        if (found := reference(logical_id, attribute or "Ref")) is not None:
            local[_word(logical_id, attribute or "Ref")] = found
            text = text.replace("${" + name + "}", "${" + _word(logical_id, attribute or "Ref") + "}")
    return {"Fn::Sub": [text, local] if local else text}


def _word(logical_id: str, attribute: str) -> str:
    """Name of an output or a parameter: letters and digits only."""
    return logical_id + "".join(part for part in attribute if part.isalnum())


def _length(body: Any) -> int:
    return len(json.dumps(body, separators=(",", ":")).encode())
