"""SSH to one machine: one pinned host key, one key pair, no trust in anything else.

paramiko 5.1 or newer (CVE-2026-44405 up to 4.0). What the tests hold: an unknown or changed host key is refused before
anything is sent; the user's known_hosts, agent and default keys are never read (a ``@cert-authority`` line there
crashes paramiko's loader); both streams are drained together (reading one while the other fills deadlocks at the
window); every read has an application time-out, since SSH keep-alives do not notice a silent peer.
"""

from __future__ import annotations

import base64
import binascii
import queue
import shlex
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from profiles.errors import FailedError, ReachError
from provisioners.foreign_text import clean_line
from provisioners.lean_paramiko import paramiko
from provisioners.target import Dialer

WEAK: dict[str, list[str]] = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "blowfish-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
    "kex": [
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha1",
    ],
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
}
"""Algorithms paramiko still offers and we do not."""

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
"""Longest silence of a command before the connection counts as dead."""

_CHUNK = 32768
_STDERR_TAIL = 16384


class HostKeyError(ReachError):
    """The machine is not the one that was pinned; trying again would not help."""


@dataclass(frozen=True)
class Result:
    """What a command gave."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode("utf-8", "replace")


def command_line(argv: Sequence[str] | str) -> str:
    """One shell line: a list is quoted word by word, a string is taken as it stands."""
    return argv if isinstance(argv, str) else shlex.join(argv)


def _pinned(host_key: str) -> tuple[str, paramiko.PKey]:
    kind, _, blob = " ".join(host_key.split()[:2]).partition(" ")
    try:
        return kind, paramiko.PKey.from_type_string(kind, base64.b64decode(blob, validate=True))
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, binascii.Error, ValueError) as error:
        raise ReachError(
            "The pinned host key of the machine is not an SSH public key.", "It must read 'ssh-ed25519 AAAA…'."
        ) from error


class Connection:
    """An open connection; a context manager. Used by one thread at a time, except for :meth:`channel`."""

    def __init__(self, client: paramiko.SSHClient, name: str) -> None:
        """Not called directly: see :meth:`open`."""
        self._client = client
        self.name = name

    @classmethod
    def open(
        cls,
        dialer: Dialer,
        host: str,
        host_key: str,
        key_file: Path,
        *,
        user: str = "admin",
        port: int = 22,
        via: Connection | None = None,
        timeout: float = CONNECT_SECONDS,
    ) -> Connection:
        """Connect to ``host`` and log in; raises ``ReachError`` with what went wrong and what to do.

        :param host_key: the only accepted host key, ``ssh-ed25519 AAAA…``.
        :param via: an open connection to the machine from which ``host`` is reached (ProxyJump).
        """
        kind, pinned = _pinned(host_key)
        sock: Any = via.channel(host, port, timeout) if via else _dial(dialer, host, port, timeout)
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.get_host_keys().add(host, kind, pinned)
        try:
            client.connect(
                host,
                username=user,
                pkey=paramiko.Ed25519Key.from_private_key_file(str(key_file)),
                sock=sock,
                timeout=timeout,
                banner_timeout=timeout,
                auth_timeout=timeout,
                channel_timeout=timeout,
                allow_agent=False,
                look_for_keys=False,
                disabled_algorithms=WEAK,
            )
        except Exception as error:
            client.close()
            sock.close()
            raise _connect_error(error, host, user) from error
        return cls(client, host)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it was open when last heard of; a silent peer is only noticed by a command's time-out."""
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()

    def close(self) -> None:
        """End the connection; a command still running on it loses its reader."""
        self._client.close()

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport()
        if transport is None or not transport.is_active():
            raise self._dropped()
        return transport

    def _dropped(self, why: str = "") -> ReachError:
        return ReachError(
            f"The SSH connection to {self.name} was lost{f' ({why})' if why else ''}.",
            "Run `drucloud resume`: it goes on where this stopped.",
        )

    def channel(self, host: str, port: int, timeout: float = CONNECT_SECONDS) -> paramiko.Channel:
        """A TCP connection made by the far machine (``direct-tcpip``); raises ``ReachError``."""
        try:
            channel = self._transport().open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout)
        except paramiko.SSHException as error:
            raise ReachError(
                f"{self.name} cannot reach {host}:{port} ({clean_line(str(error))}).",
                "Check that the machine runs and that its security group lets this one in.",
            ) from error
        channel.settimeout(timeout)
        return channel

    def start(
        self, argv: Sequence[str] | str, stdin: bytes | Iterable[bytes] = b"", timeout: float = CONNECT_SECONDS
    ) -> Running:
        """Start a command (within ``timeout`` seconds), feed it ``stdin`` and give a handle to read it.

        :param stdin: bytes, or blocks of them, made while they are sent. What making them raises ends the command, and
            :meth:`Running.code` raises it.
        """
        try:
            channel = self._transport().open_session(timeout=timeout)
            channel.exec_command(command_line(argv))
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._dropped(clean_line(str(error))) from error
        return Running(self, channel, [stdin] if isinstance(stdin, bytes) else stdin)

    def run(
        self,
        argv: Sequence[str] | str,
        stdin: bytes | Iterable[bytes] = b"",
        timeout: float = SILENCE_SECONDS,
        check: bool = True,
        starting: float = CONNECT_SECONDS,
    ) -> Result:
        """Run a command to its end.

        :param stdin: as in :meth:`start`.
        :param timeout: longest silence in seconds, not the whole duration; while input is taken, nobody is silent.
        :param starting: how long the machine may take to say that it starts it.
        :param check: raise ``FailedError`` when the exit code is not 0.
        """
        with self.start(argv, stdin, starting) as running:
            out = b"".join(running.chunks(timeout))
            result = Result(running.code(), out, running.err)
        if check and result.code:
            program = argv.split()[0] if isinstance(argv, str) else argv[0]
            said = clean_line((result.err or result.out).decode("utf-8", "replace"))
            raise FailedError(f"{program} on {self.name} failed with exit code {result.code}: {said}")
        return result


