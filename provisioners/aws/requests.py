"""From CloudFormation's properties to the arguments of an API call.

The names are mostly the same; where they are not, a kind says so in a small table. Types are not: CloudFormation takes
``"20"`` for a number and ``"true"`` for a boolean, boto3 does not. botocore's own service model says what a call takes,
so nothing about types is written down here, and a property that a call does not know is refused, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import xform_name

from profiles.errors import FailedError


def arguments(
    client: Any,
    operation: str,
    properties: Mapping[str, Any],
    *,
    renamed: Mapping[str, str] | None = None,
    without: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """``properties`` as arguments of ``operation`` (``CreateVpc``), in the types the call takes.

    :param renamed: CloudFormation's name -> the API's, where they differ.
    :param without: properties that other calls deal with (tags, settings made afterwards).
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    renamed = renamed or {}
    taken = {renamed.get(name, name): value for name, value in properties.items() if name not in without}
    return {name: _coerce(member(shape, name, operation), value) for name, value in taken.items()}


def member(shape: Any, name: str, where: str) -> Any:
    """The shape of a structure's member; raises ``FailedError`` for a name the structure does not have."""
    if name not in shape.members:
        raise FailedError(f"{where} takes no {name}.", "This is a fault in the blueprint: please report it.")
    return shape.members[name]


def call(client: Any, operation: str, **values: Any) -> Any:
    """Call ``operation`` by its API name (``CreateVpc``)."""
    return getattr(client, xform_name(operation))(**values)


def _coerce(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            return {name: _coerce(member(shape, name, shape.name), item) for name, item in value.items()}
        case "list" if isinstance(value, list | tuple):
            return [_coerce(shape.member, item) for item in value]
        case "map" if isinstance(value, Mapping):
            return {str(name): _coerce(shape.value, item) for name, item in value.items()}
        case "boolean":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "string":
            return str(value).lower() if isinstance(value, bool) else str(value)
    return value
