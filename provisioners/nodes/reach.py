"""The way to one machine of a deployment: entrance, host key, jump, connection, and all of it closed again.

The host key is known before the first connection: from the deployment's own known_hosts, else from the machine's
console (the marker our user data prints), and pinned from then on under its instance id. Port 22 is open on the admin
node only, only for the operator's address, and only as long as it is used.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiles.errors import ReachError
from provisioners.aws import console
from provisioners.aws.entrance import close_leftovers, open_entrance
from provisioners.engine.state import DeployState
from provisioners.nodes import keys
from provisioners.nodes.ssh import Connection, HostKeyError, Result
from provisioners.target import Target

CONSOLE_SECONDS = 600.0
"""A fresh instance's console may lag minutes behind."""
BOOT_SECONDS = 240.0
"""How long a machine that has printed its host key may still take until it lets us in."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """One machine as the steps name it (``provisioners.blueprint.step_types.Machine``).

    :param entrance_group: security group whose port 22 is opened meanwhile; empty where nothing has to be opened.
    :param via: public address of the admin node through which it is reached; empty for the admin node itself.
    """

    instance_id: str
    host: str
    host_public: str
    entrance_group: str
    via: str = ""
    via_instance_id: str = ""

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Machine:
        """From a step's resolved properties, or from those of a machine it also needs."""
        return cls(
            instance_id=properties["InstanceId"],
            host=properties["Host"],
            host_public=properties.get("HostPublic") or "",
            entrance_group=properties["EntranceGroup"],
            via=properties.get("Via") or "",
            via_instance_id=properties.get("ViaInstanceId") or "",
        )


@contextlib.contextmanager
def reach(target: Target, folder: Path | str, machine: Machine, say: Say = lambda text: None) -> Iterator[Connection]:
    """An open connection to ``machine``; raises ``ReachError``.

    :param folder: the deployment's folder: its key pair and its known_hosts.
    :param say: is told in one line what is being waited for.
    """
    key = keys.deployment_key(folder).path
    with contextlib.ExitStack() as stack:
        say("opening the entrance")
        stack.enter_context(open_entrance(target, machine.entrance_group))
        if not machine.via:
            host_key = _host_key(target, folder, machine.instance_id, say)
            yield stack.enter_context(_connect(target, machine.host_public, host_key, key, None, say))
            return
        admin_key = _host_key(target, folder, machine.via_instance_id, say)
        host_key = _host_key(target, folder, machine.instance_id, say)
        jump = (str(folder), machine.via_instance_id, machine.via)
        connect = functools.partial(_connect, target, machine.via, admin_key, key, None, say)
        admin = stack.enter_context(through(jump, connect))
        yield stack.enter_context(_connect(target, machine.host, host_key, key, admin, say))


class _Jump:
    """A connection that is being gone through, and by how many."""

    def __init__(self) -> None:
        self.opening: Future[Connection] = Future()
        self.users = 0

    @property
    def usable(self) -> bool:
        """Whether it is still being opened, could not be (which is then so for all who wait), or is open."""
        return not self.opening.done() or self.opening.exception() is not None or self.opening.result().alive


_jumps: dict[Hashable, _Jump] = {}
_jumps_lock = threading.Lock()


@contextlib.contextmanager
def through(key: Hashable, connect: Callable[[], Connection]) -> Iterator[Connection]:
    """The connection called ``key``, one for all who are in such a block at the same time; the last one closes it.

    Each machine behind an admin node needs a channel of its own there, not a login: of many that log in at once an SSH
    server drops some (``MaxStartups`` is 10:30:100).
    """
    with _jumps_lock:
        jump = _jumps.get(key)
        first = jump is None or not jump.usable
        if jump is None or first:
            jump = _jumps[key] = _Jump()
        jump.users += 1
    if first:
        try:
            jump.opening.set_result(connect())
        except BaseException as error:
            jump.opening.set_exception(error)
    try:
        yield jump.opening.result()
    finally:
        with _jumps_lock:
            jump.users -= 1
            last = jump.users == 0
            if last and _jumps.get(key) is jump:
                del _jumps[key]
        if last and jump.opening.exception() is None:
            jump.opening.result().close()


