"""The examination of a deployment that stands, found through its journal."""

from __future__ import annotations

from health.check import Examination, Found
from health.report import Finding
from profiles.errors import UsageError
from provisioners.engine.deployment import Deployment
from provisioners.target import Target


def open_examination(deployment: Deployment, target: Target) -> Examination:
    """An examination of ``deployment``, to be repeated and closed; ``UsageError`` when it does not stand."""
    state = deployment.state()
    checks = (step.properties for step in state.steps.values() if step.type == "Drucloud::Check" and step.properties)
    properties = next(checks, None)
    if properties is None:
        name = deployment.id.name
        raise UsageError(
            f"'{name}' does not stand (yet): there is nothing to examine.", f"Try 'drucloud resume {name}'."
        )
    return Examination(properties, target, deployment.folder, state)


def examine_deployment(deployment: Deployment, target: Target, found: Found) -> list[Finding]:
    """Look at ``deployment`` once."""
    with open_examination(deployment, target) as examination:
        return examination.round(found)
