"""How much of a site comes from its caches: many pages asked twice, at a rate that disturbs nobody.

The first request finds a page as visitors have left it, the second tells whether it can be kept at all. Each answer is
put down to the layer that gave it: CDN, micro-cache, Drupal's page cache, nginx (a file), or PHP.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from health.cached import uncacheable
from health.edge import is_hit
from health.site import CACHE_HEADER
from health.visit import Visit, Visits
from profiles.errors import FailedError

RATE = 20.0
"""Requests a second, unless the user says otherwise."""
CONCURRENCY = 4
"""Requests at once: fewer than the smallest web server has PHP workers."""
SLOW_SECONDS = 2.0
"""An answer that takes longer says that the site is busy: the rate is halved."""
LEAST_RATE = 1.0
ERRORS_MOST = 10
"""Errors one after the other after which no more is asked."""

_FROM_MICRO_CACHE = frozenset({"HIT", "STALE", "UPDATING", "REVALIDATED"})
LAYERS = ("CDN", "micro-cache", "Drupal's page cache", "nginx (a file)", "PHP")
"""Who can have answered, in the order in which a request meets them."""


def layer(visit: Visit) -> str:
    """Who answered."""
    if is_hit(visit):
        return "CDN"
    said = visit.header(CACHE_HEADER)
    if said in _FROM_MICRO_CACHE:
        return "micro-cache"
    if visit.header("X-Drupal-Cache") == "HIT":
        return "Drupal's page cache"
    return "PHP" if said or visit.header("X-Generator") or visit.header("X-Drupal-Cache") else "nginx (a file)"


@dataclass(frozen=True)
class Page:
    """One page, asked twice.

    :param first: who answered the first request; empty when nobody did.
    :param again: who answered the second.
    :param size: bytes of the second answer's body.
    :param reason: why the second request was not answered by a cache; empty when it was.
    """

    path: str
    status: int
    first: str
    again: str
    size: int
    milliseconds: float
    reason: str = ""

    @property
    def hit(self) -> bool:
        """Whether PHP had no work with the second request."""
        return bool(self.again) and self.again != "PHP"


@dataclass
class Survey:
    """All pages of one survey."""

    pages: list[Page] = field(default_factory=list)
    seconds: float = 0.0
    requests: int = 0

    @property
    def ratio(self) -> float:
        """Share of second requests that no PHP worker saw."""
        return sum(page.hit for page in self.pages) / len(self.pages) if self.pages else 0.0

    @property
    def first_ratio(self) -> float:
        """The same for first requests: how warm the caches were."""
        return sum(page.first not in ("", "PHP") for page in self.pages) / len(self.pages) if self.pages else 0.0

    @property
    def saved(self) -> int:
        """Bytes of second answers that PHP did not have to make."""
        return sum(page.size for page in self.pages if page.hit)

    @property
    def total(self) -> int:
        """Bytes of all second answers."""
        return sum(page.size for page in self.pages)

    def layers(self) -> list[tuple[str, int, int]]:
        """Layer, second requests it answered, and their bytes; those that answered nothing are left out."""
        counts = Counter(page.again for page in self.pages)
        size: Counter[str] = Counter()
        for page in self.pages:
            size[page.again] += page.size
        return [(name, counts[name], size[name]) for name in LAYERS if counts[name]]

    def reasons(self) -> list[tuple[str, list[str]]]:
        """Why pages were not kept, the commonest first, and which ones."""
        found: dict[str, list[str]] = {}
        for page in self.pages:
            if page.reason:
                found.setdefault(page.reason, []).append(page.path)
        return sorted(found.items(), key=lambda row: -len(row[1]))


class Pace:
    """Lets requests go at a bounded rate; halves it when the site is slow. Used from several threads."""

    def __init__(self, rate: float) -> None:
        """:param rate: requests a second at most."""
        self.rate = rate
        self._next = time.monotonic()
        self._lock = threading.Lock()
        self._errors = 0

    def wait(self) -> None:
        """Return when the next request may go; raises ``FailedError`` when too many have failed."""
        with self._lock:
            if self._errors >= ERRORS_MOST:
                raise FailedError(
                    f"{ERRORS_MOST} pages in a row ended in an error; no more was asked.", "See 'drucloud health NAME'."
                )
            now = time.monotonic()
            self._next = max(self._next, now) + 1 / self.rate
            pause = self._next - now - 1 / self.rate
        if pause > 0:
            time.sleep(pause)

    def learn(self, visit: Visit) -> None:
        """Take an answer into account."""
        failed = bool(visit.error) or visit.status >= 500
        with self._lock:
            self._errors = self._errors + 1 if failed else 0
            if failed or visit.status == 429 or visit.seconds_to_first_byte > SLOW_SECONDS:
                self.rate = max(LEAST_RATE, self.rate / 2)


def survey(
    visitor: Visits,
    paths: Sequence[str],
    rate: float = RATE,
    concurrency: int = CONCURRENCY,
    told: Callable[[int], None] = lambda done: None,
) -> Survey:
    """Ask for each page twice; ``told`` hears, from several threads, how many are done. Raises ``FailedError``."""
    pace, done, began = Pace(rate), Counter[str](), time.monotonic()

    def one(path: str) -> Page:
        visits = []
        for _ in range(2):
            pace.wait()
            visits.append(visitor.get(path))
            pace.learn(visits[-1])
        done["pages"] += 1
        told(done["pages"])
        return _page(path, *visits)

    with ThreadPoolExecutor(concurrency) as pool:
        futures = [pool.submit(one, path) for path in paths]
        try:
            pages = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Survey(pages, time.monotonic() - began, 2 * len(pages))


def _page(path: str, first: Visit, again: Visit) -> Page:
    milliseconds = again.seconds_to_first_byte * 1000
    if again.error:
        return Page(path, 0, "" if first.error else layer(first), "", 0, milliseconds, again.error)
    by = layer(again)
    reason = _reason(again) if by == "PHP" else ""
    before = "" if first.error else layer(first)
    return Page(path, again.status, before, by, len(again.body), milliseconds, reason)


def _reason(visit: Visit) -> str:
    """Why PHP made a page that had been asked for just before."""
    if visit.status not in (200, 301, 308, 404, 410):
        return f"Answers with status {visit.status} are not kept."
    if visit.header(CACHE_HEADER) == "BYPASS":
        return "The page's path belongs to one person or moment (/user, /admin), so no cache is asked."
    if why := uncacheable(visit):
        return why[0].replace("Every page says", "It says").replace("The page sets", "It sets")
    if not visit.header(CACHE_HEADER) and not visit.header("X-Cache"):
        return "No cache stands before PHP: the micro-cache is off."
    if visit.header("Vary") not in ("", "Cookie", "Accept-Encoding"):
        return f"'Vary: {visit.header('Vary')}' keeps copies apart."
    return "It may be kept, but was thrown away between two requests: the cache is too small or its time too short."
