"""Network namespaces: the one function that runs ``ip``, and sockets made inside a namespace."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from profiles.errors import FailedError

NAMED = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


def ip(*commands: str, netns: str = "", ignore_errors: bool = False) -> None:
    """Run ``ip`` commands as one batch, in the named namespace if one is given.

    Raises :class:`FailedError` with what ``ip`` said, unless ``ignore_errors``: then the rest is still done.
    """
    where = ["-n", netns] if netns else []
    force = ["-force"] if ignore_errors else []
    result = subprocess.run(
        ["ip", *where, *force, "-batch", "-"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0 and not ignore_errors:
        raise FailedError(f"The sandbox's network could not be set up: {result.stderr.strip() or commands}.")


def add(name: str) -> None:
    """Make the named namespace with its loopback up; nothing happens if it is there."""
    if not (NAMED / name).exists():
        ip(f"netns add {name}")
        ip("link set lo up", netns=name)


def delete(name: str) -> None:
    """Remove the named namespace and everything in it; nothing happens if there is none."""
    if (NAMED / name).exists():
        ip(f"netns del {name}")


def inside(name: str, work: Callable[[], T]) -> T:
    """What ``work`` returns (or raises) when it runs inside the named namespace.

    It runs in a short-lived thread: ``setns`` is per thread, so no other code can find itself in there.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def enter() -> None:
        try:
            descriptor = os.open(NAMED / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, f"cannot enter network namespace {name}: {os.strerror(number)}")
            finally:
                os.close(descriptor)
            results.append(work())
        except BaseException as error:  # handed to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=enter, name=f"netns {name}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def listen(name: str, address: str, port: int) -> socket.socket:
    """A listening TCP socket inside the namespace. It stays usable from outside of it."""
    return inside(name, lambda: socket.create_server((address, port), backlog=128))


def connect(name: str, address: str, port: int, timeout: float) -> socket.socket:
    """A TCP socket connected from inside the namespace; raises ``OSError``."""
    return inside(name, lambda: socket.create_connection((address, port), timeout))
