"""One kind's case for the lifecycle tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .stack import Stack


@dataclass(frozen=True)
class Case:
    """One kind: its properties once ``stack`` has what it needs, and the attributes a blueprint asks it for."""

    type: str
    properties: Callable[[Stack], dict[str, Any]]
    attributes: tuple[str, ...] = ("Ref",)
    service: str = "ec2"
