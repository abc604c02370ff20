"""The host that boots real machines: systemd-nspawn, overlay, network namespaces, control groups. Needs root."""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiles.errors import FailedError
from provisioners.sandbox.machines import cgroups, image, layers, locks, namespaces
from provisioners.sandbox.machines.baked import BakedImages
from provisioners.sandbox.machines.host import (
    GIT,
    GIT_NAME,
    PACKAGES,
    HostMode,
    Leads,
    MachineSpec,
    MachineState,
    Progress,
    addresses,
)
from provisioners.sandbox.machines.machine import Machine
from provisioners.sandbox.machines.names import Resolver
from provisioners.sandbox.machines.names_on_host import prefix
from provisioners.sandbox.machines.network import Network
from provisioners.sandbox.machines.packages import PackageCache
from provisioners.sandbox.machines.relay import Relays
from provisioners.sandbox.machines.sources import SUITE

_MEMINFO_INTERVAL = 2.0


@dataclass
class _Vpc:
    network: Network
    resolver: Resolver
    names: dict[str, Leads]


class NspawnHost:
    """Runs real machines (see :class:`~provisioners.sandbox.machines.host.MachineHost`).

    :param root: folder of its machines; one host at a time.
    :param progress: is told what takes long (the base image).
    :raises FailedError: another host runs in ``root``; no base image; no package cache.
    """

    mode: HostMode = "machines"

    def __init__(self, root: Path, progress: Progress = lambda _: None) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root.resolve()
        self._prefix = prefix(root)
        lock = locks.take(self._root / "host.lock")
        if lock is None:
            raise FailedError(
                "The sandbox of this state directory runs already.", "See it with: drucloud sandbox status"
            )
        self._held = [lock]
        self._lock = threading.RLock()
        self._progress = progress
        self._vpcs: dict[str, _Vpc] = {}
        self._machines: dict[str, Machine] = {}
        self._baked = BakedImages(self._root / "images")
        self._images: dict[str, Path] = {}
        self._building = threading.Lock()
        try:
            self._base(SUITE)
            self._packages = PackageCache(cgroups.create(self._prefix, "services", 0))
        except BaseException:
            self._let_go()
            raise
        self._relays = Relays()
        self._closed = threading.Event()
        threading.Thread(target=self._refresh, name="meminfo", daemon=True).start()

    # --- networks ---

    def network_up(self, vpc_id: str, cidr: str) -> None:
        """Make the VPC's network with its resolver and package cache; nothing happens if it stands."""
        with self._lock:
            if vpc_id in self._vpcs:
                return
            network = Network(self._prefix, vpc_id, cidr)
            network.up()
            groups = cgroups.create(self._prefix, "services", 0)
            resolver = Resolver(network.namespace, self._root / vpc_id, groups)
            self._vpcs[vpc_id] = _Vpc(network, resolver, {})
            self.relay(vpc_id, *PACKAGES, "127.0.0.1", self._packages.port)
            self._publish_names(vpc_id)

    def network_down(self, vpc_id: str) -> None:
        """Take the VPC's network away; raises :class:`FailedError` while machines stand in it."""
        with self._lock:
            vpc = self._vpcs.get(vpc_id)
            if vpc is None:
                return
            left = [name for name, machine in self._machines.items() if machine.spec.vpc_id == vpc_id]
            if left:
                raise FailedError(f"The network {vpc_id} still has machines: {', '.join(sorted(left))}.")
            self._relays.remove(vpc_id)
            vpc.resolver.stop()
            vpc.network.down()
            shutil.rmtree(self._root / vpc_id)
            del self._vpcs[vpc_id]

    def set_names(self, vpc_id: str, names: Mapping[str, Leads]) -> None:
        """Replace the VPC's host names; the machines' own and the Git server's are always there."""
        with self._lock:
            # Names have no case: a load balancer's is written with capitals and asked for without.
            self._vpc(vpc_id).names = {name.lower(): address for name, address in names.items()}
            self._publish_names(vpc_id)

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        """A listening TCP socket inside the VPC's namespace; the caller accepts on it and closes it."""
        return namespaces.listen(self._vpc(vpc_id).network.namespace, address, port)

    def relay(self, vpc_id: str, address: str, port: int, to_host: str, to_port: int) -> None:
        """Lead connections to ``address:port`` inside the VPC to ``to_host:to_port`` on the host."""
        self._relays.add(vpc_id, self.listen(vpc_id, address, port), to_host, to_port)

    def dial(self, vpc_id: str, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A socket connected to ``host`` from inside the VPC; an empty ``vpc_id`` finds the VPC that knows it."""
        with self._lock:
            candidates = [vpc_id] if vpc_id else list(self._vpcs)
            for candidate in candidates:
                address = self._resolve(candidate, host, sure=not vpc_id)
                if address:
                    namespace = self._vpcs[candidate].network.namespace
                    break
            else:
                raise OSError(f"no machine and no name of the sandbox is called {host}")
        return namespaces.connect(namespace, address, port, timeout)

    # --- machines ---

    def start(self, spec: MachineSpec) -> None:
        """Boot the machine (again) and return once its sshd answers."""
        if not spec.image:
            self._base(spec.suite)  # before the lock: it may have to be built
        with self._lock:
            machine = self._machines.get(spec.name)
            if machine is None:
                machine = self._add(spec)
        machine.start()
        if spec.public_ip and spec.public_ip not in machine.public_addresses:
            self.set_public_addresses(spec.name, (*machine.public_addresses, spec.public_ip))

    def stop(self, name: str) -> None:
        """Shut the machine down cleanly; its disk stays."""
        self._machine(name).stop()

    def crash(self, name: str) -> None:
        """Kill the machine; its disk stays."""
        self._machine(name).crash()

    def remove(self, name: str) -> None:
        """Remove everything of the machine; nothing happens if there is none."""
        machine = self._machines.get(name)
        if machine is None:
            return
        with machine.lock:
            self.set_public_addresses(name, ())
            machine.remove()
        with self._lock:
            self._machines.pop(name, None)
            self._publish_names(machine.spec.vpc_id)
        self._prune()

    def set_public_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Lead these public addresses to the machine, and no others."""
        machine = self._machine(name)
        with machine.lock:
            for address in set(machine.public_addresses) - set(addresses):
                machine.network.unpublish(name, machine.spec.private_ip, address)
            for address in addresses:
                machine.network.publish(name, machine.spec.private_ip, address)
            machine.public_addresses = tuple(addresses)

    def set_gateway(self, name: str, address: str) -> None:
        """Where the machine sends what leaves its network."""
        machine = self._machine(name)
        with machine.lock:
            machine.network.lead(name, address)

    def console(self, name: str) -> str:
        """The end of what the machine wrote to its console."""
        return self._machine(name).console()

    def states(self) -> dict[str, MachineState]:
        """Each machine's state by name."""
        return {name: machine.state for name, machine in list(self._machines.items())}

    def execute(
        self, name: str, argv: Sequence[str], stdin: bytes = b"", seconds: float | None = None
    ) -> tuple[int, bytes]:
        """Run a command inside the machine as root, from outside; see :meth:`Machine.execute`."""
        return self._machine(name).execute(argv, stdin, seconds)

    def ensure_layer(self, packages: Sequence[str], suite: str = SUITE) -> str:
        """The key (for ``MachineSpec.layer``) of a layer with these packages installed, baked first if need be."""
        key = layers.ensure(self._base(suite), packages, self._packages.port, self._prefix, self._progress)
        self._held.append(image.hold(layers.path(key)))
        return key

    def bake(self, name: str, image: str) -> None:
        """Keep the disk of a stopped machine as an image."""
        self._baked.bake(self._machine(name), image)

    def forget(self, image: str) -> None:
        """Let go of an image; its layer goes with the last machine that stands on it."""
        self._baked.forget(image)
        self._prune()

    def close(self) -> None:
        """Remove every machine and network of this host, in the order in which they stand on each other."""
        self._closed.set()
        removals = [threading.Thread(target=self.remove, args=(name,)) for name in list(self._machines)]
        for removal in removals:
            removal.start()
        for removal in removals:
            removal.join()
        self._baked.close()
        for vpc_id in list(self._vpcs):
            self.network_down(vpc_id)
        self._relays.close()
        self._packages.stop()
        cgroups.remove(self._prefix)
        self._let_go()

    # --- inside ---

    def _base(self, suite: str) -> Path:
        """The suite's base image, built first where it has to be, and held as long as this host lives."""
        with self._building:
            if suite not in self._images:
                self._images[suite] = image.ensure(self._progress, suite)
                self._held.append(image.hold(self._images[suite]))
            return self._images[suite]

    def _add(self, spec: MachineSpec) -> Machine:
        network = self._vpc(spec.vpc_id).network
        if spec.image:
            lowers = list(self._baked.layers(spec.image))
        else:
            lowers = [*([layers.path(spec.layer)] if spec.layer else []), self._base(spec.suite)]
        machine = Machine(spec, self._root / spec.name, lowers, network, self._prefix)
        self._machines[spec.name] = machine
        self._publish_names(spec.vpc_id)
        return machine

    def _prune(self) -> None:
        with self._lock:
            self._baked.prune({layer for machine in self._machines.values() for layer in machine.lowers})

    def _machine(self, name: str) -> Machine:
        try:
            return self._machines[name]
        except KeyError:
            raise FailedError(f"The sandbox has no machine {name}.") from None

    def _vpc(self, vpc_id: str) -> _Vpc:
        try:
            return self._vpcs[vpc_id]
        except KeyError:
            raise FailedError(f"The sandbox has no network {vpc_id}.") from None

    def _all_names(self, vpc_id: str) -> dict[str, Leads]:
        names = dict(self._vpcs[vpc_id].names)
        for machine in self._machines.values():
            if machine.spec.vpc_id == vpc_id:
                names.setdefault(machine.spec.hostname.lower(), machine.spec.private_ip)
        return {**names, GIT_NAME: GIT[0]}

    def _publish_names(self, vpc_id: str) -> None:
        if vpc_id in self._vpcs:
            self._vpcs[vpc_id].resolver.set(self._all_names(vpc_id))

    def _resolve(self, vpc_id: str, host: str, *, sure: bool) -> str:
        """``host`` as an address of this VPC; empty if it has none. ``sure``: only addresses something stands at."""
        names = self._all_names(vpc_id)
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return next(iter(addresses(names.get(host.lower(), ""))), "")
        machines = [machine for machine in self._machines.values() if machine.spec.vpc_id == vpc_id]
        named = {address for leads in names.values() for address in addresses(leads)}
        known = {*named, *(m.spec.private_ip for m in machines)}
        known |= {address for machine in machines for address in machine.public_addresses}
        return host if host in known or not sure else ""

    def _refresh(self) -> None:
        while not self._closed.wait(_MEMINFO_INTERVAL):
            for machine in list(self._machines.values()):
                if machine.state == "running":
                    machine.refresh_meminfo()

    def _let_go(self) -> None:
        for descriptor in self._held:
            with contextlib.suppress(OSError):
                locks.release(descriptor)
        self._held.clear()
