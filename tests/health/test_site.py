"""The site probes against a real HTTP server that behaves like a good, or a broken, web node."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from health import cached, outside, site
from health.report import Finding, overall
from health.visit import Visitor
from provisioners.target import DirectDialer

Headers = dict[str, str]


class Node(BaseHTTPRequestHandler):
    """Answers like nginx with a micro-cache in front of a site; class attributes break it."""

    protocol_version = "HTTP/1.1"
    micro_cache = True
    honours_vary = False
    leaks_sessions = False
    status = 200
    page = b'<link href="/far/a.css?v=1"><img src="/sites/default/files/styles/wide/a.png?itok=x">'
    page_headers: Headers = {"Cache-Control": "max-age=900, public"}
    static_headers: Headers = {"Cache-Control": "public, max-age=31536000", "Access-Control-Allow-Origin": "*"}
    kept: set[str] = set()

    def version_string(self) -> str:
        return "nginx"

    def do_GET(self) -> None:
        cookie = self.headers.get("Cookie", "")
        key = self.path + (cookie if self.honours_vary else "")
        answer = {**self.page_headers, "Content-Length": str(len(self.page)), "X-Content-Type-Options": "nosniff"}
        if self.path.startswith(("/far", "/sites/default/files/styles")):
            answer |= self.static_headers
        if self.micro_cache:
            answer["X-Micro-Cache"] = self._cached(key, cookie, answer)
        self.send_response(self.status)
        for name, value in answer.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.page)

    def _cached(self, key: str, cookie: str, answer: Headers) -> str:
        if "SESS" in cookie and not self.leaks_sessions:
            return "BYPASS"
        if key in self.kept:
            return "HIT"
        if "public" in answer["Cache-Control"] and "Set-Cookie" not in answer:
            self.kept.add(key)
        return "MISS"

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def visitor_of(base: type[Node] = Node, **faults: object) -> Iterator[Visitor]:
    node = type("BrokenNode", (base,), {**faults, "kept": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), node)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        with Visitor(DirectDialer(), f"127.0.0.1:{server.server_port}", "www.example.org") as visitor:
            yield visitor
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_good_site_is_well() -> None:
    with visitor_of() as visitor:
        findings = [*site.home(visitor), *cached.micro_cache(visitor), *cached.static_files(visitor, visitor.get("/"))]
    assert overall(findings) == "ok", findings
    values = {finding.name: finding.value for finding in findings}
    assert [values[f"micro-cache.{step}"] for step in ("miss", "hit", "bypass", "other-cookie")] == [
        "MISS",
        "HIT",
        "BYPASS",
        "HIT",
    ]


@pytest.mark.parametrize(
    ("faults", "failing", "words"),
    [
        ({"micro_cache": False}, "micro-cache.hit", "micro-cache is off"),
        ({"page_headers": {"Cache-Control": "must-revalidate, no-cache, private"}}, "micro-cache.hit", "no-cache"),
        (
            {"page_headers": {"Cache-Control": "public, max-age=900", "Set-Cookie": "a=b"}},
            "micro-cache.hit",
            "sets a cookie",
        ),
        ({"leaks_sessions": True}, "micro-cache.bypass", "may leak"),
        ({"honours_vary": True}, "micro-cache.other-cookie", "did not do what it should"),
        (
            {"honours_vary": True, "page_headers": {"Cache-Control": "public, max-age=900", "Vary": "Cookie"}},
            "micro-cache.two-visitors",
            "'Vary: Cookie' is honoured",
        ),
    ],
)
def test_a_broken_cache_is_named(faults: dict[str, object], failing: str, words: str) -> None:
    with visitor_of(**faults) as visitor:
        finding = by_name(cached.micro_cache(visitor))[failing]
    assert finding.status == "fail"
    assert words in finding.why
    assert finding.remedy


@pytest.mark.parametrize(
    ("status", "location", "sent"),
    [
        (301, "https://www.example.org/", True),
        (301, "https://elsewhere.example.net/", False),
        (301, "/de", False),
        (200, "https://www.example.org/", False),
    ],
)
def test_visitors_are_sent_to_https(status: int, location: str, sent: bool) -> None:
    headers = {"Location": location, "Cache-Control": "no-cache"}
    with visitor_of(status=status, page_headers=headers) as visitor:
        assert outside.sent_to_https(visitor) is sent


def test_status_and_its_cause() -> None:
    with visitor_of(status=502) as visitor:
        finding = by_name(site.home(visitor))["site.status"]
    assert (finding.status, finding.value) == ("fail", "502")
    assert "PHP-FPM" in finding.why


def test_nobody_listens() -> None:
    with visitor_of() as visitor:
        pass
    with Visitor(DirectDialer(), visitor.address) as late:
        finding = site.home(late)[0]
    assert finding.status == "fail"
    assert "no connection" in finding.value


def test_a_private_page_that_is_shared_is_a_leak() -> None:
    with visitor_of(page_headers={"Cache-Control": "private, no-cache"}) as visitor:
        assert cached.private_pages(visitor)[0].status == "ok"
    with visitor_of() as visitor:
        assert cached.private_pages(visitor)[0].status == "fail"


def test_a_denied_path_that_php_answers_names_the_lost_rule() -> None:
    with visitor_of(status=404) as visitor:
        lost = site.denied(visitor)
    with visitor_of(status=404, micro_cache=False) as visitor:
        held = site.denied(visitor)
    with visitor_of() as visitor:
        served = site.denied(visitor)
    assert (lost.status, held.status, served.status) == ("fail", "ok", "fail")
    assert "/composer.json" in lost.why
    assert "can be read" in served.why


def test_headers_that_say_too_much() -> None:
    with visitor_of(
        page_headers={"Cache-Control": "public", "X-Powered-By": "PHP/8.4", "Vary": "User-Agent"}
    ) as visitor:
        seen = by_name(site.home(visitor))["site.headers"]
    assert seen.status == "warn"
    assert "PHP version" in seen.value
    assert "a copy for each browser" in seen.value


@pytest.mark.parametrize(
    ("static", "failing", "words"),
    [
        ({"Cache-Control": "public, max-age=31536000"}, {"site.cors": "warn"}, "will not load from a CDN"),
        (
            {"Cache-Control": "private, no-store", "Access-Control-Allow-Origin": "*"},
            {"site.far-future": "fail", "site.image-style": "fail"},
            "may not be kept for long",
        ),
    ],
)
def test_static_files_that_are_not_kept_or_not_shared(static: Headers, failing: dict[str, str], words: str) -> None:
    with visitor_of(static_headers=static) as visitor:
        found = cached.static_files(visitor, visitor.get("/"))
    assert {item.name: item.status for item in found if item.status != "ok"} == failing
    assert all(words in item.why for item in found if item.status != "ok")


@pytest.mark.parametrize(("control", "status"), [("max-age=900, public", "ok"), ("must-revalidate, no-cache", "fail")])
def test_drupals_page_cache(control: str, status: str) -> None:
    drupal = {"X-Generator": "Drupal 11 (https://www.drupal.org)", "Cache-Control": control}
    with visitor_of(page_headers=drupal) as visitor:
        (seen,) = cached.drupal_page_cache(visitor, visitor.get("/"))
    assert seen.status == status
    with visitor_of() as visitor:
        assert cached.drupal_page_cache(visitor, visitor.get("/")) == []
