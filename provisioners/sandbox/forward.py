"""The loopback forwarder: the operator's browser opens a machine's site at http://127.0.0.1:PORT/."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16

Dial = Callable[[str, int], socket.socket]


class Forwarder:
    """One listening port on loopback for each address it was asked for, as long as the sandbox lives."""

    def __init__(self, dial: Dial) -> None:
        """:param dial: connects to a machine's address and port."""
        self._dial = dial
        self._listeners: dict[tuple[str, int], socket.socket] = {}
        self._lock = threading.Lock()

    def url(self, address: str, port: int = 80) -> str:
        """URL on loopback that leads to ``port`` of the machine at ``address``; the same one each time."""
        with self._lock:
            listener = self._listeners.get((address, port))
            if listener is None:
                listener = socket.create_server((_LOOPBACK, 0))
                self._listeners[address, port] = listener
                threading.Thread(
                    target=self._serve, args=(listener, address, port), name=f"forward {address}", daemon=True
                ).start()
        return f"http://{_LOOPBACK}:{listener.getsockname()[1]}/"

    def close(self) -> None:
        """Free every port."""
        with self._lock:
            for listener in self._listeners.values():
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
                listener.close()
            self._listeners.clear()

    def _serve(self, listener: socket.socket, address: str, port: int) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client, address, port), daemon=True).start()

    def _connect(self, client: socket.socket, address: str, port: int) -> None:
        with client:
            try:
                machine = self._dial(address, port)
            except OSError as error:
                log.warning("forward to %s:%d: %s", address, port, error)
                return
            with machine:
                machine.settimeout(None)
                there = threading.Thread(target=_pump, args=(client, machine), daemon=True)
                there.start()
                _pump(machine, client)
                there.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source ends, then tell the sink that no more comes."""
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    except OSError as error:
        log.debug("forward: %s", error)
    with contextlib.suppress(OSError):  # the other side may be gone already
        sink.shutdown(socket.SHUT_WR)
