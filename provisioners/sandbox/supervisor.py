"""The sandbox's own process: API, networks, machines and Git server, until it is told to stop.

Started detached by :mod:`provisioners.sandbox.client` as ``python -m provisioners.sandbox.supervisor``. What happens
until it is ready is told line by line, as JSON, on the file descriptor given by ``--report``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from profiles.errors import DrucloudError, UsageError
from provisioners.sandbox import record
from provisioners.sandbox.control import ControlServer
from provisioners.sandbox.forward import Forwarder
from provisioners.sandbox.machines.host import GIT, GIT_NAME, MachineHost
from provisioners.sandbox.reality import Reality, Service

if TYPE_CHECKING:
    from provisioners.sandbox.api.world import World

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
HostFactory = Callable[[str, Progress], MachineHost]
_LOOPBACK = "127.0.0.1"


class GitService(Service, Protocol):
    """What the supervisor asks of the Git server."""

    port: int
    host_key: str

    def authorize(self, public_key: str, repository: str = ...) -> None:
        """Let the owner of ``public_key`` read a repository."""
        ...


GitFactory = Callable[[], GitService]


class Supervisor:
    """Everything the sandbox's process runs, wired together."""

    def __init__(
        self, mode: str, reason: str, port: int, host: MachineHost, git: GitService | None, scale: float
    ) -> None:
        from provisioners.sandbox.api import account
        from provisioners.sandbox.api.imds import MetadataService
        from provisioners.sandbox.api.server import ApiServer
        from provisioners.sandbox.api.world import World

        self._stop = threading.Event()
        self._git = git
        self._host = host
        self.reality = Reality(host, lambda vpc_id, listener: MetadataService(self.world, vpc_id, listener))
        self.world: World = World(self.reality, scale)
        self._operator = account.prepare(self.world)
        self._api = ApiServer(self.world, port)
        self.reality.api_port = self._api.port
        self.reality.git_port = git.port if git else 0
        self._forwarder = Forwarder(lambda address, port: self._dial(address, port, 10.0))
        self._record = record.Record(
            pid=os.getpid(),
            started=record.process_start(os.getpid()),
            endpoint=self._api.endpoint,
            mode=mode,
            reason=reason,
            access_key=self._operator.id,
            secret_key=self._operator.secret,
        )

    def start(self) -> None:
        """Answer API calls and control requests from now on."""
        self._api.start()
        self._control = ControlServer(record.control_path(), self._handlers())
        record.save(self._record)

    def wait(self) -> None:
        """Block until somebody asks to stop."""
        self._stop.wait()

    def stop(self) -> None:
        """Ask to stop; returns at once."""
        self._stop.set()

    def close(self) -> None:
        """Take everything down, machines and networks included."""
        self._control.close()
        self._api.close()
        self._forwarder.close()
        self.reality.close()
        if self._git is not None:
            self._git.close()
        record.forget()

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "hello": lambda _: True,
            "stop": lambda _: self.stop(),
            "status": lambda _: self._status(),
            "census": lambda _: self._census(),
            "dial": lambda request: self._dial(request["host"], request["port"], request["timeout"]),
            "site_url": lambda request: self._forwarder.url(request["address"], request.get("port", 80)),
            "git_authorize": lambda request: self._need_git().authorize(request["public_key"], request["repository"]),
            "git_host_key": lambda _: self._need_git().host_key,
        }

    def _status(self) -> dict[str, Any]:
        return {
            "endpoint": self._record.endpoint,
            "mode": self._record.mode,
            "reason": self._record.reason,
            "pid": self._record.pid,
            "machines": dict(self._host.states()),
            "networks": self.reality.networks(),
        }

    def _census(self) -> dict[str, list[str]]:
        from provisioners.sandbox.api.census import resources

        with self.world.lock:
            standing = resources()
        standing["machines"] = sorted(self._host.states())
        standing["networks"] = self.reality.networks()
        standing["host"] = _on_host() if self._record.mode == "machines" else []
        return {kind: names for kind, names in standing.items() if names}

    def _need_git(self) -> GitService:
        if self._git is None:
            raise UsageError("This sandbox runs no Git server.", "Stop it and start it again.")
        return self._git

    def _dial(self, host: str, port: int, timeout: float) -> socket.socket:
        if self._git is not None and host in (GIT_NAME, GIT[0]):
            return socket.create_connection((_LOOPBACK, self._git.port), timeout)
        return self._host.dial("", host, port, timeout)


def _open_host(mode: str, progress: Progress) -> MachineHost:
    if mode == "machines":
        from provisioners.sandbox.machines.nspawn import NspawnHost

        return NspawnHost(record.folder() / "machines", progress)
    from provisioners.sandbox.machines.rehearsal import RehearsalHost

    return RehearsalHost(record.folder() / "rehearsal", progress)


def _open_git() -> GitService:
    from provisioners.sandbox.git import GitServer

    return GitServer(record.folder() / "git")


def _on_host() -> list[str]:
    """Namespaces and mounts of the sandbox's machines on this computer."""
    from provisioners.sandbox.machines.leftovers import find

    return [line for line in find() if line.startswith(("namespace ", "mount "))]


def _sweep() -> None:
    from provisioners.sandbox.machines.leftovers import sweep

    sweep()


def serve(
    argv: list[str],
    open_host: HostFactory = _open_host,
    open_git: GitFactory | None = _open_git,
    sweep: Callable[[], object] = _sweep,
) -> int:
    """Body of the process; returns its exit code."""
    options = _options(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    report = os.fdopen(options.report, "w", buffering=1) if options.report else sys.stdout

    def tell(**line: Any) -> None:
        if report.closed:  # nobody waits any more: role layers are built later, when a machine needs them
            log.info("%s", line)
            return
        try:
            report.write(json.dumps(line) + "\n")
        except BrokenPipeError:
            log.warning("whoever started the sandbox has gone; it goes on")

    lock = record.Lock()
    if not lock.take(patience=2.0):
        tell(error="UsageError", what="The sandbox is already running.", do="Use it, or stop it first.")
        return 2
    try:
        sweep()
        host = open_host(options.mode, lambda text: tell(progress=text))
        git = open_git() if open_git else None
        supervisor = Supervisor(options.mode, options.reason, options.port, host, git, options.scale)
        supervisor.start()
    except DrucloudError as error:
        tell(error=type(error).__name__, what=error.what, do=error.do)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.stop())
    tell(ready=True)
    report.close()
    log.info("ready: %s, %s", options.mode, options.reason)
    supervisor.wait()
    supervisor.close()
    lock.close()
    log.info("stopped")
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="provisioners.sandbox.supervisor", description=__doc__)
    parser.add_argument("--mode", choices=("machines", "rehearsal"), required=True)
    parser.add_argument("--reason", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scale", type=float, default=0.01, help="AWS's time in seconds of the sandbox's")
    parser.add_argument("--report", type=int, default=0, help="file descriptor for progress")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
