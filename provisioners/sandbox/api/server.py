"""moto's server as the sandbox runs it: over HTTP on loopback, every call authenticated and one at a time."""

from __future__ import annotations

import errno
import io
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from profiles.errors import UsageError
from provisioners.sandbox.api import credentials
from provisioners.sandbox.api.world import World

StartResponse = Callable[..., Any]
LOOPBACK = "127.0.0.1"


class QuietHandler(MotoRequestHandler):
    """Logs failures only: a deployment polls a thousand times."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing below a server error."""
        if str(code).startswith("5"):
            super().log_request(code, size)


class Gate:
    """The WSGI application in front of moto: checks the signature, then lets one call in at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        if environ["PATH_INFO"].startswith("/moto-api"):  # moto's own back door: resets everything, unsigned
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b""]
        body = _read(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        with self._world.lock:
            found = credentials.fault(environ, body)
            if found is None:
                return list(self._moto(environ, start_response))
        status, content_type, answer = credentials.refusal(*found)
        start_response(f"{status} Refused", [("Content-Type", content_type), ("Content-Length", str(len(answer)))])
        return [answer] if environ["REQUEST_METHOD"] != "HEAD" else []


def _read(environ: dict[str, Any]) -> bytes:
    """The whole body; afterwards the request has a length even if it came in chunks."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body = bytes(stream.read())
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        return body
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


class ApiServer:
    """The HTTP server in a thread of its own."""

    def __init__(self, world: World, port: int = 0) -> None:
        """Bind, without serving yet.

        :param port: 0 picks a free one.
        :raises UsageError: if the port is in use.
        """
        try:
            # Werkzeug turns this error into an exit of the process, so the port is tried first.
            _probe(port)
            self._server: BaseWSGIServer = make_server(
                LOOPBACK, port, Gate(world), threaded=True, request_handler=QuietHandler
            )
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise UsageError(
                f"Port {port} on {LOOPBACK} is in use or not allowed.",
                "Choose another port, or leave the choice to us.",
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="api", daemon=True)

    @property
    def endpoint(self) -> str:
        """URL of the API."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _probe(port: int) -> None:
    if port:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((LOOPBACK, port))
