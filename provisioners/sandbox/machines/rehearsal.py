"""The host for those who cannot boot machines (macOS, no root): each machine is rehearsed.

A rehearsed machine is an SSH server on loopback with a host key of its own. It runs one thing: drucloud's own converge
program, as a local process, in check mode and below an empty folder, so that it says what it would do and changes
nothing. Everything else is refused, and nothing is ever installed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from profiles.errors import FailedError
from provisioners.debian import TRIXIE
from provisioners.sandbox.machines.host import (
    GIT,
    GIT_NAME,
    HOST_KEY_MARKER,
    HostMode,
    Leads,
    MachineSpec,
    MachineState,
    Progress,
    addresses,
)
from provisioners.sandbox.machines.rehearsed import Rehearsed
from provisioners.sandbox.ssh_server import LOOPBACK, SshServer, host_key

_SSH = 22


@dataclass
class _Vpc:
    names: dict[str, Leads] = field(default_factory=dict)
    listeners: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Where connections to an address and port of the VPC really lead."""


@dataclass
class _Machine:
    spec: MachineSpec
    folder: Path
    public_addresses: tuple[str, ...]
    console: str = ""
    server: SshServer | None = None


class RehearsalHost:
    """Rehearses machines (see :class:`~provisioners.sandbox.machines.host.MachineHost`).

    :param root: folder of its machines' host keys and empty roots.
    :param progress: unused: nothing here takes long.
    """

    mode: HostMode = "rehearsal"

    def __init__(self, root: Path, progress: Progress = lambda _: None) -> None:
        shutil.rmtree(root, ignore_errors=True)  # what a killed run left: nothing in it is of use to anybody
        root.mkdir(mode=0o700, parents=True)
        self._root = root.resolve()
        self._lock = threading.RLock()
        self._vpcs: dict[str, _Vpc] = {}
        self._machines: dict[str, _Machine] = {}

    # --- networks ---

    def network_up(self, vpc_id: str, cidr: str) -> None:
        """Know the VPC; nothing happens if it is known."""
        with self._lock:
            self._vpcs.setdefault(vpc_id, _Vpc())

    def network_down(self, vpc_id: str) -> None:
        """Forget the VPC; raises :class:`FailedError` while machines stand in it."""
        with self._lock:
            left = [name for name, machine in self._machines.items() if machine.spec.vpc_id == vpc_id]
            if left:
                raise FailedError(f"The network {vpc_id} still has machines: {', '.join(sorted(left))}.")
            self._vpcs.pop(vpc_id, None)

    def set_names(self, vpc_id: str, names: Mapping[str, Leads]) -> None:
        """Replace the VPC's host names; only :meth:`dial` and forwarded connections know them."""
        with self._lock:
            self._vpc(vpc_id).names = {name.lower(): address for name, address in names.items()}

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        """A listening socket on a free loopback port that stands for ``address:port`` of the VPC."""
        listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.relay(vpc_id, address, port, *listener.getsockname())
        return listener

    def relay(self, vpc_id: str, address: str, port: int, to_host: str, to_port: int) -> None:
        """Lead connections to ``address:port`` of the VPC to ``to_host:to_port``."""
        with self._lock:
            self._vpc(vpc_id).listeners[address, port] = (to_host, to_port)

    def dial(self, vpc_id: str, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A socket connected to what stands for ``host:port``; raises ``OSError`` for all else, see :meth:`_nobody`."""
        with self._lock:
            for candidate in [vpc_id] if vpc_id else list(self._vpcs):
                target = self._find(candidate, host, port)
                if target is not None:
                    break
            else:
                raise self._nobody(host, port)
        return socket.create_connection(target, timeout)

    # --- machines ---

    def start(self, spec: MachineSpec) -> None:
        """Stand up the machine's SSH server; nothing happens if it stands."""
        with self._lock:
            machine = self._machines.get(spec.name)
            if machine is None:
                self._vpc(spec.vpc_id)
                machine = _Machine(spec, self._root / spec.name, (spec.public_ip,))
                self._machines[spec.name] = machine
            if machine.server is not None:
                return
            key = host_key(machine.folder / "ssh_host_ed25519_key")
            machine.server = SshServer(key, self._session(machine))
            machine.console += (
                f"drucloud: this is a rehearsal of {spec.hostname}; nothing is installed and user data is not run\n"
                f"{HOST_KEY_MARKER} {machine.server.host_key}\n"
            )

    def stop(self, name: str) -> None:
        """Take the machine's SSH server down; its host key stays."""
        with self._lock:
            machine = self._machine(name)
            server, machine.server = machine.server, None
        if server is not None:
            server.close()

    def crash(self, name: str) -> None:
        """As :meth:`stop`: open connections are cut either way."""
        self.stop(name)

    def remove(self, name: str) -> None:
        """Remove everything of the machine; nothing happens if there is none."""
        if name not in self._machines:
            return
        self.stop(name)
        with self._lock:
            machine = self._machines.pop(name)
        shutil.rmtree(machine.folder)

    def set_public_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Lead these public addresses to the machine, and no others."""
        with self._lock:
            self._machine(name).public_addresses = tuple(addresses)

    def set_gateway(self, name: str, address: str) -> None:
        """Nothing: no packet of a rehearsed machine goes anywhere."""

    def console(self, name: str) -> str:
        """What the machine's console would show: that it is a rehearsal, and the host key."""
        return self._machine(name).console

    def states(self) -> dict[str, MachineState]:
        """Each machine's state by name."""
        with self._lock:
            return {name: "running" if machine.server else "stopped" for name, machine in self._machines.items()}

    def execute(self, name: str, argv: Sequence[str], stdin: bytes = b"") -> tuple[int, bytes]:
        """Refused: there is no machine to run it in; raises :class:`FailedError`."""
        raise FailedError(f"{self._machine(name).spec.hostname} is rehearsed: there is no machine to run {argv[0]} in.")

    def ensure_layer(self, packages: Sequence[str], suite: str = TRIXIE.codename) -> str:
        """No layer: nothing is installed."""
        return ""

    def bake(self, name: str, image: str) -> None:
        """Nothing: a rehearsed machine has no disk."""

    def forget(self, image: str) -> None:
        """Nothing, likewise."""

    def close(self) -> None:
        """Remove every machine and network of this host."""
        for name in list(self._machines):
            self.remove(name)
        for vpc_id in list(self._vpcs):
            self.network_down(vpc_id)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._root)

    # --- inside ---

    def _session(self, machine: _Machine) -> Callable[[], Rehearsed]:
        def connect(host: str, port: int) -> socket.socket:
            return self.dial(machine.spec.vpc_id, host, port)

        return lambda: Rehearsed(machine.spec.public_key, machine.folder, connect)

    def _machine(self, name: str) -> _Machine:
        try:
            return self._machines[name]
        except KeyError:
            raise FailedError(f"The sandbox has no machine {name}.") from None

    def _vpc(self, vpc_id: str) -> _Vpc:
        try:
            return self._vpcs[vpc_id]
        except KeyError:
            raise FailedError(f"The sandbox has no network {vpc_id}.") from None

    def _find(self, vpc_id: str, host: str, port: int) -> tuple[str, int] | None:
        vpc = self._vpcs.get(vpc_id)
        if vpc is None:
            return None
        address = GIT[0] if host == GIT_NAME else next(iter(addresses(vpc.names.get(host.lower(), host))))
        if (address, port) in vpc.listeners:
            return vpc.listeners[address, port]
        for machine in self._machines.values():
            if machine.spec.vpc_id != vpc_id or machine.server is None or port != _SSH:
                continue
            if address in (machine.spec.private_ip, *machine.public_addresses, machine.spec.hostname):
                return LOOPBACK, machine.server.port
        return None

    def _nobody(self, host: str, port: int) -> OSError:
        """A closed port of the rehearsed world; or, for a name of the world outside, that it is not known here."""
        ours = {*self._machines, *(name for vpc in self._vpcs.values() for name in vpc.names)}
        ours |= {machine.spec.hostname for machine in self._machines.values()} | {GIT_NAME}
        with contextlib.suppress(ValueError):
            ours.add(str(ipaddress.ip_address(host)))
        if host in ours:
            return ConnectionRefusedError(f"nothing is rehearsed at {host}:{port}")
        return socket.gaierror(socket.EAI_NONAME, f"nothing in the rehearsal is called {host}")
