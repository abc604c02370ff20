"""A small SSH server on loopback, for the sandbox's Git server and for the rehearsal's machines.

It accepts public keys only. What a client may do after that is up to a :class:`Session`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)

from profiles.errors import UsageError

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LOGIN_SECONDS = 30.0
_ACCEPTED_FIRST = 0.05
_CHUNK = 32768
_WEAK = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
    "kex": ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"],
}


class Session(Protocol):
    """What one connection may do."""

    def accepts(self, public_key: str) -> bool:
        """Whether the owner of ``public_key`` (``type base64``) may log in; called before everything else."""
        ...

    def run(self, command: str, channel: paramiko.Channel, environment: dict[str, str]) -> int:
        """Run one command, talking through ``channel``; its exit code. In a thread of its own."""
        ...

    def connect(self, host: str, port: int) -> socket.socket | None:
        """A socket for a forwarded connection (``direct-tcpip``), or ``None`` to refuse it."""
        ...


def host_key(file: Path) -> paramiko.Ed25519Key:
    """The Ed25519 host key kept in ``file`` (0600); made at the first call."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            output.write(content)
    return paramiko.Ed25519Key.from_private_key_file(str(file))


class SshServer:
    """Listens on 127.0.0.1 until :meth:`close`.

    :param key: its host key.
    :param session: makes the session of each connection.
    :param port: 0 for any free port; the one taken is :attr:`port`. Raises ``UsageError`` if it is in use.
    """

    def __init__(self, key: paramiko.Ed25519Key, session: Callable[[], Session], port: int = 0) -> None:
        self._key = key
        self._session = session
        try:
            self._listener = socket.create_server((LOOPBACK, port), backlog=64)
        except OSError as error:
            raise UsageError(f"Port {port} on loopback is in use.", "Name another one.") from error
        self.port: int = self._listener.getsockname()[1]
        self.host_key = f"{key.get_name()} {key.get_base64()}"
        self._transports: set[paramiko.Transport] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name=f"ssh {self.port}", daemon=True).start()

    def close(self) -> None:
        """Stop listening and end every connection."""
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            transports = list(self._transports)
        for transport in transports:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection, disabled_algorithms=_WEAK)
        transport.add_server_key(self._key)
        with self._lock:
            self._transports.add(transport)
        try:
            gate = _Gate(self._session())
            transport.start_server(server=gate)
            gate.serve(transport)
        except (paramiko.SSHException, EOFError, OSError) as error:
            log.debug("ssh connection on port %d ended: %s", self.port, error)
        finally:
            transport.close()
            with self._lock:
                self._transports.discard(transport)


class _Gate(paramiko.ServerInterface):
    """Asks the session, channel by channel."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._environment: dict[str, str] = {}
        self._forwards: dict[int, socket.socket] = {}
        """Far sides of the forwarded connections that were allowed and whose channels do not stand yet."""

    def serve(self, transport: paramiko.Transport) -> None:
        """Until the connection ends; one that does not log in in time is ended."""
        deadline = time.monotonic() + _LOGIN_SECONDS
        held: list[paramiko.Channel] = []  # paramiko closes a channel nobody refers to, even one that just opened
        while transport.is_active():
            channel = transport.accept(1.0)
            held = [one for one in (*held, channel) if one is not None and not one.closed]
            if channel is not None and channel.get_id() in self._forwards:
                far = self._forwards.pop(channel.get_id())
                threading.Thread(target=_forward, args=(channel, far), daemon=True).start()
            if not transport.is_authenticated() and time.monotonic() > deadline:
                return

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        accepted = self._session.accepts(f"{key.get_name()} {key.get_base64()}")
        return AUTH_SUCCESSFUL if accepted else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_env_request(self, channel: paramiko.Channel, name: bytes, value: bytes) -> bool:
        self._environment[name.decode(errors="replace")] = value.decode(errors="replace")
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        try:
            far = self._session.connect(*destination)
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        if far is None:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self._forwards[chanid] = far
        return OPEN_SUCCEEDED

    def _run(self, channel: paramiko.Channel, command: bytes) -> None:
        code = 255
        # paramiko says yes to the request only after its handler returned; a faster answer would close the channel
        time.sleep(_ACCEPTED_FIRST)
        try:
            code = self._session.run(command.decode(errors="replace"), channel, dict(self._environment))
        except OSError as error:  # the client went away, or the program could not be started
            log.debug("command ended: %s", error)
        finally:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                channel.send_exit_status(code)
            channel.close()


def _forward(channel: paramiko.Channel, far: socket.socket) -> None:
    """Copy both ways until both sides have ended."""
    back = threading.Thread(target=_copy, args=(far, channel), daemon=True)
    back.start()
    _copy(channel, far)
    back.join()
    channel.close()
    far.close()


def _copy(source: socket.socket | paramiko.Channel, target: socket.socket | paramiko.Channel) -> None:
    """Copy until the end of ``source``, and pass the end on."""
    with contextlib.suppress(OSError):  # one side went away: the other one sees the end
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        if isinstance(target, paramiko.Channel):
            target.shutdown_write()
        else:
            target.shutdown(socket.SHUT_WR)
