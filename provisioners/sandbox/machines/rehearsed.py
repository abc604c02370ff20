"""One connection to a rehearsed machine: the converge program in check mode, and nothing else.

What arrives on standard input is a program and a bundle. The program is compared with the one that drucloud ships, byte
for byte, and that one is run: no text from the network is ever executed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from socket import socket

import paramiko

from provisioners.nodes import apply

_CHUNK = 32768
_REFUSED = 126
_CHECK = "--check"


class Rehearsed:
    """A session of the embedded SSH server.

    :param public_key: the only key that may log in (an OpenSSH line).
    :param folder: the machine's folder; an empty root for the program is made in it.
    :param connect: opens a connection to another machine of the VPC.
    """

    def __init__(self, public_key: str, folder: Path, connect: Callable[[str, int], socket]) -> None:
        self._public_key = " ".join(public_key.split()[:2])
        self._folder = folder
        self._connect = connect

    def accepts(self, public_key: str) -> bool:
        """Whether this is the instance's key pair."""
        return bool(self._public_key) and public_key == self._public_key

    def connect(self, host: str, port: int) -> socket:
        """A forwarded connection, as the admin node gives it; only to what is rehearsed."""
        return self._connect(host, port)

    def run(self, command: str, channel: paramiko.Channel, environment: dict[str, str]) -> int:
        """Run the converge program in check mode, if that is what is asked for."""
        program = apply.program()
        if not is_converge(command):
            return _refuse(channel, "this machine is rehearsed: it runs drucloud's converge program and nothing else")
        if _read(channel, len(program)) != program:
            return _refuse(channel, "this is not the converge program of this drucloud")
        root = self._folder / "root"
        root.mkdir(mode=0o700, exist_ok=True)
        argv = [sys.executable, *apply.command()[1:], _CHECK, "--root", str(root)]
        with subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=root,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            bufsize=0,
        ) as process:
            feeder = threading.Thread(target=_feed, args=(program, channel, process), daemon=True)
            feeder.start()
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            while data := process.stdout.read(_CHUNK):
                channel.sendall(data)
            return process.wait()


def is_converge(command: str) -> bool:
    """Whether a command line is the converge program's, as ``nodes.apply`` starts it, with or without ``--check``."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return words in (["sudo", "-n", *apply.command(check)] for check in (False, True))


def _refuse(channel: paramiko.Channel, why: str) -> int:
    channel.sendall_stderr(f"drucloud: {why}\n".encode())
    return _REFUSED


def _read(channel: paramiko.Channel, size: int) -> bytes:
    """Exactly ``size`` bytes, or fewer at the end."""
    data = b""
    while len(data) < size and (chunk := channel.recv(size - len(data))):
        data += chunk
    return data


def _feed(program: bytes, channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        process.stdin.write(program)
        while data := channel.recv(_CHUNK):
            process.stdin.write(data)
    except OSError:
        return  # one side is gone: the program has ended or will, at the end of its input
    finally:
        process.stdin.close()
