"""Relays: what listens inside a VPC's namespace and connects outside of it, one thread for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

_CHUNK = 65536


class Relays:
    """Runs relays until :meth:`close`; one event loop in one thread, started with the first of them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self._thread.start()
        self._servers: dict[str, list[asyncio.Server]] = {}

    def add(self, group: str, listener: socket.socket, to_host: str, to_port: int) -> None:
        """Lead every connection that ``listener`` takes to ``to_host:to_port``, until :meth:`remove` of ``group``."""

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection(to_host, to_port)
            except OSError:  # nobody there: the caller sees its connection end, as through any proxy
                writer.close()
                return
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
            for side in (writer, far_writer):
                side.close()

        async def serve() -> None:
            server = await asyncio.start_server(accepted, sock=listener)
            self._servers.setdefault(group, []).append(server)

        asyncio.run_coroutine_threadsafe(serve(), self._loop).result()

    def remove(self, group: str) -> None:
        """Stop listening for ``group``; connections that are open run to their end."""

        async def stop() -> None:
            for server in self._servers.pop(group, []):
                server.close()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()

    def close(self) -> None:
        """Stop everything."""
        for group in list(self._servers):
            self.remove(group)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end of ``reader``, then pass the end on."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, ConnectionError):
        with contextlib.suppress(OSError):
            writer.close()
