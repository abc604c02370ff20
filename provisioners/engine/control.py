"""The engine's ear: a Unix socket (0600) on which views ask it to stop, to roll back or to go on.

One line a connection, one line back: ``ok``, or a sentence why not.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from profiles.errors import FailedError, UsageError

Command = Literal["stop", "rollback", "continue"]

_LONGEST_PATH = 100
"""Bytes a Unix socket's address may have (108 on Linux, 104 on macOS, with the closing NUL), with some room."""


def socket_path(folder: Path) -> Path:
    """Where the engine of the deployment in ``folder`` listens.

    In the folder itself, or where that path is too long for a socket, under a short name in a folder of ours (0700)
    among the temporary ones.
    """
    path = folder / "control.sock"
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    short = Path(tempfile.gettempdir()) / f"drucloud-{os.getuid()}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if status.st_uid != os.getuid() or short.is_symlink() or status.st_mode & 0o077:
        raise FailedError(f"{short} is not a private folder of yours.", "Remove it, or set TMPDIR to one that is.")
    return short / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock"


def send(folder: Path, command: Command) -> None:
    """Say ``command`` to the engine of the deployment in ``folder``; ``UsageError`` when none listens or it refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        try:
            connection.connect(str(socket_path(folder)))
            connection.sendall(f"{command}\n".encode())
            answer = connection.makefile(encoding="utf-8").readline().strip()
        except (FileNotFoundError, ConnectionError) as error:
            raise UsageError("No engine is at work on this deployment.") from error
        except OSError as error:
            raise FailedError(f"The engine does not answer: {error}.", "Look into its log.") from error
    if answer != "ok":
        raise UsageError(answer or "The engine ended before it answered.")


async def listen(folder: Path, handle: Callable[[Command], str]) -> asyncio.Server:
    """Start to listen. ``handle`` is called in the event loop; it returns ``""`` or why it does not do it."""
    path = socket_path(folder)
    with suppress(FileNotFoundError):
        path.unlink()  # of an engine that was killed; whoever gets here holds the lock

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            word = (await reader.readline()).decode(errors="replace").strip()
            answer = handle(word) if word in get_args(Command) else "unknown command"  # type: ignore[arg-type]
            writer.write(f"{answer or 'ok'}\n".encode())
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the view went away, or sent a line without end: its loss alone
        finally:
            writer.close()

    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(serve, path)
    finally:
        os.umask(before)
