"""Which pages are to be asked for: a file with one URL or path a line, or the site's sitemap.

A sitemap may be an index of others and may be gzipped (sitemaps.org). What leads to another host is left out: only the
deployment itself is asked.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from health.visit import Visits
from profiles.errors import ReachError, UsageError

SITEMAP = "/sitemap.xml"
SITEMAPS_MOST = 200
"""Sitemaps that an index may lead to before we stop reading."""
BYTES_MOST = 50 * 2**20
"""Largest sitemap, unpacked: the limit of sitemaps.org; a small file may unpack to a huge one."""


def from_file(path: Path, host: str, most: int) -> list[str]:
    """Paths of the file's lines; ``#`` begins a comment. Raises ``UsageError``."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}).", "Give a file with one URL or path a line.") from error
    asked = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return _paths(asked, host)[:most]


def from_sitemap(visitor: Visits, host: str, most: int, start: str = SITEMAP) -> list[str]:
    """Paths of the site's sitemap, those of its index included; raises ``ReachError``."""
    found: list[str] = []
    waiting, read = [start], set[str]()
    while waiting and len(found) < most and len(read) < SITEMAPS_MOST:
        path = waiting.pop(0)
        if path in read:
            continue
        read.add(path)
        maps, pages = _read(visitor, path)
        waiting += _paths(maps, host)
        found += _paths(pages, host)
    return list(dict.fromkeys(found))[:most]


def _read(visitor: Visits, path: str) -> tuple[list[str], list[str]]:
    """Sitemaps and pages that one sitemap names."""
    visit = visitor.get(path)
    if visit.status != 200:
        raise ReachError(
            f"The site has no sitemap at {path} ({visit.error or visit.status}).",
            "Install simple_sitemap and generate it, or give a file with one URL a line.",
        )
    try:
        root = ElementTree.fromstring(_unpacked(visit.body))  # noqa: S314  the site's own; expat expands no entities here
    except (ElementTree.ParseError, OSError, zlib.error, EOFError) as error:
        raise ReachError(f"The sitemap {path} cannot be read ({error}).", "Generate it anew.") from error
    maps: list[str] = []
    pages: list[str] = []
    for entry in root:
        kind = entry.tag.rpartition("}")[2]
        place = next((part.text or "" for part in entry if part.tag.rpartition("}")[2] == "loc"), "").strip()
        if place:
            (maps if kind == "sitemap" else pages).append(place)
    return maps, pages


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacked = zlib.decompressobj(wbits=31)
    text = unpacked.decompress(body, BYTES_MOST)
    if unpacked.unconsumed_tail:
        raise OSError("it is too large")
    if not unpacked.eof:
        raise gzip.BadGzipFile("it breaks off")
    return text


def _paths(urls: Sequence[str], host: str) -> list[str]:
    return list(_of_host(urls, host))


def _of_host(urls: Sequence[str], host: str) -> Iterator[str]:
    for url in urls:
        parts = urlsplit(url)
        if parts.netloc and parts.hostname != host.partition(":")[0]:
            continue
        path = parts.path or "/"
        yield f"{path if path.startswith('/') else '/' + path}{'?' + parts.query if parts.query else ''}"
