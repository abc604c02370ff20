"""The certificate of servers that share files: who asks, and who takes what another has got.

The ACME server itself and nginx are in test_fleet and test_machines; here the asking is counted and OpenSSL signs.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from provisioners.nodes import role
from tests.provisioners.nodes.test_node_programs import load

DOMAIN = "www.example.org"


class Server:
    """One web server: a folder of its own, and the shared one."""

    def __init__(self, root: Path, name: str, patch: pytest.MonkeyPatch, asked: list[str]) -> None:
        patch.setitem(sys.modules, "certificate", ModuleType("certificate"))  # dataclasses look their module up
        self.program: Any = load(role.ROLES / "web" / "certificate.py")
        self.program.FOLDER, self.program.SHARED = root / name, root / "shared"
        self.program.FOLDER.mkdir()
        self.program.must = self._must
        self.program.ask = functools.partial(self._ask, name, asked)
        self.place = self.program.Place.of(True)

    def _must(self, *argv: str) -> str:
        if argv[0] not in ("nginx", "systemctl"):  # neither runs here
            subprocess.run(argv, check=True, capture_output=True)
        return ""

    def _ask(self, name: str, asked: list[str], domain: str, server: str, place: Any) -> None:
        asked.append(name)
        key, certificate = place.issued(domain)
        key.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "90", "-subj", "/CN=signed", "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip

    def used(self) -> bytes:
        return bytes((self.program.FOLDER / "fullchain.pem").read_bytes())


@pytest.fixture
def asked() -> list[str]:
    """Who has asked for a certificate."""
    return []


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> tuple[Server, Server]:
    one, other = (Server(tmp_path, name, monkeypatch, asked) for name in ("web", "web2"))
    for server in (one, other):
        server.program.self_sign(DOMAIN)
        server.place.make()
        server.program.leads_here = lambda domain, place: True
    return one, other


def test_one_asks_and_the_other_takes_what_it_got(pair: tuple[Server, Server], asked: list[str]) -> None:
    one, other = pair
    assert one.used() != other.used(), "each has signed for itself"
    threads = [threading.Thread(target=server.program.renew, args=(DOMAIN, "", server.place)) for server in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    assert one.used() == other.used()
    assert all(server.program.fresh_enough(DOMAIN, server.place) for server in pair)
    assert oct(one.place.lock.parent.stat().st_mode & 0o777) == "0o700", "the key is root's alone"
    assert oct((other.program.FOLDER / "privkey.pem").stat().st_mode & 0o777) == "0o600"


def test_one_that_comes_later_takes_it_too_and_one_that_nears_its_end_is_asked_for_again(
    pair: tuple[Server, Server], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.program.renew(DOMAIN, "", one.place)
    assert not other.program.fresh_enough(DOMAIN, other.place)
    other.program.renew(DOMAIN, "", other.place)
    assert asked == ["web"]
    monkeypatch.setattr(other.program, "RENEW_SECONDS", 91 * 86400)
    other.program.renew(DOMAIN, "", other.place)
    assert asked == ["web", "web2"]
    assert not one.program.fresh_enough(DOMAIN, one.place), "it sees that there is a newer one"


@contextlib.contextmanager
def serving(root: Path) -> Iterator[int]:
    """nginx's part: the shared folder over HTTP."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_domain_leads_here_when_it_leads_to_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    one, other = (Server(tmp_path, name, monkeypatch, asked) for name in ("web", "web2"))
    one.place.make()
    with serving(other.place.webroot) as port:
        real = one.program.http.client.HTTPConnection
        monkeypatch.setattr(
            one.program.http.client, "HTTPConnection", lambda host, _, timeout: real("127.0.0.1", port, timeout=timeout)
        )
        assert one.program.leads_here(DOMAIN, one.place), "the other serves the answer that this one wrote"
        assert list(one.place.challenges.iterdir()) == []
        alone = one.program.Place(tmp_path / "le", tmp_path / "own", tmp_path / "lock")
        alone.make()
        assert not one.program.leads_here(DOMAIN, alone), "an answer that lies on one machine only is not found"
