"""Warming a deployment's caches on demand: the pre-warmer of its admin node, run now instead of by its timer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from profiles.errors import FailedError, UsageError
from provisioners.engine.state import DeployState
from provisioners.foreign_text import clean_line
from provisioners.nodes.reach import Machine, reach
from provisioners.target import Target

SILENCE_SECONDS = 600.0
"""A place with many slow pages says nothing until it is done with them."""


def warm(target: Target, folder: Path, state: DeployState, say: Callable[[str], None]) -> dict[str, Any]:
    """Run the pre-warmer and give its summary: pages, and for each cache what was warmed and what was there already.

    Raises ``UsageError`` for a deployment without one, ``ReachError`` and ``FailedError`` otherwise.
    """
    steps = [step for step in state.steps.values() if step.properties.get("Role") == "warmer"]
    if not steps:
        raise UsageError("This deployment has no pre-warmer.", "Replay its profile: the pre-warmer is added then.")
    if target.mode == "rehearsal":
        raise UsageError("This deployment is a rehearsal: no software was installed, so there is nothing to warm.")
    # As the timer runs it: the same user, the same memory of what is fresh, never two at once.
    command = ["sudo", "-n", "systemctl", "start", "--wait", "drucloud-warm.service"]
    lines = ["sudo", "-n", "journalctl", "-q", "-o", "cat", "-u", "drucloud-warm.service", "--invocation=0"]
    with reach(target, folder, Machine.of(steps[0].properties), say) as connection:
        say("warming the caches")
        code = connection.run(command, timeout=SILENCE_SECONDS, check=False).code
        said = [clean_line(line) for line in connection.run(lines).text.splitlines()]
    summaries = [line for line in said if line.startswith("{")]
    if code or not summaries:
        raise FailedError(f"The pre-warmer failed: {said[-1] if said else 'it said nothing'}")
    for line in said:
        if not line.startswith("{"):
            say(line)
    summary: dict[str, Any] = json.loads(summaries[-1])
    return summary
