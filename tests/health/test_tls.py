"""TLS against real servers: a good certificate, and each way in which one is bad."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from health import tls
from health.report import Finding
from provisioners.target import DirectDialer

from .certificates import Authority

HOST = "www.example.org"


class Redirecting(BaseHTTPRequestHandler):
    """Plain HTTP that leads to HTTPS, or does not."""

    leads = True

    def do_GET(self) -> None:
        self.send_response(301 if self.leads else 200)
        if self.leads:
            self.send_header("Location", f"https://{HOST}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def tls_server(folder: Path, chain: bytes, key: bytes, http2: bool = True) -> Iterator[int]:
    """A server that only shakes hands; its port."""
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)
    how = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    how.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    how.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with how.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                connection.close()  # the client refused our certificate

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    return made


def look(port: int) -> dict[str, Finding]:
    seen = tls.Look(DirectDialer(), "127.0.0.1", HOST, expected=False, port=port)()
    return {item.name: item for item in seen}


def test_a_good_certificate_and_http2(authority: Authority, tmp_path: Path) -> None:
    with tls_server(tmp_path, *authority.certificate(HOST, 80)) as port:
        seen = look(port)
    assert {item.status for item in seen.values()} == {"ok"}
    assert seen["tls.certificate"].value == "80 days left"
    assert "Test authority" in seen["tls.certificate"].why
    assert seen["tls.http2"].value == "TLSv1.3, HTTP/2"


@pytest.mark.parametrize(
    ("host", "days", "status", "words"),
    [
        (HOST, -3, "fail", "expired on"),
        (HOST, 3, "fail", "good until"),
        (HOST, 12, "warn", "good until"),
        ("other.example.org", 80, "fail", "not valid for"),
    ],
)
def test_a_bad_certificate_is_named(
    authority: Authority, tmp_path: Path, host: str, days: float, status: str, words: str
) -> None:
    with tls_server(tmp_path, *authority.certificate(host, days)) as port:
        seen = look(port)["tls.certificate"]
    assert (seen.status, bool(seen.remedy)) == (status, True)
    assert words in seen.why


def test_an_authority_nobody_trusts(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with tls_server(tmp_path, *authority.certificate(HOST, 80)) as port:
        seen = look(port)["tls.certificate"]
    assert seen.status == "fail"
    assert "not trusted" in seen.why


def test_a_machines_own_placeholder_is_a_warning(tmp_path: Path) -> None:
    with tls_server(tmp_path, *Authority(tmp_path, tls.PLACEHOLDER).certificate(HOST, 3650)) as port:
        seen = look(port)["tls.certificate"]
    assert (seen.status, seen.value) == ("warn", "self-signed")


def test_http2_is_missed(authority: Authority, tmp_path: Path) -> None:
    with tls_server(tmp_path, *authority.certificate(HOST, 80), http2=False) as port:
        assert look(port)["tls.http2"].status == "warn"


def test_nobody_speaks_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert look(port) == {}
    (seen,) = tls.Look(DirectDialer(), "127.0.0.1", HOST, expected=True, port=port)()
    assert (seen.name, seen.status) == ("tls.certificate", "fail")


@pytest.mark.parametrize(("leads", "status"), [(True, "ok"), (False, "fail")])
def test_plain_http_has_to_lead_to_https(authority: Authority, tmp_path: Path, leads: bool, status: str) -> None:
    plain = ThreadingHTTPServer(("127.0.0.1", 0), type("Plain", (Redirecting,), {"leads": leads}))
    thread = threading.Thread(target=plain.serve_forever, args=(0.02,))
    thread.start()

    class Ports:
        """Port 80 of the site is where our plain server listens."""

        def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
            return socket.create_connection((host, plain.server_port if port == 80 else port), timeout)

    try:
        with tls_server(tmp_path, *authority.certificate(HOST, 80)) as port:
            seen = {item.name: item for item in tls.Look(Ports(), "127.0.0.1", HOST, expected=True, port=port)()}
    finally:
        plain.shutdown()
        thread.join()
        plain.server_close()
    assert seen["tls.redirect"].status == status
    assert seen["tls.certificate"].status == "ok"
