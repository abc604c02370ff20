"""The probes made on the machines, over one SSH connection each."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from health import director, drupal, machine, node, search
from health.machines import Standing
from health.report import Finding
from health.round import Probe
from health.scene import Scene, rehearsed
from health.visit import NodeVisitor
from profiles.errors import ReachError

UPGRADES_SECONDS = 900.0
"""How often apt is asked what it would install, and Drupal what it thinks of itself: that is a second's work."""
SLOW_LIMIT = 240.0

_UNREACHED = "See in the EC2 console whether the machine runs and passes its status checks; if it hangs, reboot it."


def probes(scene: Scene) -> list[Probe]:
    """One look at each machine; Drupal at the first web server, since all share its database; search where it is."""
    made = [Probe("machine.reachable", one.subject, partial(_look, scene, one)) for one in scene.machines]
    if scene.rehearsal:
        return made
    for one in scene.machines:
        look = partial(_updates, scene, one)
        made.append(Probe("machine.updates", one.subject, look, every=UPGRADES_SECONDS, limit=SLOW_LIMIT))
    if scene.web:
        first = scene.web[0]
        look = partial(_drupal, scene, first)
        made.append(Probe("drupal.status", first.subject, look, every=UPGRADES_SECONDS, limit=SLOW_LIMIT))
    for one in scene.machines:
        if one.role == "search":
            made.append(Probe("search.ping", one.subject, partial(_search, scene, one)))
    return made


def _look(scene: Scene, one: Standing) -> list[Finding]:
    """Whether a machine lets us in, and what it then says of itself."""
    began, subject, web = time.monotonic(), one.subject, one.role == "web"
    argv = machine.command(one.role, str(one.settings.get("Drupal", "")))
    argv, program = (["true"], b"") if scene.rehearsal else (argv, machine.program())
    try:
        answer = scene.connections.run(one.machine, argv, program)
    except ReachError as error:
        lost = Finding("machine.reachable", subject, "fail", "no connection", "", error.what, _UNREACHED, time.time())
        return [lost, *(node.unreachable(subject, "no connection") if web and not scene.rehearsal else [])]
    reached = _reached(subject, time.monotonic() - began)
    if scene.rehearsal:
        return [reached, *(rehearsed(item.name, subject) for item in node.unreachable(subject, "") if web)]
    try:
        seen = dict(machine.read(answer.text))
    except ValueError:
        why = "The machine lets us in, but what it says about itself cannot be read."
        return [reached, Finding("machine.looked-at", subject, "fail", "unreadable", "", why, "", time.time())]
    shared = scene.target.name == "sandbox"
    return [reached, *machine.findings(subject, seen, shared), *_of_role(scene, one, seen)]


def _of_role(scene: Scene, one: Standing, seen: dict[str, Any]) -> list[Finding]:
    if one.role == "web":
        return node.findings_of(one.subject, seen.get("web", {"error": "the probe says nothing"}))
    return director.findings(one.subject, seen.get("director"), len(scene.web)) if one.role == "director" else []


def _updates(scene: Scene, one: Standing) -> list[Finding]:
    """What apt says; a machine that lets nobody in is told elsewhere."""
    try:
        answer = scene.connections.run(one.machine, machine.upgrades_command(), machine.program(), seconds=SLOW_LIMIT)
        return machine.updates(one.subject, machine.read(answer.text))
    except (ReachError, ValueError):
        return [
            Finding("machine.updates", one.subject, "unknown", "no answer", why="apt was not asked.", at=time.time())
        ]


def _drupal(scene: Scene, one: Standing) -> list[Finding]:
    """What Drupal says of itself; a machine that lets nobody in is told elsewhere."""
    try:
        answer = scene.connections.run(one.machine, drupal.command(), drupal.program(), seconds=SLOW_LIMIT)
    except ReachError:
        return []
    return drupal.findings(one.subject, answer.text)


def _search(scene: Scene, one: Standing) -> list[Finding]:
    own = f"{one.machine.host}:{search.PORT}"  # Solr listens on the machine's address in the VPC only
    return search.solr(NodeVisitor(scene.connections, one.machine, one.subject, own, own))


def _reached(subject: str, seconds: float) -> Finding:
    why = f"The {subject} lets us in, with the host key it printed at its first boot."
    return Finding(
        "machine.reachable", subject, "ok", f"{seconds:.1f}", "s", why, at=time.time(), number=seconds, measure="s"
    )
