"""The sandbox as everything else sees it: started if need be, asked, used as a target, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from profiles.errors import DrucloudError, FailedError, ReachError, UsageError
from provisioners.sandbox import record
from provisioners.sandbox.control import ask, ask_socket
from provisioners.sandbox.machines.host import API, GIT_NAME
from provisioners.target import Target

if TYPE_CHECKING:
    from provisioners.aws.session import Aws

SandboxMode = Literal["machines", "rehearsal"]
Progress = Callable[[str], None]

ACCOUNT = "123456789012"
SUPERVISOR = (sys.executable, "-m", "provisioners.sandbox.supervisor")
_STOP_SECONDS = 90.0
"""How long a sandbox with many machines may take to remove them all."""


class SandboxDialer:
    """Opens connections to the sandbox's machines and names; all else is the ordinary network."""

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A connected socket; raises ``OSError``."""
        try:
            connection = ask_socket(record.control_path(), "dial", timeout + 5, host=host, port=port, timeout=timeout)
        except socket.gaierror:
            if host == GIT_NAME:
                raise
            return socket.create_connection((host, port), timeout)
        connection.settimeout(timeout)
        return connection


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    :param endpoint: URL of its AWS API on loopback.
    :param reason: why that mode, one clause.
    """

    endpoint: str
    mode: SandboxMode
    reason: str
    pid: int
    access_key: str
    secret_key: str
    dialer: SandboxDialer

    def __repr__(self) -> str:
        return f"Sandbox({self.endpoint}, {self.mode}, pid {self.pid})"

    def target(self, region: str) -> Target:
        """The sandbox as a target of deployments."""
        return Target(
            name="sandbox",
            account=ACCOUNT,
            region=region,
            aws=self._aws(region),
            dialer=self.dialer,
            mode=self.mode,
            mode_reason=self.reason,
            node_endpoint=f"http://{API[0]}",
        )

    def _aws(self, region: str) -> Aws:
        import boto3

        from provisioners.aws.session import Aws

        session = boto3.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key, region_name=region
        )
        return Aws(session, region, self.endpoint)

    def status(self) -> dict[str, Any]:
        """Endpoint, mode, reason, pid, machines and networks."""
        value: dict[str, Any] = ask(record.control_path(), "status")
        return value

    def census(self) -> dict[str, list[str]]:
        """Everything that still exists, by kind; empty when nothing does."""
        value: dict[str, list[str]] = ask(record.control_path(), "census")
        return value

    def site_url(self, address: str) -> str:
        """Loopback URL of the site at a machine's address; the same as long as the sandbox lives."""
        return str(ask(record.control_path(), "site_url", address=address))

    def authorize_git_key(self, public_key: str, repository: str = "canary.git") -> None:
        """Let a deploy key read one of the sandbox's repositories."""
        ask(record.control_path(), "git_authorize", public_key=public_key, repository=repository)

    def git_url(self) -> str:
        """SSH address of the canary site's repository, the same from here and from the machines."""
        return f"git@{GIT_NAME}:canary.git"

    def git_host_key(self) -> str:
        """The Git server's public host key (``ssh-ed25519 AAAA…``)."""
        return str(ask(record.control_path(), "git_host_key"))


def running() -> Sandbox | None:
    """The sandbox that runs; ``None`` if none does. What a killed one left on disk is forgotten."""
    if not record.alive():
        return None
    known = record.load()
    if known is None or known.started != record.process_start(known.pid):
        return None  # just starting, or just going
    try:
        ask(record.control_path(), "hello", patience=5)
    except OSError:
        return None
    mode: SandboxMode = "machines" if known.mode == "machines" else "rehearsal"
    return Sandbox(known.endpoint, mode, known.reason, known.pid, known.access_key, known.secret_key, SandboxDialer())


def ensure(
    mode: str = "auto",
    progress: Progress = lambda text: None,
    port: int = 0,
    program: Sequence[str] = SUPERVISOR,
) -> Sandbox:
    """The running sandbox, started if there is none.

    :param mode: ``auto``, ``machines`` or ``rehearsal``; ``auto`` takes whatever runs.
    :param port: of the API on loopback; 0 takes whatever is free (or runs).
    :raises UsageError: if one runs in another mode or on another port, or if the port is in use.
    """
    while True:
        if found := running():
            return _fitting(found, mode, port)
        if not record.alive():
            break
        time.sleep(0.2)  # one is starting or stopping
    chosen, reason = _choose(mode)
    _start(chosen, reason, port, progress, program)
    started = running()
    if started is None:
        raise FailedError("The sandbox ended as soon as it had started.", f"Its log is {record.log_path()}.")
    return started


def stop() -> bool:
    """Stop the sandbox with all its machines; says whether one ran. What a killed one left behind is swept."""
    known = record.load()
    if not record.alive():
        return False
    with contextlib.suppress(OSError):
        ask(record.control_path(), "stop", patience=5)
    if _gone(_STOP_SECONDS):
        return True
    for number in (signal.SIGTERM, signal.SIGKILL):
        if known is not None and known.started and record.process_start(known.pid) == known.started:
            os.kill(known.pid, number)
        if _gone(10):
            return True
    raise FailedError("The sandbox does not stop.", f"Its log is {record.log_path()}.")


def _gone(seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not record.alive():
            return True
        time.sleep(0.1)
    return False


def _fitting(found: Sandbox, mode: str, port: int) -> Sandbox:
    if mode not in ("auto", found.mode):
        raise UsageError(
            f"The sandbox is already running in mode {found.mode}, not {mode}.",
            "Stop it first with 'drucloud sandbox stop' (its deployments go with it), or use it as it is.",
        )
    if port and not found.endpoint.endswith(f":{port}"):
        raise UsageError(
            f"The sandbox is already running at {found.endpoint}.", "Stop it first with 'drucloud sandbox stop'."
        )
    return found


def _choose(mode: str) -> tuple[str, str]:
    from provisioners.sandbox.machines import choose

    return choose(mode)


def _start(mode: str, reason: str, port: int, progress: Progress, program: Sequence[str]) -> None:
    read, write = os.pipe()
    descriptor = os.open(record.log_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [*program, "--mode", mode, "--reason", reason, "--port", str(port), "--report", str(write)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=(write,),
            start_new_session=True,
        )
    finally:
        os.close(write)
        os.close(descriptor)
    with os.fdopen(read) as report:
        for line in report:
            told = json.loads(line)
            if "progress" in told:
                progress(told["progress"])
            elif "error" in told:
                process.wait()
                raise _error(told)
            elif told.get("ready"):
                return
    raise FailedError(f"The sandbox could not start (exit code {process.wait()}).", f"Its log is {record.log_path()}.")


def _error(told: dict[str, str]) -> DrucloudError:
    kinds: dict[str, type[DrucloudError]] = {"UsageError": UsageError, "ReachError": ReachError}
    return kinds.get(told["error"], FailedError)(told["what"], told["do"])