def close_entrances(target: Target, state: DeployState) -> int:
    """Close what killed commands left open of a deployment's way in; how many entrances there were.

    :param state: names the groups by the steps that ran through them, as far as these still stand.
    """
    standing = {step.identity for step in state.standing().values() if step.identity}
    groups = {str(step.properties.get("EntranceGroup", "")) for step in state.steps.values()}
    return sum(close_leftovers(target, group) for group in sorted(groups & standing))


def _host_key(target: Target, folder: Path | str, instance_id: str, say: Say, patience: float = CONSOLE_SECONDS) -> str:
    known = keys.KnownHosts(folder)
    if found := known.find(instance_id):
        return found
    say("waiting for the host key on the console")
    found = console.host_key(target.aws, instance_id, patience)
    known.pin(instance_id, found)
    return found


def _connect(target: Target, host: str, host_key: str, key: Path, via: Connection | None, say: Say) -> Connection:
    """Connect, patient with a machine that is still booting; a wrong host key ends it at once."""
    say(f"connecting to {host}")
    until = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            return Connection.open(target.dialer, host, host_key, key, via=via)
        except HostKeyError:
            raise
        except ReachError as error:
            if time.monotonic() > until:
                raise
            say(f"trying again: {error.what}")
            time.sleep(1.0)


class Connections:
    """The open connections of somebody who looks at the same machines again and again: one a machine, opened once.

    Unlike :func:`reach` it is impatient: a machine that does not let us in at once is reported, not waited for. Every
    method may be called from any thread; commands on the same machine run side by side, each in a channel of its own.
    """

    def __init__(self, target: Target, folder: Path | str, seconds: float = 5.0, silence: float = 15.0) -> None:
        """Nothing is opened yet.

        :param seconds: how long connecting, or opening a channel, may take: a machine that is cut off is noticed so.
        :param silence: how long a command may say nothing.
        """
        self._target = target
        self._folder = folder
        self._seconds = seconds
        self._silence = silence
        self._open: dict[str, Connection] = {}
        self._entrances = contextlib.ExitStack()
        self._opened: set[str] = set()
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def run(self, machine: Machine, argv: Sequence[str], stdin: bytes = b"", seconds: float = 0.0) -> Result:
        """Run a command on a machine; raises ``ReachError`` when it cannot be asked, whatever its exit code is.

        :param seconds: longest silence of a command that is known to be slow; 0 for the usual.
        """
        with self._lock(machine.instance_id):
            known = self._get(machine)
        try:
            return known.run(argv, stdin, timeout=seconds or self._silence, check=False, starting=self._seconds)
        except ReachError:
            self._forget(machine.instance_id, known)
            raise

    def close(self) -> None:
        """Close the connections, then the entrance."""
        with self._guard:
            for connection in reversed(list(self._open.values())):
                connection.close()
            self._open.clear()
            self._opened.clear()
            self._entrances.close()

    def _lock(self, instance_id: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(instance_id, threading.Lock())

    def _get(self, machine: Machine) -> Connection:
        """The connection to ``machine``; the caller holds its lock."""
        if (known := self._open.get(machine.instance_id)) is not None and known.alive:
            return known
        self._enter(machine.entrance_group)
        if not machine.via:
            return self._connect(machine.instance_id, machine.host_public, None)
        with self._lock(machine.via_instance_id):
            admin = self._open.get(machine.via_instance_id)
            if admin is None or not admin.alive:
                admin = self._connect(machine.via_instance_id, machine.via, None)
        return self._connect(machine.instance_id, machine.host, admin)

    def _enter(self, group: str) -> None:
        with self._guard:
            if group and group not in self._opened:
                self._entrances.enter_context(open_entrance(self._target, group))
                self._opened.add(group)

    def _connect(self, instance_id: str, host: str, via: Connection | None) -> Connection:
        host_key = _host_key(self._target, self._folder, instance_id, lambda text: None, self._seconds)
        key = keys.deployment_key(self._folder).path
        made = Connection.open(self._target.dialer, host, host_key, key, via=via, timeout=self._seconds)
        self._open[instance_id] = made
        return made

    def _forget(self, instance_id: str, broken: Connection) -> None:
        """Close a connection that broke, unless another caller has put a new one in its place."""
        with self._lock(instance_id):
            if self._open.get(instance_id) is broken:
                del self._open[instance_id]
        broken.close()
