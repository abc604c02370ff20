"""The cache-hit check: lists of pages, and a survey of a real HTTP server."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest

from health import survey, urls
from health.visit import Visit
from profiles.errors import FailedError, ReachError, UsageError

from .test_site import Node, visitor_of

HOST = "www.example.org"


def sitemap(*pages: str, kind: str = "urlset", item: str = "url") -> bytes:
    rows = "".join(f"<{item}><loc>{page}</loc></{item}>" for page in pages)
    return f'<?xml version="1.0"?><{kind} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</{kind}>'.encode()


class Pages(Node):
    """A site with a sitemap index, one of its sitemaps gzipped; some pages must not be kept."""

    files: dict[str, bytes] = {}
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.page = self.files.get(self.path, b"x" * 100)
        self.page_headers = {"Cache-Control": "public, max-age=900"}
        if self.path.startswith("/cart"):
            self.page_headers["Set-Cookie"] = "a=b"
        if self.path.startswith("/private"):
            self.page_headers = {"Cache-Control": "private, no-cache"}
        super().do_GET()


MAPS = {
    "/sitemap.xml": sitemap(
        f"https://{HOST}/1.xml", f"https://{HOST}/2.xml.gz", "https://elsewhere.example.net/3.xml",
        kind="sitemapindex", item="sitemap",
    ),
    "/1.xml": sitemap(f"https://{HOST}/", f"https://{HOST}/a?page=1", "https://elsewhere.example.net/x"),
    "/2.xml.gz": gzip.compress(sitemap(f"https://{HOST}/b", f"https://{HOST}/")),
}  # fmt: skip


def test_a_sitemap_index_with_a_gzipped_part_names_pages_of_this_host_once() -> None:
    with visitor_of(Pages, files=MAPS) as visitor:
        assert urls.from_sitemap(visitor, HOST, 100) == ["/", "/a?page=1", "/b"]
        assert urls.from_sitemap(visitor, HOST, 2) == ["/", "/a?page=1"]


@pytest.mark.parametrize(
    "body",
    [b"<html>", gzip.compress(sitemap())[:-9], gzip.compress(b"\0" * (urls.BYTES_MOST + 1))],
    ids=["no XML", "cut off", "a bomb"],  # what gzip writes has the time in it, and workers must agree on names
)
def test_a_sitemap_that_cannot_be_read(body: bytes) -> None:
    with visitor_of(Pages, files={"/sitemap.xml": body}) as visitor, pytest.raises(ReachError):
        urls.from_sitemap(visitor, HOST, 100)


def test_an_index_that_leads_to_itself_ends() -> None:
    loop = sitemap(f"https://{HOST}/sitemap.xml", kind="sitemapindex", item="sitemap")
    with visitor_of(Pages, files={"/sitemap.xml": loop}) as visitor:
        assert urls.from_sitemap(visitor, HOST, 100) == []


def test_a_file_with_urls_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text(f"# mine\nhttps://{HOST}/a\n/b\n\nc?d=1\nhttps://elsewhere.example.net/x\n")
    assert urls.from_file(path, HOST, 10) == ["/a", "/b", "/c?d=1"]
    with pytest.raises(UsageError):
        urls.from_file(tmp_path / "none", HOST, 10)


def test_who_answered_and_why_not_a_cache() -> None:
    paths = [*(f"/page{n}" for n in range(8)), "/cart", "/private"]
    with visitor_of(Pages) as visitor:
        seen = survey.survey(visitor, paths, rate=500)
        warm = survey.survey(visitor, paths[:8], rate=500)
    assert [page.path for page in seen.pages] == paths
    assert (seen.ratio, seen.first_ratio, warm.first_ratio) == (0.8, 0.0, 1.0)
    assert (seen.saved, seen.total, seen.requests) == (800, 1000, 20)
    assert seen.layers() == [("micro-cache", 8, 800), ("PHP", 2, 200)]
    reasons = {path: reason for reason, pages in seen.reasons() for path in pages}
    assert "sets a cookie" in reasons["/cart"]
    assert "no-cache" in reasons["/private"]


def test_the_layer_of_an_answer() -> None:
    said = {
        "CDN": {"x-cache": "Hit from cloudfront", "x-micro-cache": "MISS"},
        "micro-cache": {"x-cache": "Miss from cloudfront", "x-micro-cache": "HIT"},
        "Drupal's page cache": {"x-micro-cache": "MISS", "x-drupal-cache": "HIT"},
        "PHP": {"x-micro-cache": "MISS"},
        "nginx (a file)": {"cache-control": "max-age=31536000"},
    }
    assert {name: survey.layer(Visit("/", 200, headers)) for name, headers in said.items()} == {
        name: name for name in said
    }


def test_a_site_that_breaks_is_asked_no_more() -> None:
    asked: list[str] = []
    with visitor_of(Pages, status=500, asked=asked) as visitor, pytest.raises(FailedError):
        survey.survey(visitor, [f"/{n}" for n in range(100)], rate=500)
    assert len(asked) <= survey.ERRORS_MOST + survey.CONCURRENCY


def test_never_more_at_once_than_said() -> None:
    class Counting:
        subject = host = HOST
        now = most = 0
        lock = threading.Lock()

        def get(self, path: str, headers: object = None) -> Visit:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            threading.Event().wait(0.01)
            with self.lock:
                self.now -= 1
            return Visit(path, 200, {"x-micro-cache": "HIT"})

        def get_all(self, requests: object) -> list[Visit]:
            raise NotImplementedError

    counting = Counting()
    survey.survey(counting, [f"/{n}" for n in range(40)], rate=10_000, concurrency=3)
    assert counting.most == 3


def test_a_slow_answer_halves_the_rate() -> None:
    pace = survey.Pace(20)
    pace.learn(Visit("/", 200, {}, survey.SLOW_SECONDS + 1))
    assert pace.rate == 10
    for _ in range(10):
        pace.learn(Visit("/", 429, {}))
    assert pace.rate == survey.LEAST_RATE
