"""What a server of the group does at its first boot, as far as it needs no machine: the real program, a real socket."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from provisioners.nodes import role

NODES = "a.x.0001.use1.cache.amazonaws.com|10.0.0.1|11211 b.x.0002.use1.cache.amazonaws.com||11212"
ELASTICACHE = f"CONFIG cluster 0 99\r\n12\n{NODES}\n\r\nEND\r\n".encode()


def program() -> Any:
    loader = importlib.machinery.SourceFileLoader("boot", str(role.ROLES / "image" / "boot.py"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("boot", loader))
    loader.exec_module(module)
    return module


@contextmanager
def memcached(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers once, in two pieces."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(100))
                connection.sendall(answer[:7])
                connection.sendall(answer[7:])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(10)


def test_elasticache_tells_its_nodes_itself() -> None:
    with memcached(ELASTICACHE) as (port, asked):
        found = program().discover("127.0.0.1", port, 1)
    assert asked == [b"config get cluster\r\n"]
    assert found == [
        {"host": "a.x.0001.use1.cache.amazonaws.com", "port": 11211},
        {"host": "b.x.0002.use1.cache.amazonaws.com", "port": 11212},
    ]


def test_a_plain_memcached_has_the_nodes_that_follow_from_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = program()
    with memcached(b"ERROR\r\n") as (port, _):
        real = socket.create_connection
        monkeypatch.setattr(boot.socket, "create_connection", lambda _, seconds: real(("127.0.0.1", port), seconds))
        found = boot.discover("d.x.cfg.use1.cache.amazonaws.com", 11211, 2)
    assert [node["host"] for node in found] == [f"d.x.000{number}.use1.cache.amazonaws.com" for number in (1, 2)]


def test_the_settings_of_the_image_are_kept_and_what_is_told_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = program()
    monkeypatch.setattr(boot, "discover", lambda host, port, nodes: [{"host": host, "port": port}] * nodes)
    baked = {"url": "ssh://git@x/y", "database": {"ca": "/ca", "host": "", "name": "drupal", "port": 3306}}
    told = json.loads(
        '{"cache": {"host": "c", "nodes": 2, "port": "11211"}, "database": {"host": "d", "port": "3307"},'
        ' "secret_arn": "arn:s", "services": {"search": {"host": "s"}}}'
    )
    assert boot.merged(baked, told) == {
        "url": "ssh://git@x/y",
        "database": {"ca": "/ca", "host": "d", "name": "drupal", "port": "3307"},
        "memcached": [{"host": "c", "port": 11211}] * 2,
        "secret_arn": "arn:s",
        "services": {"search": {"host": "s"}},
    }
