"""What a resource's properties come to once the things they refer to exist.

``Ref``, ``Fn::GetAtt``, ``Fn::Sub``, ``Fn::Join``, ``Fn::Select`` and ``Fn::Base64``, with CloudFormation's meaning.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from profiles.errors import FailedError
from provisioners.target import DeploymentId

Attributes = Mapping[str, Mapping[str, Any]]
"""By logical id: what ``Ref`` (key ``"Ref"``) and ``Fn::GetAtt`` give."""

_NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class UnresolvedError(FailedError):
    """Something refers to what does not exist yet, or to an attribute that it does not have."""


class Resolver:
    """Resolves properties for one deployment against what is known of its resources."""

    def __init__(self, deployment: DeploymentId, attributes: Attributes) -> None:
        """:param attributes: read at each call, so that a caller may go on filling it."""
        self._attributes = attributes
        self._pseudo = {
            "AWS::AccountId": deployment.account,
            "AWS::Region": deployment.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": deployment.name,
        }

    def properties(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """``properties`` without any function left in them. Raises :class:`UnresolvedError`."""
        return {name: value for name, value in self._mapping(properties).items() if value is not _NO_VALUE}

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        resolved = {key: self._value(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if len(value) == 1:
                ((function, argument),) = value.items()
                if function == "Ref" or function.startswith("Fn::"):
                    return self._call(function, argument)
            return self._mapping(value)
        if isinstance(value, list | tuple):
            return [item for item in map(self._value, value) if item is not _NO_VALUE]
        return value

    def _call(self, function: str, argument: Any) -> Any:
        calls: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda given: given[0].join(str(item) for item in self._value(given[1])),
            "Fn::Select": lambda given: self._value(given[1])[int(given[0])],
            "Fn::Base64": lambda given: base64.b64encode(str(self._value(given)).encode()).decode(),
        }
        if function not in calls:
            raise UnresolvedError(f"{function} is not a function the engine knows.")
        return calls[function](argument)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        return self._pseudo[name] if name in self._pseudo else self._attribute(name, "Ref")

    def _get_att(self, argument: Any) -> Any:
        name, attribute = argument if isinstance(argument, list | tuple) else argument.split(".", 1)
        return self._attribute(name, attribute)

    def _sub(self, argument: Any) -> str:
        text, given = (argument[0], argument[1]) if isinstance(argument, list | tuple) else (argument, {})
        local = {key: self._value(item) for key, item in given.items()}

        def put(match: re.Match[str]) -> str:
            literal, name = match[1], match[2]
            if literal:
                return "${" + name + "}"
            if name in local:
                return str(local[name])
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _VARIABLE.sub(put, text)

    def _attribute(self, name: str, attribute: str) -> Any:
        try:
            return self._attributes[name][attribute]
        except KeyError:
            raise UnresolvedError(f"{name} has no {attribute} (yet).") from None
