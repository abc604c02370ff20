#!/usr/bin/python3
"""What only the web node can see, as one JSON object: OPcache, APCu, FPM's status, memcached and the database.

Asks PHP-FPM over its own socket (FastCGI), so that it sees what the site's workers see; nothing of it is reachable over
HTTP. ``--ping`` only asks whether FPM answers. Exit code 1 when FPM does not answer.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from typing import BinaryIO

SOCKET = "/run/php/drucloud.sock"
SCRIPT = "/usr/lib/drucloud/probe.php"
BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


class ProbeError(Exception):
    """FPM did not answer; the text says why."""


def record(kind: int, content: bytes) -> bytes:
    """One FastCGI record of request 1."""
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def length(size: int) -> bytes:
    """A FastCGI name or value length."""
    return struct.pack(">B", size) if size < 128 else struct.pack(">I", size | 0x80000000)


def received(stream: BinaryIO) -> tuple[bytes, bytes]:
    """The parts of standard output and of standard error of the answer."""
    out, err = b"", b""
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise ProbeError("PHP-FPM ended the connection in the middle of its answer")
        _, kind, _, size, padding = struct.unpack(">BBHHBx", head)
        content = stream.read(size + padding)[:size]
        if kind == STDOUT:
            out += content
        elif kind == STDERR:
            err += content
        elif kind == END:
            return out, err


def ask(script: str, path: str, query: str = "") -> str:
    """The body FPM gives for ``path``."""
    values = {
        "SCRIPT_FILENAME": script,
        "SCRIPT_NAME": path,
        "REQUEST_URI": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1",
    }
    pairs = b"".join(
        length(len(name)) + length(len(value)) + name.encode() + value.encode() for name, value in values.items()
    )
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(SOCKET)
            connection.sendall(
                record(BEGIN, struct.pack(">HB5x", 1, 0))
                + record(PARAMS, pairs)
                + record(PARAMS, b"")
                + record(STDIN, b"")
            )
            with connection.makefile("rb") as stream:
                out, err = received(stream)
    except OSError as error:
        raise ProbeError(f"PHP-FPM does not answer on {SOCKET}: {error}") from error
    head, _, body = out.partition(b"\r\n\r\n")
    if b"Status: " in head and b"Status: 200" not in head:
        raise ProbeError(f"PHP-FPM gave {head.splitlines()[0].decode()} for {path}: {err.decode('utf-8', 'replace')}")
    return body.decode("utf-8", "replace")


def main(ping: bool) -> int:
    """Print what was seen; the exit code."""
    try:
        if ping:
            print(f"PHP-FPM says {ask('/fpm-ping', '/fpm-ping')}")
            return 0
        result = json.loads(ask(SCRIPT, SCRIPT))
        result["fpm"] = json.loads(ask("/fpm-status", "/fpm-status", "json"))
    except (ProbeError, ValueError) as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main("--ping" in sys.argv[1:]))
