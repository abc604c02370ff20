"""What a front end asks the engine process to do: exactly one reviewed plan."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from provisioners.blueprint.graph import Blueprint
from provisioners.engine.events import Verb
from provisioners.engine.plan import Plan
from provisioners.target import DeploymentId, Mode


def _new_run() -> str:
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True)
class Request:
    """One run of the engine. Holds no secret.

    :param profile_text: the profile as YAML.
    :param template: the blueprint's template; empty for a destroy, which works from the journal alone.
    :param plan: the plan that was reviewed; the engine refuses to run when it now comes to another one.
    :param mode: how the target ran when it was reviewed.
    :param run: id of the run; part of its idempotency tokens.
    """

    verb: Verb
    deployment: DeploymentId
    mode: Mode
    profile_text: str
    template: Mapping[str, Any]
    plan: Plan
    run: str = field(default_factory=_new_run)

    @property
    def blueprint(self) -> Blueprint:
        """The graph of :attr:`template`."""
        return Blueprint(self.template)

    def to_text(self) -> str:
        """As one line of JSON."""
        return json.dumps({**asdict(self), "deployment": self.deployment.folder, "plan": self.plan.to_json()})

    @classmethod
    def from_text(cls, text: str) -> Request:
        """The reverse of :meth:`to_text`."""
        data = json.loads(text)
        deployment = DeploymentId.from_folder(data["deployment"])
        return cls(**{**data, "deployment": deployment, "plan": Plan.from_json(data["plan"])})
