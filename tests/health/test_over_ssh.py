"""Looking over real SSH connections: one a machine, used again, several commands side by side; visits from the node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from health import cached, machine, site
from health.report import overall
from health.visit import NodeVisitor
from profiles.errors import ReachError
from provisioners.nodes import keys
from provisioners.nodes.reach import Connections, Machine
from provisioners.target import DirectDialer, Target
from tests.provisioners.nodes.ssh_server import SshServer, ssh_server

from .test_site import visitor_of


class Counting:
    """Leads every machine to the test's server, and counts connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled = 0

    def dial(self, host: str, port: int, timeout: float = 10.0):  # type: ignore[no-untyped-def]
        self.dialled += 1
        return DirectDialer().dial("127.0.0.1", self.port, timeout)


NODE = Machine("i-web", "10.0.0.1", "198.51.100.7", entrance_group="")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(keys.deployment_key(tmp_path).public, tmp_path) as serving:
        yield serving


@pytest.fixture
def dialer(server: SshServer) -> Counting:
    return Counting(server.port)


@pytest.fixture
def connections(server: SshServer, dialer: Counting, tmp_path: Path) -> Iterator[Connections]:
    keys.KnownHosts(tmp_path).pin("i-web", server.host_key)
    target = Target("sandbox", "0" * 12, "us-east-1", None, dialer, "machines")  # type: ignore[arg-type]
    opened = Connections(target, tmp_path)
    yield opened
    opened.close()


def test_a_web_server_is_visited_from_itself(connections: Connections, dialer: Counting) -> None:
    with visitor_of() as outside:
        node = NodeVisitor(connections, NODE, "web server 2", "www.example.org", outside.address)
        found = [*cached.micro_cache(node), *cached.static_files(node, node.get("/")), site.denied(node)]
    assert {item.subject for item in found} == {"web server 2"}
    assert overall([item for item in found if item.name != "site.denied"]) == "ok", found
    assert found[-1].status == "fail"  # the test's server refuses nothing
    assert dialer.dialled == 1


def test_one_that_does_not_answer_is_asked_once(connections: Connections) -> None:
    with visitor_of() as outside:
        pass
    node = NodeVisitor(connections, NODE, "web server", "www.example.org", outside.address)
    (seen,) = cached.micro_cache(node)
    assert (seen.name, seen.status) == ("micro-cache.miss", "fail")


def test_a_slow_command_does_not_hold_up_another_on_the_same_connection(
    connections: Connections, dialer: Counting, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            connections.run, NODE, ["sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.05; done; echo slow"]
        )
        try:
            assert connections.run(NODE, ["echo", "quick"]).text == "quick\n"
            assert not slow.done()
        finally:
            gate.touch()
        assert slow.result(60).text == "slow\n"
    assert dialer.dialled == 1


def test_many_rounds_use_one_connection(connections: Connections, dialer: Counting) -> None:
    barrier = threading.Barrier(4)

    def look(_: int) -> str:
        barrier.wait(60)
        return connections.run(NODE, machine.command("files")[2:], machine.program()).text

    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert all('"memory"' in text for text in pool.map(look, range(4)))
    assert dialer.dialled == 1


def test_a_connection_that_broke_is_made_anew(connections: Connections, dialer: Counting, server: SshServer) -> None:
    connections.run(NODE, ["true"])
    connections._open["i-web"].close()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            assert connections.run(NODE, ["echo", "again"]).text == "again\n"
            break
        except ReachError:
            time.sleep(0.1)
    assert dialer.dialled == 2
