"""The control socket: one JSON line asks, one JSON line answers; an answer may carry an open socket.

A Unix socket that only the operator can open (0600, in a 0700 folder). A dialled connection is handed over as a file
descriptor, so that the wizard needs neither root nor a way into the VPC's network itself.
"""

from __future__ import annotations

import array
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from profiles.errors import DrucloudError, FailedError, ReachError, UsageError

log = logging.getLogger(__name__)

_ERRORS: Mapping[str, type[DrucloudError]] = {kind.__name__: kind for kind in (FailedError, ReachError, UsageError)}
_LONGEST = 1 << 22

Handler = Callable[[dict[str, Any]], Any]
"""Takes the request's arguments; gives a JSON value, or a connected socket to hand over."""


class ControlServer:
    """Answers on the control socket, a thread a request."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        """:param handlers: by verb."""
        self._handlers = handlers
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._socket.listen(64)
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._path.unlink(missing_ok=True)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = json.loads(_read_line(connection))
                value = self._handlers[request.pop("verb")](request)
                if isinstance(value, socket.socket):
                    with value:
                        socket.send_fds(connection, [b"{}\n"], [value.fileno()])
                    return
                reply = {"value": value}
            except DrucloudError as error:
                reply = {"error": type(error).__name__, "what": error.what, "do": error.do}
            except OSError as error:
                reply = {"error": "OSError", "errno": error.errno, "what": str(error), "gai": _is_unknown_name(error)}
            except Exception as error:
                log.exception("control")
                reply = {"error": "FailedError", "what": f"The sandbox failed: {type(error).__name__}.", "do": ""}
            try:
                connection.sendall(json.dumps(reply).encode() + b"\n")
            except OSError:
                log.warning("the caller went away before its answer")


def _is_unknown_name(error: OSError) -> bool:
    return isinstance(error, socket.gaierror)


def ask(path: Path, verb: str, patience: float | None = 30.0, **arguments: Any) -> Any:
    """Ask the sandbox; raises its error as ours.

    :param patience: seconds to wait for the answer.
    :raises OSError: if the sandbox cannot be reached, or what it was asked to reach cannot.
    """
    with _asked(path, verb, patience, arguments) as connection:
        return _value(_read_line(connection))


def ask_socket(path: Path, verb: str, patience: float, **arguments: Any) -> socket.socket:
    """Ask for a connection; the socket is ours then."""
    with _asked(path, verb, patience, arguments) as connection:
        data, ancillary, _, _ = connection.recvmsg(1 << 16, socket.CMSG_LEN(array.array("i").itemsize))
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        if descriptors:
            os.set_inheritable(descriptors[0], False)
            return socket.socket(fileno=descriptors[0])
        while data and not data.endswith(b"\n"):
            data += connection.recv(1 << 16)
        _value(data)
        raise ConnectionError("the sandbox closed the connection")


def _asked(path: Path, verb: str, timeout: float | None, arguments: Mapping[str, Any]) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
    except BaseException:
        connection.close()
        raise
    return connection


def _read_line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        part = connection.recv(1 << 16)
        if not part or len(data) > _LONGEST:
            raise ConnectionError("the control connection was closed")
        data += part
    return data


def _value(line: bytes) -> Any:
    reply = json.loads(line or b'{"error": "OSError", "what": "the sandbox went away", "errno": 32}')
    if "error" not in reply:
        return reply.get("value")
    if reply["error"] in _ERRORS:
        raise _ERRORS[reply["error"]](reply["what"], reply["do"])
    if reply.get("gai"):
        raise socket.gaierror(reply["errno"], reply["what"])
    raise OSError(reply.get("errno") or 0, reply["what"])
