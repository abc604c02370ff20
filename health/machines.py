"""Which machines a deployment has, and what people call them. Pure; read from the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioners.engine.state import DeployState
from provisioners.nodes.reach import Machine

_TOOLS = {"warmer"}
"""Roles that are put on a machine which has a role of its own."""

_OF_CHECK = (("Web", "web"), ("Admin", "admin"))


@dataclass(frozen=True)
class Standing:
    """One machine.

    :param role: its role (``web``, ``admin``, ``director``, ...).
    :param subject: what findings call it: ``web server``, ``web server 2``.
    :param settings: what it was converged with.
    """

    role: str
    subject: str
    machine: Machine
    settings: Mapping[str, Any]


def machines(properties: Mapping[str, Any], state: DeployState | None = None) -> list[Standing]:
    """Every configured machine of the journal, web servers first; without a journal those that the check names.

    :param properties: resolved properties of the deployment's ``Drucloud::Check``.
    """
    if state is None:
        return [
            Standing(role, f"{role} server", Machine.of(properties[key]), _known(properties))
            for key, role in _OF_CHECK
            if key in properties
        ]
    steps = [step for step in state.steps.values() if step.type == "Drucloud::Node" and _reachable(step.properties)]
    steps.sort(key=lambda step: (step.properties["Role"] != "web", step.id.removesuffix("Node")))
    seen: Counter[str] = Counter()
    found = []
    if not any(step.properties["Role"] == "web" for step in steps) and "Web" in properties:
        # the servers of a group are configured by their image: the check names the one that has been there longest
        found.append(Standing("web", "web server", Machine.of(properties["Web"]), {}))
    for step in steps:
        role = str(step.properties["Role"])
        seen[role] += 1
        subject = f"{role} server" if seen[role] == 1 else f"{role} server {seen[role]}"
        found.append(Standing(role, subject, Machine.of(step.properties), step.properties.get("Settings") or {}))
    return found


def _known(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the check says about the machines' settings."""
    return {"Drupal": properties["Drupal"]} if "Drupal" in properties else {}


def image_settings(state: DeployState) -> Mapping[str, Any]:
    """What the servers of a group were made with: the settings of their golden image."""
    steps = (step for step in state.steps.values() if step.type == "Drucloud::Image")
    return next((step.properties.get("Settings") or {} for step in steps), {})


def _reachable(properties: Mapping[str, Any]) -> bool:
    own = properties.get("Role", "warmer") not in _TOOLS
    return own and all(isinstance(properties.get(key), str) for key in ("InstanceId", "Host"))


def is_machine(subject: str) -> bool:
    """Whether findings about ``subject`` are about one of the machines."""
    return subject.partition(" ")[2].partition(" ")[0] == "server"


def is_web(subject: str) -> bool:
    """Whether ``subject`` is one of the web servers."""
    return subject.startswith("web server")
