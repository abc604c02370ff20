"""What a preflight check is given and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from profiles.model import Profile
from provisioners.aws.session import Aws
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import Resource
from provisioners.blueprint.lookups import Lookups
from provisioners.target import Target

Finding = dict[str, str]
"""``status`` (``ok``, ``warn``, ``fail``), ``what`` and ``do``."""


def finding(status: str, what: str, do: str = "") -> Finding:
    """One finding; everything but ``ok`` says what to do."""
    return {"status": status, "what": what, "do": do}


@dataclass(frozen=True)
class Subject:
    """What is checked.

    :param standing: logical ids of what the deployment has already: it is neither counted nor in its own way.
    """

    profile: Profile
    target: Target
    lookups: Lookups
    standing: frozenset[str]

    @property
    def aws(self) -> Aws:
        """The account."""
        return self.target.aws

    @cached_property
    def missing(self) -> tuple[Resource, ...]:
        """The AWS resources that would be created."""
        resources = build(self.profile, self.lookups).resources.values()
        return tuple(one for one in resources if not one.is_step and one.logical_id not in self.standing)

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Those of some types."""
        return (one for one in self.missing if one.type in types)
