"""Several addresses under one name: each server by itself, and the site by the first that lets a visitor in."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from health import fleet, names, outside
from health.entrances import InTurn
from health.machines import Standing
from health.report import Finding
from health.scene import Scene
from provisioners.nodes.reach import Machine
from provisioners.target import Target
from tests.health.test_site import Node
from tests.provisioners.aws import lifecycle_names
from tests.provisioners.aws.stack import Stack

ADDRESSES = ("192.0.2.1", "192.0.2.2")
DOMAIN = "www.example.org"


class Ways:
    """Leads addresses to ports of this computer; to all others there is no way."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.ports = ports

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        if host not in self.ports or port != 80:
            raise ConnectionRefusedError(f"nobody at {host}:{port}")
        return socket.create_connection(("127.0.0.1", self.ports[host]), timeout)


@contextmanager
def server(**faults: Any) -> Iterator[int]:
    node = type("AnyNode", (Node,), {**faults, "kept": set()})
    serving = ThreadingHTTPServer(("127.0.0.1", 0), node)
    thread = Thread(target=serving.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield serving.server_port
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


def seen(ports: Mapping[str, int]) -> dict[tuple[str, str], Finding]:
    """What is found of the site's and each server's status, by check and subject."""
    machines = [
        Standing("web", subject, Machine(f"i-{address}", "10.0.0.1", address, "sg-1", "192.0.2.9", "i-9"), {})
        for subject, address in zip(("web server", "web server 2"), ADDRESSES, strict=True)
    ]
    target: Any = SimpleNamespace(dialer=Ways(ports), name="sandbox", mode="machines")
    properties = {"Address": ADDRESSES[0], "Addresses": list(ADDRESSES), "Domain": DOMAIN}
    scene = Scene(properties, target, None, None, machines)  # type: ignore[arg-type]
    probes = [one for one in outside.probes(scene) if one.name in ("site.status", "tls.certificate")]
    assert len(probes) == 5, "the site, and status and certificate of each server"
    return {(item.name, item.subject): item for probe in probes for item in probe.look()}


def test_a_server_that_is_out_is_named_and_the_site_is_up() -> None:
    with server() as second:
        found = seen({ADDRESSES[1]: second})
    assert found["site.status", DOMAIN].status == "ok"
    assert found["site.status", "web server 2"].status == "ok"
    assert found["site.status", "web server"].status == "fail"


def test_a_server_that_answers_with_errors_is_not_hidden_by_the_other() -> None:
    with server() as first, server(status=503) as second:
        found = seen(dict(zip(ADDRESSES, (first, second), strict=True)))
    assert found["site.status", "web server"].status == found["site.status", DOMAIN].status == "ok"
    assert (found["site.status", "web server 2"].status, found["site.status", "web server 2"].value) == ("fail", "503")


def test_when_nobody_lets_in_the_first_reason_is_told_and_other_names_are_dialled_as_they_are() -> None:
    with pytest.raises(ConnectionRefusedError, match=ADDRESSES[0]):
        InTurn(Ways({}), ADDRESSES).dial(ADDRESSES[1], 80)
    with pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.77"):
        InTurn(Ways({}), ADDRESSES).dial("192.0.2.77", 80)


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (set(ADDRESSES), "ok", "leads to the web servers"),
        ({ADDRESSES[0]}, "warn", f"leads nobody to {ADDRESSES[1]}"),
        ({*ADDRESSES, "203.0.113.5"}, "fail", "some visitors to 203.0.113.5"),
        (set(), "fail", "does not exist"),
    ],
)
def test_dns_leads_to_all_servers_and_nowhere_else(found: set[str], status: str, words: str) -> None:
    (said,) = names.spreads_here(DOMAIN, ADDRESSES, lambda name, kind: found)
    assert said.status == status and words in said.why


def test_route_53s_word_on_a_server(stack: Stack, target: Target) -> None:
    check = stack.make("Check", "AWS::Route53::HealthCheck", **lifecycle_names.check(stack))["Ref"]
    (nobody,) = fleet.health_check(target, check, "web server")
    assert (nobody.status, nobody.value) == ("unknown", "0 of 0 checkers")
    stack.remove("Check")
    (gone,) = fleet.health_check(target, check, "web server")
    assert (gone.status, gone.value) == ("fail", "gone")


@pytest.mark.parametrize(("well", "status"), [(16, "ok"), (3, "ok"), (2, "fail")])
def test_few_checkers_are_enough_as_for_route_53_itself(
    target: Target, monkeypatch: pytest.MonkeyPatch, well: int, status: str
) -> None:
    """More than 18 % of the checkers: three of sixteen."""
    said = ["Success: HTTP Status Code 200, OK"] * well + ["Failure: Connection timed out."] * (16 - well)
    rows = [{"StatusReport": {"Status": text}} for text in said]
    told = SimpleNamespace(get_health_check_status=lambda HealthCheckId: {"HealthCheckObservations": rows})
    monkeypatch.setattr(type(target.aws), "client", lambda self, service: told)
    (found,) = fleet.health_check(target, "a", "web server 2")
    assert found.status == status
    assert status == "ok" or "Connection timed out" in found.why
