"""DNS against a real name server: the domain leads here or elsewhere, the mail's records are there or not."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from health import names

pytestmark = pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq")

ALL = (
    "--address=/www.example.org/203.0.113.7",
    "--address=/lb.example.net/203.0.113.7",
    "--txt-record=www.example.org,v=spf1 include:amazonses.com -all",
    "--txt-record=_dmarc.www.example.org,v=DMARC1; p=none",
)


@contextmanager
def name_server(*records: str) -> Iterator[names.Resolver]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
         "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}", "--local=/#/", "--log-facility=-",
         *records],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        resolver = names.Resolver("127.0.0.1", port)
        for _ in range(1000):
            try:
                resolver("www.example.org", "A")
                break
            except OSError:
                time.sleep(0.01)
        yield resolver
    finally:
        process.terminate()
        process.wait(10)


def test_all_is_well() -> None:
    with name_server(*ALL) as look:
        found = [
            *names.leads_here("www.example.org", "203.0.113.7", look),
            *names.leads_here("www.example.org", "lb.example.net", look),
            *names.mail_records("www.example.org", look),
        ]
    assert [item.status for item in found] == ["ok"] * 4, found


def test_it_leads_elsewhere_or_nowhere_and_the_mail_is_not_believed() -> None:
    with name_server("--address=/www.example.org/198.51.100.1") as look:
        (elsewhere,) = names.leads_here("www.example.org", "203.0.113.7", look)
        (nowhere,) = names.leads_here("shop.example.org", "203.0.113.7", look)
        mail = names.mail_records("www.example.org", look)
    assert (elsewhere.status, elsewhere.value) == ("fail", "198.51.100.1")
    assert "does not exist" in nowhere.why
    assert [item.status for item in mail] == ["warn", "warn"]


def test_a_name_server_that_is_silent_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SECONDS", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        (seen,) = names.leads_here(
            "www.example.org", "203.0.113.7", names.Resolver("127.0.0.1", silent.getsockname()[1])
        )
    assert seen.status == "unknown"