class _EndedError(Exception):
    """The far side takes no more input."""


class Running:
    """A command that runs on the far side."""

    def __init__(self, connection: Connection, channel: paramiko.Channel, stdin: Iterable[bytes]) -> None:
        self._connection = connection
        self._channel = channel
        self._fed = time.monotonic()
        self._fault: Exception | None = None
        self.err = b""
        """The last part of standard error."""
        self._chunks: queue.Queue[bytes | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=work, args=arguments, daemon=True)
            for work, arguments in ((self._feed, (stdin,)), (self._read_out, ()), (self._read_err, ()))
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def _feed(self, stdin: Iterable[bytes]) -> None:
        try:
            for block in stdin:
                self._send(block)
        except _EndedError:
            return  # the command ended without reading everything, or the connection dropped: the reader says which
        except Exception as error:
            self._fault = error
            self._channel.close()
            return
        with suppress(OSError):  # as above
            self._channel.shutdown_write()

    def _send(self, block: bytes) -> None:
        """In small parts: paramiko copies all that is left for every packet that it sends."""
        for start in range(0, len(block), _CHUNK):
            try:
                self._channel.sendall(block[start : start + _CHUNK])
            except OSError as error:
                raise _EndedError from error
            self._fed = time.monotonic()

    def _read_out(self) -> None:
        try:
            while chunk := self._channel.recv(_CHUNK):
                self._chunks.put(chunk)
        except OSError:
            pass  # closed: the exit code, or its absence, tells what happened
        self._chunks.put(None)

    def _read_err(self) -> None:
        try:
            while chunk := self._channel.recv_stderr(_CHUNK):
                self.err = (self.err + chunk)[-_STDERR_TAIL:]
        except OSError:
            return  # closed: as above

    def chunks(self, silence: float = SILENCE_SECONDS) -> Iterator[bytes]:
        """Standard output as it comes; raises ``ReachError`` after ``silence`` seconds without any."""
        while True:
            try:
                chunk = self._chunks.get(timeout=silence)
            except queue.Empty:
                if time.monotonic() - self._fed < silence:
                    continue
                raise self._connection._dropped(f"nothing heard for {silence:.0f} s") from None
            if chunk is None:
                return
            yield chunk

    def lines(self, silence: float = SILENCE_SECONDS) -> Iterator[str]:
        """Standard output line by line, without line ends."""
        rest = b""
        for chunk in self.chunks(silence):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")

    def code(self) -> int:
        """The exit code, after everything was read.

        Raises what its input raised, and ``ReachError`` when the connection ended before the code came.
        """
        if self._fault:
            raise self._fault
        if not self._channel.status_event.wait(CONNECT_SECONDS) or self._channel.exit_status < 0:
            raise self._connection._dropped()
        self._threads[-1].join(timeout=5)
        return self._channel.exit_status


def _dial(dialer: Dialer, host: str, port: int, timeout: float) -> Any:
    try:
        dialled = dialer.dial(host, port, timeout)
        # Logging in is a dialogue of small packets: Nagle's algorithm holds one back until the far side's delayed
        # acknowledgement of the one before comes, 40 ms later. OpenSSH's client switches it off, too.
        dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return dialled
    except OSError as error:
        raise ReachError(
            f"{host}:{port} cannot be reached ({clean_line(error.strerror or str(error))}).",
            "Check the network between here and there, and that the machine runs.",
        ) from error


def _connect_error(error: Exception, host: str, user: str) -> Exception:
    """``error`` from paramiko's connect as one for people; anything unexpected stays what it is."""
    said = clean_line(str(error))
    match error:
        case paramiko.BadHostKeyException():
            return HostKeyError(
                f"{host} shows another host key than the pinned one.",
                "If the machine was not rebuilt behind drucloud's back, someone may be in the way: do not go on.",
            )
        case paramiko.AuthenticationException():
            return ReachError(
                f"{host} does not accept the deployment's key for user {user}.",
                "The machine may still be starting; try again, or check that its key pair is this deployment's.",
            )
        case paramiko.SSHException() if "not found in known_hosts" in said:
            return HostKeyError(
                f"{host} does not offer a host key of the pinned kind.",
                "If the machine was not rebuilt behind drucloud's back, someone may be in the way: do not go on.",
            )
        case paramiko.SSHException() | OSError() | EOFError():
            return ReachError(
                f"{host} does not speak SSH with us ({said or type(error).__name__}).",
                "The machine may still be starting; try again in a moment.",
            )
    return error
