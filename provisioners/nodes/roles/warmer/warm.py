#!/usr/bin/python3
"""Warm the site's caches: every page of the sitemap from every web server, then once through the CDN.

Each web server has a micro-cache of its own. Settings: /etc/drucloud/warm.json. Sitemaps are those of robots.txt, else
/sitemap.xml (an index and gzip are followed);
pages that robots.txt forbids are left alone and its crawl delay is kept. A page is asked for again only when its own
max-age has passed; one that says it must not be kept is not asked for a second time in a run. What was done is written
down as it goes: a run that was cut off goes on where it was. The last line is a summary as JSON.
"""

from __future__ import annotations

import gzip
import http.client
import io
import json
import os
import pathlib
import queue
import re
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.robotparser
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping
from typing import Any

SETTINGS = pathlib.Path("/etc/drucloud/warm.json")
STATE = pathlib.Path(os.environ.get("STATE_DIRECTORY", "/var/lib/drucloud-warm")) / "state.json"
AGENT = "drucloud-warmer"
SITEMAP_BYTES = 50_000_000  # the protocol's own limit
SITEMAPS = 200
SAVE_SECONDS = 5.0
SECONDS = 60.0


class WarmError(Exception):
    """Nothing can be warmed; the text says why."""


class _Named(http.client.HTTPSConnection):
    """TLS to an address, verified against the site's name."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(address, 443, timeout=SECONDS)
        self._name = name

    def connect(self) -> None:
        """Connect to the address, ask for the name."""
        plain = socket.create_connection((self.host, self.port), SECONDS)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self._name)


class Place:
    """One cache: a web server's, or the CDN's. A thread has a connection of its own to each."""

    def __init__(self, name: str, settings: Mapping[str, Any], is_node: bool) -> None:
        self.name = name
        self._settings = settings
        self._tls = settings["node_tls"] if is_node else settings["scheme"] == "https"
        self._local = threading.local()
        self._headers = {"Host": settings["host"], "User-Agent": AGENT, "Accept-Encoding": "gzip, br"}
        if is_node:  # as the balancer and CloudFront would put it
            self._headers["X-Forwarded-Proto"] = settings["scheme"]
            self._headers["CloudFront-Forwarded-Proto"] = settings["scheme"]

    def get(self, path: str, encoding: str = "") -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers (names in lower case) and body; one retry on a connection that was closed meanwhile."""
        headers = {**self._headers, **({"Accept-Encoding": encoding} if encoding else {})}
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None) or self._connect()
            try:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                body = answer.read(SITEMAP_BYTES)
                if not answer.isclosed():
                    self.close()
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body
            except (OSError, http.client.HTTPException):
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError("not reached")

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls:
            made: http.client.HTTPConnection = _Named(self.name, self._settings["host"])
        else:
            made = http.client.HTTPConnection(self.name, 80, timeout=SECONDS)
        self._local.connection = made
        return made

    def close(self) -> None:
        """Drop this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None


class Pace:
    """At most so many requests a second, all threads together."""

    def __init__(self, per_second: float) -> None:
        self._step = 1.0 / per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may go."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._step
        time.sleep(max(0.0, at - now))


def robots(place: Place) -> urllib.robotparser.RobotFileParser:
    """What robots.txt allows; without one, everything."""
    rules = urllib.robotparser.RobotFileParser()
    status, _, body = place.get("/robots.txt", "identity")
    rules.parse(body.decode("utf-8", "replace").splitlines() if status == 200 else [])
    return rules


def own_path(address: str, host: str) -> str:
    """Path and query of an address of this site; empty for any other."""
    parts = urllib.parse.urlsplit(address.strip())
    if parts.hostname not in (host.partition(":")[0], None) or parts.scheme not in ("http", "https", ""):
        return ""
    path = parts.path or "/"
    path = urllib.parse.quote(path, safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{parts.query}" if parts.query and parts.query.isascii() else path


def sitemap(body: bytes) -> tuple[list[str], list[str]]:
    """Sitemaps and pages that one sitemap names."""
    if body[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            body = stream.read(SITEMAP_BYTES)
    if b"<!DOCTYPE" in body[:4096].upper():
        raise WarmError("a sitemap with a DOCTYPE is not read")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  (no DOCTYPE, so no entities)
    except ElementTree.ParseError as error:
        raise WarmError(f"a sitemap is not XML: {error}") from error
    texts = [item.text or "" for item in root.iter() if re.sub(r"^{.*}", "", item.tag) == "loc"]
    is_index = root.tag.endswith("sitemapindex")
    return (texts, []) if is_index else ([], texts)


def pages(place: Place, settings: Mapping[str, Any], rules: urllib.robotparser.RobotFileParser) -> list[str]:
    """The paths to warm, in the sitemap's order, without those that robots.txt forbids."""
    waiting = [own_path(address, settings["host"]) for address in rules.site_maps() or []] or ["/sitemap.xml"]
    found: dict[str, None] = {"/": None}
    seen: set[str] = set()
    while waiting and len(seen) < SITEMAPS and len(found) < settings["pages"]:
        path = waiting.pop(0)
        if not path or path in seen:
            continue
        seen.add(path)
        status, _, body = place.get(path, "identity")
        if status != 200:
            say(f"{path} gave {status}")
            continue
        more, named = sitemap(body)
        waiting += [own_path(address, settings["host"]) for address in more]
        found.update(dict.fromkeys(own_path(address, settings["host"]) for address in named))
    found.pop("", None)
    allowed = [path for path in found if rules.can_fetch(AGENT, path)]
    return allowed[: settings["pages"]]


