"""One examination of a deployment: everything that is checked, all at once.

An :class:`Examination` is kept by whoever looks again and again: its SSH connections stay open (one a machine) and its
slow probes are not repeated in each round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from health import account, groups, inside, outside
from health.machines import image_settings, machines
from health.report import Finding
from health.round import Probe, Rounds
from health.scene import Scene
from profiles.errors import ReachError
from provisioners.engine.state import DeployState
from provisioners.nodes.reach import Connections
from provisioners.target import Target

Found = Callable[[Finding], None]


class Examination:
    """Looks at one deployment and changes nothing; a context manager."""

    def __init__(
        self, properties: Mapping[str, Any], target: Target, folder: Path | str, state: DeployState | None = None
    ) -> None:
        """Nothing is looked at yet.

        :param properties: resolved properties of its ``Drucloud::Check``.
        :param folder: the deployment's folder (its SSH keys).
        :param state: what its journal says; without it neither AWS's services nor drift are looked at.
        """
        self._fixed = machines(properties, state)
        self.scene = Scene(properties, target, state, Connections(target, folder), self._fixed)
        self._rounds = Rounds()
        self._asked_at = float("-inf")
        self._probes: list[Probe] = []
        self._aim()

    def __enter__(self) -> Examination:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the entrance."""
        self.scene.connections.close()

    def _aim(self) -> None:
        self._probes = [probe for part in (outside, inside, account) for probe in part.probes(self.scene)]

    def _follow_groups(self) -> None:
        """Take the servers that a group has now for its machines; the journal does not know them."""
        state, now = self.scene.state, time.monotonic()
        if state is None or now - self._asked_at < account.SLOW:
            return
        identities = [step.identity for step in state.standing().values() if step.type == groups.TYPE and step.identity]
        admin = next((one.machine for one in self._fixed if one.role == "admin"), None)
        if not identities or admin is None:
            return
        self._asked_at = now
        settings = image_settings(state)
        try:
            found = [one for group in identities for one in groups.members(self.scene.target, group, admin, settings)]
        except ReachError:
            return  # the account's own probes say so
        if found != [one for one in self.scene.machines if one.role == "web"]:
            self.scene = replace(self.scene, machines=[*found, *(one for one in self._fixed if one.role != "web")])
            self._aim()

    def round(self, found: Found = lambda finding: None) -> list[Finding]:
        """One look at everything; ``found`` is told each finding as it is made, in the calling thread."""
        self._follow_groups()
        return self._rounds.run(self._probes, found)


def examine(
    properties: Mapping[str, Any], target: Target, folder: Path | str, found: Found, state: DeployState | None = None
) -> list[Finding]:
    """One look at a deployment; see :class:`Examination`."""
    with Examination(properties, target, folder, state) as examination:
        return examination.round(found)
