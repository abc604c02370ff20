"""The bridge from the sandbox's API to what really stands: networks, machines and their names.

The API's extensions say what is to be; everything here runs in the background, in order for each thing, and tells the
API through callbacks when it is so. Nothing in this module knows moto.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from provisioners.sandbox.machines.host import API, GIT, GIT_NAME, METADATA, Leads, MachineHost, MachineSpec
from provisioners.sandbox.stand_ins import StandIn, bring_up

log = logging.getLogger(__name__)

_WORKERS = 32
_LOOPBACK = "127.0.0.1"


class Service(Protocol):
    """Something that serves on a socket until it is closed."""

    def close(self) -> None:
        """Stop serving and close the socket."""
        ...


def _then(act: Callable[[str], None], name: str, done: Callable[[], None]) -> None:
    act(name)
    done()


MetadataFactory = Callable[[str, socket.socket], Service]
"""Serves the instance metadata of a VPC on a listening socket inside it."""


class Reality:
    """What really stands behind the API's resources."""

    def __init__(self, host: MachineHost, metadata: MetadataFactory | None = None) -> None:
        """:param metadata: makes the metadata service of a VPC; ``None`` for none."""
        self.host = host
        self.api_port = 0
        """Port of the API on loopback; set once it is bound, before any network comes up."""
        self.git_port = 0
        """Port of the Git server on loopback; 0 while there is none."""
        self._metadata = metadata
        self._services: dict[str, Service] = {}
        self._names: defaultdict[str, dict[str, Leads]] = defaultdict(dict)
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="reality")
        self._last: dict[str, Future[None]] = {}

    # Order: what is asked of one thing happens in the order it was asked, and different things happen side by side.

    def submit(self, name: str, work: Callable[[], None]) -> Future[None]:
        """Do ``work`` after all earlier work on ``name``; its errors are logged and kept in the future."""
        with self._lock:
            before = self._last.get(name)

            def run() -> None:
                if before is not None:
                    before.exception()  # waits; its failure is its own
                try:
                    work()
                except Exception:
                    log.exception("%s", name)
                    raise

            future = self._pool.submit(run)
            self._last[name] = future
            return future

    def settled(self, name: str, timeout: float | None = None) -> None:
        """Wait for all work on ``name``; raises what the last of it raised."""
        with self._lock:
            last = self._last.get(name)
        if last is not None:
            last.result(timeout)

    # Networks

    def network_up(self, vpc_id: str, cidr: str, ready: Callable[[], None]) -> None:
        """Make the network of a VPC with what serves in it, then call ``ready``.

        ``ready`` is called if it fails, too: EC2 has no failed VPCs. The first machine in it tells the reason then.
        """

        def work() -> None:
            try:
                build()
            finally:
                ready()

        def build() -> None:
            self.host.network_up(vpc_id, cidr)
            self.host.relay(vpc_id, *API, _LOOPBACK, self.api_port)
            if self.git_port:
                self.host.relay(vpc_id, *GIT, _LOOPBACK, self.git_port)
            if self._metadata is not None:
                self._services[vpc_id] = self._metadata(vpc_id, self.host.listen(vpc_id, *METADATA))
            self.set_names(vpc_id, {GIT_NAME: GIT[0]})

        self.submit(vpc_id, work)

    def network_down(self, vpc_id: str) -> None:
        """Take the network of a VPC away; returns when it is gone."""

        def work() -> None:
            if service := self._services.pop(vpc_id, None):
                service.close()
            with self._lock:
                self._names.pop(vpc_id, None)
            self.host.network_down(vpc_id)

        self.submit(vpc_id, work).result()

    def networks(self) -> list[str]:
        """The VPCs whose networks stand."""
        with self._lock:
            return sorted(self._names)

    def set_names(self, vpc_id: str, names: Mapping[str, Leads | None]) -> None:
        """Add names to the VPC's resolver, or take those away whose address is ``None``."""
        with self._lock:
            known = self._names[vpc_id]
            for name, address in names.items():
                if address is None:
                    known.pop(name, None)
                else:
                    known[name] = address
            self.host.set_names(vpc_id, dict(known))

    # Machines

    def boot(self, spec: MachineSpec, ready: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Boot a machine once its network stands; then ``ready``, or ``failed`` with the reason."""

        def work() -> None:
            try:
                self.settled(spec.vpc_id)
                self.host.start(spec)
                ready()
            except Exception as error:
                failed(str(error))
                raise

        self.submit(spec.name, work)

    def stand_in(self, machine: StandIn, ready: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Boot and converge a stand-in once its network stands; ``ready`` when its server answers."""

        def work() -> None:
            try:
                self.settled(machine.vpc_id)
                bring_up(self.host, machine)
                ready()
            except Exception as error:
                failed(str(error))
                raise

        self.submit(machine.name, work)

    def halt(self, name: str, done: Callable[[], None]) -> None:
        """Shut a machine down, then ``done``."""
        self.submit(name, lambda: _then(self.host.stop, name, done))

    def bake(self, name: str, image: str, ready: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Keep a stopped machine's disk as an image; then ``ready``, or ``failed`` with the reason."""

        def work() -> None:
            try:
                self.host.bake(name, image)
                ready()
            except Exception as error:
                failed(str(error))
                raise

        self.submit(name, work)

    def remove(self, name: str, done: Callable[[], None]) -> None:
        """Remove a machine with its disk, then ``done``."""
        self.submit(name, lambda: _then(self.host.remove, name, done))

    def public_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Lead these public addresses to a machine, and no others; in order with its boot."""
        self.submit(name, lambda: self.host.set_public_addresses(name, addresses))

    def gateway(self, name: str, address: str) -> None:
        """Where a machine sends what leaves its network; empty for the network's router. In order with its boot."""
        self.submit(name, lambda: self.host.set_gateway(name, address))

    def close(self) -> None:
        """Stop serving and remove every machine and network."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for service in self._services.values():
            service.close()
        self._services.clear()
        self.host.close()
