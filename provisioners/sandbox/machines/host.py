"""What the sandbox asks of whatever runs its machines.

Two hosts answer to it: :class:`~provisioners.sandbox.machines.nspawn.NspawnHost` boots a Debian 13 for every instance,
:class:`~provisioners.sandbox.machines.rehearsal.RehearsalHost` stands an embedded SSH server in for it. Every method
blocks until it is done and may be called from any thread.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from provisioners.debian import TRIXIE

HostMode = Literal["machines", "rehearsal"]
MachineState = Literal["starting", "running", "stopped", "failed"]
Progress = Callable[[str], None]
"""Takes one line of narration for a person who waits."""

METADATA = ("169.254.169.254", 80)
"""IMDSv2, inside a VPC's namespace; what listens there is the caller's."""
RESOLVER = ("169.254.169.253", 53)
"""The VPC's resolver; the host runs it."""
API = ("169.254.169.252", 80)
"""The AWS API as the machines see it; a relay to moto, made by the caller."""
PACKAGES = ("169.254.169.251", 3142)
"""The package cache; the host runs it."""
GIT = ("198.51.100.10", 22)
"""The sandbox's Git server, :data:`GIT_NAME` in every VPC; a relay, made by the caller."""
GIT_NAME = "git.sandbox.internal"
VISITORS = "203.0.113.1"
"""Where whoever asks a public address asks from: an address of nobody (RFC 5737), outside of every VPC, as on AWS."""

Leads = str | tuple[str, ...]
"""Where a name leads: an address, or several, all of which a look-up gives."""


def addresses(leads: Leads) -> tuple[str, ...]:
    """Every address a name leads to."""
    return (leads,) if isinstance(leads, str) else leads


HOST_KEY_MARKER = "DRUCLOUD-HOSTKEY"
"""A console line ``DRUCLOUD-HOSTKEY ssh-ed25519 AAAA…`` tells a machine's host key before the first connection."""


@dataclass(frozen=True)
class MachineSpec:
    """One machine, as an EC2 instance describes it.

    :param name: unique within the host, an instance id or a stand-in's name: letters, digits and ``-``.
    :param vpc_id: the network it stands in; :meth:`MachineHost.network_up` came first.
    :param private_ip: its address in that network, chosen by the caller.
    :param public_ip: an address that also leads to it inside the network's namespace; empty for none.
    :param hostname: what the machine calls itself.
    :param user_data: run once at first boot as root if it starts with ``#!`` (the machine fetches it by IMDSv2; the
        rehearsal takes it from here).
    :param memory_mib: the instance type's memory: the limit of its cgroup, and what ``/proc/meminfo`` says.
    :param vcpu: the instance type's processors.
    :param layer: key of a baked role layer to start from; empty starts from the base image.
    :param image: name of an image made by :meth:`MachineHost.bake` to start from; empty for none.
    :param suite: codename of the Debian that it runs and that ``layer`` stands on; an ``image`` brings its own.
    """

    name: str
    vpc_id: str
    private_ip: str
    public_ip: str
    hostname: str
    user_data: bytes
    memory_mib: int
    vcpu: int
    layer: str = ""
    image: str = ""
    suite: str = TRIXIE.codename
    public_key: str = ""
    """OpenSSH public key the rehearsal's server accepts; a real machine fetches the same key by IMDSv2."""


class MachineHost(Protocol):
    """Runs machines and the networks they stand in."""

    mode: HostMode

    def network_up(self, vpc_id: str, cidr: str) -> None:
        """Make the VPC's network with its resolver and package cache; nothing happens if it stands."""
        ...

    def network_down(self, vpc_id: str) -> None:
        """Take the VPC's network away, with listeners and relays in it; its machines must be gone."""
        ...

    def start(self, spec: MachineSpec) -> None:
        """Boot the machine (again) and return once its sshd answers; raises ``FailedError`` with the console's end."""
        ...

    def stop(self, name: str) -> None:
        """Shut the machine down cleanly; its disk stays. Nothing happens if it is stopped."""
        ...

    def crash(self, name: str) -> None:
        """Kill the machine as a power cut does; its disk stays."""
        ...

    def remove(self, name: str) -> None:
        """Stop the machine if it runs, and remove everything of it. Nothing happens if there is none."""
        ...

    def set_public_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Lead these public addresses to the machine, and no others; one that led to another machine moves."""
        ...

    def set_gateway(self, name: str, address: str) -> None:
        """Where the machine sends what leaves its network: to another machine, or (empty) to the network's router."""
        ...

    def set_names(self, vpc_id: str, names: Mapping[str, Leads]) -> None:
        """Replace the VPC's host names: DNS name to address or addresses. Reverse look-ups follow from it."""
        ...

    def console(self, name: str) -> str:
        """Everything the machine has written to its console, all boots, at most the last 64 KiB (as EC2 does)."""
        ...

    def states(self) -> dict[str, MachineState]:
        """Each machine's state by name."""
        ...

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        """A listening TCP socket inside the VPC's namespace; the caller accepts on it and closes it."""
        ...

    def relay(self, vpc_id: str, address: str, port: int, to_host: str, to_port: int) -> None:
        """Lead connections to ``address:port`` inside the VPC to ``to_host:to_port`` on the host."""
        ...

    def dial(self, vpc_id: str, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A socket connected to ``host`` (address or the VPC's name for it) as seen inside the VPC.

        An empty ``vpc_id`` picks the VPC that holds the address or the name. Raises ``OSError``.
        """
        ...

    def execute(self, name: str, argv: Sequence[str], stdin: bytes = b"") -> tuple[int, bytes]:
        """Run a command inside the machine as root, from outside; its exit code and combined output."""
        ...

    def ensure_layer(self, packages: Sequence[str], suite: str = TRIXIE.codename) -> str:
        """The key (for :attr:`MachineSpec.layer`) of a layer of ``suite`` with these packages, baked first if need be.

        Empty where nothing is installed (rehearsal). Raises ``FailedError`` with what apt said.
        """
        ...

    def bake(self, name: str, image: str) -> None:
        """Keep the disk of a stopped machine as an image called ``image``, from which other machines may start."""
        ...

    def forget(self, image: str) -> None:
        """Let go of an image; machines that started from it live on. Nothing happens if there is none."""
        ...

    def close(self) -> None:
        """Remove every machine and network of this host."""
        ...