def kept_seconds(headers: Mapping[str, str]) -> int:
    """How long the answer may be kept by a shared cache; 0 for not at all."""
    control = headers.get("cache-control", "")
    if re.search(r"\b(?:private|no-cache|no-store)\b", control) or "set-cookie" in headers:
        return 0
    found = re.search(r"\bs-maxage=(\d+)", control) or re.search(r"\bmax-age=(\d+)", control)
    return int(found[1]) if found else 0


class Memory:
    """Until when a page is fresh in a place; on disk, so that a run that is cut off goes on."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._saved = time.monotonic()
        self._until: dict[str, float] = {}
        if path.exists():
            try:
                self._until = {key: until for key, until in json.loads(path.read_text()).items() if until > time.time()}
            except ValueError:  # written by a run that the power cut off: begin anew
                self._until = {}

    def fresh(self, place: str, path: str) -> bool:
        """Whether that place has the page for some time to come."""
        return self._until.get(f"{place} {path}", 0.0) > time.time()

    def note(self, place: str, path: str, seconds: int) -> None:
        """Remember; written at most every few seconds."""
        with self._lock:
            self._until[f"{place} {path}"] = time.time() + seconds
            due = time.monotonic() - self._saved > SAVE_SECONDS
        if due:
            self.save()

    def save(self) -> None:
        """Write it down, in one step."""
        with self._lock:
            self._saved = time.monotonic()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(self._until))
            fresh.replace(self._path)


class Run:
    """One pass over all places."""

    def __init__(self, settings: Mapping[str, Any], memory: Memory) -> None:
        self.settings = settings
        self.memory = memory
        self.stopped = threading.Event()
        self.counts: dict[str, Counter[str]] = {}
        self._unkept: set[str] = set()
        self._pace = Pace(settings["per_second"])

    def slow_down(self, delay: float) -> None:
        """Keep the crawl delay of robots.txt."""
        self._pace = Pace(min(self.settings["per_second"], 1.0 / max(delay, 0.001)))

    def warm(self, place: Place, paths: list[str]) -> None:
        """Ask ``place`` for each page that is not fresh there."""
        count = self.counts[place.name] = Counter()
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for path in paths:
            if path in self._unkept:
                count["not kept"] += 1
            elif self.memory.fresh(place.name, path):
                count["fresh"] += 1
            else:
                waiting.put(path)
        workers = [
            threading.Thread(target=self._work, args=(place, waiting, count), daemon=True)
            for _ in range(self.settings["concurrency"])
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        say(f"{place.name}: " + ", ".join(f"{number} {what}" for what, number in sorted(count.items())))

    def _work(self, place: Place, waiting: queue.SimpleQueue[str], count: Counter[str]) -> None:
        while not self.stopped.is_set():
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                break
            self._pace.wait()
            count[self._one(place, path)] += 1
        place.close()

    def _one(self, place: Place, path: str) -> str:
        try:
            status, headers, _ = place.get(path)
        except (OSError, http.client.HTTPException) as error:
            say(f"{place.name}{path}: {error}")
            return "unreachable"
        if status != 200:
            return f"HTTP {status}"
        seconds = kept_seconds(headers)
        if not seconds:
            self._unkept.add(path)
            return "not kept"
        self.memory.note(place.name, path, seconds)
        seen = headers.get("x-cache", "") or headers.get("x-micro-cache", "")  # a CDN repeats what its origin said
        return "there already" if "hit" in seen.lower() else "warmed"


def say(text: str) -> None:
    """One line for whoever watches."""
    print(text, file=sys.stderr, flush=True)


def reachable(nodes: list[Place]) -> list[Place]:
    """The web servers that answer."""
    good = []
    for node in nodes:
        try:
            if node.get("/healthz", "identity")[0] == 200:
                good.append(node)
        except (OSError, http.client.HTTPException) as error:
            say(f"{node.name} does not answer: {error}")
    return good


def main(settings: Mapping[str, Any], state: pathlib.Path) -> int:
    """Warm all places; the exit code."""
    began = time.monotonic()
    nodes = reachable([Place(address, settings, is_node=True) for address in settings["nodes"]])
    places = [*nodes, *([Place(settings["front"], settings, is_node=False)] if settings["front"] else [])]
    if not places:
        raise WarmError("no web server answers")
    rules = robots(places[0])
    paths = pages(places[0], settings, rules)
    run = Run(settings, Memory(state))
    signal.signal(signal.SIGTERM, lambda *_: run.stopped.set())
    delay = rules.crawl_delay(AGENT)
    if delay:
        run.slow_down(float(delay))
    say(f"{len(paths)} pages")
    for place in places:
        run.warm(place, paths)
    run.memory.save()
    summary = {
        "complete": not run.stopped.is_set(),
        "pages": len(paths),
        "places": {name: dict(count) for name, count in run.counts.items()},
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(summary, sort_keys=True))
    return 0 if summary["complete"] else 1


if __name__ == "__main__":
    try:
        wanted = json.loads(SETTINGS.read_text())
        sys.exit(0 if "--validate" in sys.argv[1:] else main(wanted, STATE))
    except WarmError as problem:
        say(str(problem))
        sys.exit(1)
