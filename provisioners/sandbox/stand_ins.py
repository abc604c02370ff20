"""Machines that stand in for managed services: a database for RDS, a node for ElastiCache.

The sandbox converges them itself, with the same roles and the same on-node program as every other machine, and says
that they are there only when their server answers on its port.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from profiles.errors import FailedError
from provisioners.nodes import apply
from provisioners.nodes.bundle import Bundle, render
from provisioners.sandbox.machines.host import MachineHost, MachineSpec

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class StandIn:
    """One machine that stands in for a managed service.

    :param role: its role below ``provisioners/nodes/roles``.
    :param settings: what the role's templates may use.
    :param private_files: files only root may read, by path, written before the role is applied (the master user).
    :param port: where its server has to answer.
    """

    name: str
    vpc_id: str
    address: str
    role: str
    memory_mib: int
    vcpu: int
    port: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    private_files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def bring_up(host: MachineHost, stand_in: StandIn) -> None:
    """Boot and converge the machine and wait for its server; raises ``FailedError``.

    In the rehearsal only the machine's stand-in starts: nothing is installed, so nothing can answer.
    """
    bundle = render(stand_in.role, stand_in.settings)
    host.start(_spec(host, stand_in, bundle))
    if host.mode == "rehearsal":
        return
    for path, content in stand_in.private_files.items():
        _write(host, stand_in.name, path, content)
    code, output = host.execute(stand_in.name, apply.command(), apply.payload(bundle))
    done = apply.read(output.decode(errors="replace").splitlines(), stand_in.name, lambda event: None)
    if code:
        raise FailedError(f"Configuring {stand_in.name} ended with code {code}.")
    log.info("%s: %s", stand_in.name, done.summary)
    _await_port(host, stand_in)


def _spec(host: MachineHost, stand_in: StandIn, bundle: Bundle) -> MachineSpec:
    packages = [
        package for step in bundle.manifest["steps"] if step["kind"] == "packages" for package in step["packages"]
    ]
    layer = host.ensure_layer(packages) if hasattr(host, "ensure_layer") else ""
    return MachineSpec(
        name=stand_in.name,
        vpc_id=stand_in.vpc_id,
        private_ip=stand_in.address,
        public_ip="",
        hostname=stand_in.name,
        user_data=b"",
        memory_mib=stand_in.memory_mib,
        vcpu=stand_in.vcpu,
        layer=layer,
    )


def _write(host: MachineHost, name: str, path: str, content: bytes) -> None:
    code, output = host.execute(name, ["install", "-D", "-m", "0600", "/dev/stdin", path], content)
    if code:
        raise FailedError(f"{path} could not be written on {name}: {output.decode(errors='replace').strip()}")


def _await_port(host: MachineHost, stand_in: StandIn) -> None:
    until = time.monotonic() + _ANSWER_SECONDS
    while True:
        try:
            host.dial(stand_in.vpc_id, stand_in.address, stand_in.port, 2.0).close()
        except OSError as error:
            if time.monotonic() > until:
                raise FailedError(f"{stand_in.name} does not answer on port {stand_in.port}: {error}.") from error
            time.sleep(0.2)
        else:
            return
