"""A machine host in memory: what the API's own tests need of machines, and nothing that takes time.

Machines "run" by being listed. Sockets inside a VPC are loopback sockets; a machine that dials out does so from its own
address in 127/8, so that the metadata service tells machines apart here as it does in a namespace.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping, Sequence

from profiles.errors import FailedError
from provisioners.sandbox.machines.host import HostMode, Leads, MachineSpec, MachineState

BOOT_SECONDS = 0.3


class FakeHost:
    mode: HostMode = "rehearsal"

    def __init__(self) -> None:
        self._machines: dict[str, tuple[MachineSpec, MachineState]] = {}
        self._networks: set[str] = set()
        self._names: dict[str, dict[str, Leads]] = {}
        self._listeners: dict[tuple[str, str, int], socket.socket] = {}
        self._lock = threading.Lock()
        self.gateways: dict[str, str] = {}

    def network_up(self, vpc_id: str, cidr: str) -> None:
        self._networks.add(vpc_id)

    def network_down(self, vpc_id: str) -> None:
        if any(spec.vpc_id == vpc_id for spec, _ in self._machines.values()):
            raise FailedError(f"{vpc_id} still has machines.")
        self._networks.discard(vpc_id)

    def start(self, spec: MachineSpec) -> None:
        if spec.vpc_id not in self._networks:
            raise FailedError(f"{spec.vpc_id} has no network.")
        self._machines[spec.name] = (spec, "starting")
        time.sleep(BOOT_SECONDS)
        if b"fail-to-boot" in spec.user_data:
            raise FailedError("The machine did not boot.")
        self._machines[spec.name] = (spec, "running")

    def stop(self, name: str) -> None:
        time.sleep(BOOT_SECONDS)
        self._machines[name] = (self._machines[name][0], "stopped")

    def crash(self, name: str) -> None:
        self.stop(name)

    def remove(self, name: str) -> None:
        time.sleep(BOOT_SECONDS)
        self._machines.pop(name, None)

    def set_public_addresses(self, name: str, addresses: Sequence[str]) -> None:
        spec, _ = self._machines[name]
        self._machines[name] = (MachineSpec(**{**vars(spec), "public_ip": " ".join(addresses)}), "running")

    def set_gateway(self, name: str, address: str) -> None:
        self.gateways[name] = address

    def set_names(self, vpc_id: str, names: Mapping[str, Leads]) -> None:
        self._names[vpc_id] = dict(names)

    def console(self, name: str) -> str:
        spec, _ = self._machines[name]
        return f"booting {spec.hostname}\nDRUCLOUD-HOSTKEY ssh-ed25519 AAAA{name}\n"

    def states(self) -> dict[str, MachineState]:
        return {name: state for name, (_, state) in self._machines.items()}

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners[vpc_id, address, port] = listener
        return listener

    def relay(self, vpc_id: str, address: str, port: int, to_host: str, to_port: int) -> None:
        pass

    def dial(self, vpc_id: str, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """``<name>.inside`` with port 80 is the metadata service as that machine sees it; ``echo`` answers itself."""
        if host == "echo":
            return _echo()
        name = host.removesuffix(".inside")
        if name not in self._machines:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")
        spec, _ = self._machines[name]
        listener = self._listeners[spec.vpc_id, "169.254.169.254", 80]
        return socket.create_connection(listener.getsockname(), timeout, (_loopback(spec.private_ip), 0))

    def bake(self, name: str, image: str) -> None:
        if self._machines[name][1] != "stopped":
            raise FailedError(f"{name} still runs.")

    def forget(self, image: str) -> None:
        pass

    def execute(self, name: str, argv: Sequence[str], stdin: bytes = b"") -> tuple[int, bytes]:
        return 0, b""

    def close(self) -> None:
        self._machines.clear()
        self._networks.clear()


def _loopback(address: str) -> str:
    """VPCs of these tests use 127.42.0.0/16, so that their addresses are this computer's own."""
    assert address.startswith("127."), address
    return address


def _echo() -> socket.socket:
    """A connection to something that greets with one HTTP answer."""
    near, far = socket.socketpair()

    def serve() -> None:
        with far:
            far.recv(1 << 16)
            far.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    threading.Thread(target=serve, daemon=True).start()
    return near
