"""Several addresses under one name (balancer.kind=dns): what visitors see through them, and each server by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from health import site, tls
from health.report import Finding
from health.round import Probe
from health.scene import Scene
from health.visit import Visitor
from provisioners.target import Dialer


@dataclass(frozen=True)
class InTurn:
    """Goes in at the first of several addresses that lets it in, as browsers do with a name's addresses."""

    dialer: Dialer
    addresses: Sequence[str]

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """See :class:`provisioners.target.Dialer`; any ``host`` but one of the addresses is dialled as it is."""
        if host not in self.addresses:
            return self.dialer.dial(host, port, timeout)
        refused: OSError | None = None
        for address in self.addresses:
            try:
                return self.dialer.dial(address, port, timeout)
            except OSError as error:
                refused = refused or error
        raise refused or OSError("there is no address to go to")


def dialer(scene: Scene) -> Dialer:
    """How visitors of the site get in."""
    addresses = [address for _, address in scene.entrances]
    return InTurn(scene.target.dialer, addresses) if addresses else scene.target.dialer


Visit = Callable[[str, str, Callable[[Visitor], Sequence[Finding]]], Sequence[Finding]]
"""Visits an address and says what it finds of a subject."""


def probes(scene: Scene, visit: Visit) -> list[Probe]:
    """Status and TLS of each web server that visitors arrive at themselves."""
    made = []
    for subject, address in scene.entrances:
        made.append(Probe("site.status", subject, partial(visit, subject, address, site.home)))
        look = tls.Look(scene.target.dialer, address, scene.host, expected=False, subject=subject)
        made.append(Probe("tls.certificate", subject, look))
    return made
