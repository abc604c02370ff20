"""A small SSH server on loopback: runs what it is told with the local shell, and forwards TCP. For tests only."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko


class _Session(paramiko.ServerInterface):
    def __init__(self, accepted: str, home: Path) -> None:
        self._accepted = accepted
        self._home = home
        self.forwards: dict[int, tuple[str, int]] = {}
        self.used_key = ""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = f"{key.get_name()} {key.get_base64()}" == self._accepted
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: tuple[str, int]) -> int:
        self.forwards[chanid] = destination
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._execute, args=(channel, command.decode()), daemon=True).start()
        return True

    def _execute(self, channel: paramiko.Channel, command: str) -> None:
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=self._home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        pumps = [
            threading.Thread(target=_copy, args=(process.stdout.read, channel.sendall), daemon=True),  # type: ignore[union-attr]
            threading.Thread(target=_copy, args=(process.stderr.read, channel.sendall_stderr), daemon=True),  # type: ignore[union-attr]
        ]
        feed = threading.Thread(target=_feed, args=(channel, process), daemon=True)
        for thread in (*pumps, feed):
            thread.start()
        for thread in pumps:
            thread.join()
        with contextlib.suppress(OSError):
            channel.send_exit_status(process.wait())
            channel.close()


def _copy(read: Any, write: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        while chunk := read(32768):
            write(chunk)


def _feed(channel: paramiko.Channel, process: Any) -> None:
    _copy(channel.recv, process.stdin.write)
    with contextlib.suppress(OSError):
        process.stdin.close()


class SshServer:
    """Accepts one key; ``port`` and ``host_key`` say how to reach it. ``drop()`` cuts every connection."""

    def __init__(self, accepted: str, home: Path, host_key: paramiko.PKey | None = None) -> None:
        self._key = host_key or paramiko.ECDSAKey.generate()
        self._accepted = accepted
        self._home = home
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.host_key = f"{self._key.get_name()} {self._key.get_base64()}"
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self._key)
        session = _Session(self._accepted, self._home)
        self._transports.append(transport)
        held = []  # paramiko closes a channel that nobody refers to
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=session)
            while transport.is_active():
                channel = transport.accept(0.5)
                held.append(channel)
                if channel is not None and channel.chanid in session.forwards:
                    _forward(channel, session.forwards[channel.chanid])

    def drop(self) -> None:
        for transport in self._transports:
            transport.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # or the thread in accept() keeps it open
        self._listening.close()
        self.drop()


def _forward(channel: paramiko.Channel, destination: tuple[str, int]) -> None:
    far = socket.create_connection(destination, 5)
    for read, write in ((far.recv, channel.sendall), (channel.recv, far.sendall)):
        threading.Thread(target=_copy, args=(read, write), daemon=True).start()


@contextlib.contextmanager
def ssh_server(accepted: str, home: Path, host_key: paramiko.PKey | None = None) -> Iterator[SshServer]:
    server = SshServer(accepted, home, host_key)
    try:
        yield server
    finally:
        server.close()
