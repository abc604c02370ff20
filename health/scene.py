"""What the probes of one examination share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from health.machines import Standing
from health.report import Finding
from provisioners.engine.state import DeployState
from provisioners.nodes.reach import Connections
from provisioners.target import Target


@dataclass(frozen=True)
class Scene:
    """One deployment under examination.

    :param properties: resolved properties of its ``Drucloud::Check``.
    :param state: what its journal says; ``None`` during a deploy's own check.
    """

    properties: Mapping[str, Any]
    target: Target
    state: DeployState | None
    connections: Connections
    machines: Sequence[Standing]

    @property
    def rehearsal(self) -> bool:
        """Whether no software was installed anywhere."""
        return self.target.mode == "rehearsal"

    @property
    def address(self) -> str:
        """Where visitors arrive: an address or a name."""
        return str(self.properties["Address"])

    @property
    def domain(self) -> str:
        """The site's domain, empty when it has none."""
        return str(self.properties.get("Domain") or "")

    @property
    def host(self) -> str:
        """Whom visitors ask for."""
        return self.domain or self.address

    @property
    def scheme(self) -> str:
        """How visitors ask."""
        return str(self.properties.get("Scheme") or "http")

    @property
    def web(self) -> list[Standing]:
        """The web servers."""
        return [one for one in self.machines if one.role == "web"]

    @property
    def entrances(self) -> list[tuple[str, str]]:
        """What findings call each web server that has visitors of its own, and its address; empty behind one front."""
        known = {one.machine.host_public: one.subject for one in self.web}
        return [(known.get(address, address), address) for address in map(str, self.properties.get("Addresses") or ())]

    @property
    def direct(self) -> bool:
        """Whether visitors arrive at the only web server itself, so that what they see is what it does."""
        return len(self.web) == 1 and self.web[0].machine.host_public == self.address

    @property
    def micro_cache(self) -> bool:
        """Whether web servers keep pages for a moment."""
        settings = self.web[0].settings if self.web else {}
        return bool(settings.get("MicroCache", self.properties.get("MicroCache", False)))


def rehearsed(name: str, subject: str) -> Finding:
    """What a check that needs the software says in a rehearsal: never a success."""
    why = "This was a rehearsal: no software was installed, so there is nothing to look at."
    return Finding(name, subject, "unknown", "rehearsal", why=why, at=time.time())
