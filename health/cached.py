"""Probes of what is kept for how long, and for whom: micro-cache, private pages, static files.

The micro-cache says what it did in ``X-Micro-Cache`` (nginx's ``$upstream_cache_status``). A page nobody asked for
before (a random query argument) must be a MISS, then a HIT; a visitor with a session must BYPASS; a visitor whose only
cookie has nothing to do with the site must still HIT. That last one is what naive checks miss: Drupal sends
``Vary: Cookie`` and nginx honours it, so that two visitors with different analytics cookies would each get a MISS.
"""

from __future__ import annotations

import html
import re
import secrets

from health.report import Finding, Status
from health.site import CACHE_HEADER, CONVERGE, cause_of_status, finding
from health.visit import Request, Visit, Visits

FAR_FUTURE_SECONDS = 30 * 86400

PRIVATE_PAGES = ("/private", "/user/login", "/user")
"""Pages that must never be shared (the canary's, Drupal's); those that answer 200 or 403 are looked at."""

# A local .css or .js with something that changes when it does: a query, or Drupal's aggregate name.
_VERSIONED = re.compile(r"""(?:href|src)=["'](/(?!/)[^"']+\.(?:css|js)\?[^"']+|/[^"']*/files/(?:css|js)/[^"']+)["']""")
_STYLE = re.compile(r"""["'\s,](/[^"'\s,]*/files/styles/[^"'\s,]+)""")


def micro_cache(visitor: Visits, path: str = "/") -> list[Finding]:
    """MISS, HIT, BYPASS with a session cookie, HIT with an unrelated cookie, on pages nobody asked for before."""
    page, other = (f"{path}?drucloud={secrets.token_hex(8)}" for _ in range(2))
    cookie = secrets.token_hex(8)
    strangers = [{"Cookie": f"_ga=GA1.1.{secrets.randbelow(10**9)}"} for _ in range(2)]
    asked: list[Request] = [
        (page, {}),
        (page, {}),
        (page, {"Cookie": f"SSESS{cookie}={cookie}"}),
        (page, {"Cookie": f"_probe={cookie}"}),
        *((other, stranger) for stranger in strangers),
    ]
    first, again, session, analytics, one, two = visitor.get_all(asked)
    if first.error:
        return [_judged(visitor, "micro-cache.miss", "MISS", first, first, "")]
    steps = (
        ("micro-cache.miss", "MISS", first, "A page nobody asked for is made by PHP."),
        ("micro-cache.hit", "HIT", again, "The second visitor gets it from nginx's memory."),
        ("micro-cache.bypass", "BYPASS", session, "A visitor with a session never gets a cached page."),
        (
            "micro-cache.other-cookie", "HIT", analytics,
            "A cookie that is not the site's own (analytics, say) does not spoil the cache.",
        ),
    )  # fmt: skip
    shared = "Two visitors with different analytics cookies share one copy."
    return [
        *(_judged(visitor, name, wanted, visit, first, why) for name, wanted, visit, why in steps),
        _judged(visitor, "micro-cache.two-visitors", "HIT", two, one, shared),
    ]


def _judged(visitor: Visits, name: str, wanted: str, visit: Visit, first: Visit, why: str) -> Finding:
    seen = visit.error or visit.header(CACHE_HEADER) or "no header"
    if seen == wanted:
        return finding(name, visitor, "ok", seen, why=why, number=visit.seconds_to_first_byte * 1000, measure="ms")
    cause, remedy = _cause(name, visit, first)
    return finding(name, visitor, "fail", seen, why=cause, remedy=remedy)


def _cause(name: str, visit: Visit, first: Visit) -> tuple[str, str]:
    """Why the micro-cache did something else, as far as the answer's headers tell."""
    if visit.error:
        return "The page did not come.", "See site.status."
    if first.status >= 500:
        return f"A page nobody asked for ends with status {first.status}: {cause_of_status(first)}", (
            "See the findings of PHP-FPM, memcached and the database."
        )
    if not visit.header(CACHE_HEADER):
        return "The answer does not come from a web server of this deployment, or the micro-cache is off.", (
            "See whether the domain leads here and cache.micro_cache is on in the profile."
        )
    if reason := uncacheable(first):
        return reason
    if name in ("micro-cache.other-cookie", "micro-cache.two-visitors") and "cookie" in first.header("Vary").lower():
        return "'Vary: Cookie' is honoured: each visitor with another cookie makes PHP build the page again.", (
            f"nginx must have 'fastcgi_ignore_headers Vary'. {CONVERGE}"
        )
    if name == "micro-cache.bypass":
        return "A visitor with a session gets a shared page: private content may leak.", (
            "Converge the web server again; its nginx configuration is not drucloud's."
        )
    return "The cache did not do what it should, and the headers do not say why.", "Read the web server's nginx log."


def uncacheable(visit: Visit) -> tuple[str, str] | None:
    """Why a page may not be kept by a shared cache, and what to do; ``None`` when its headers let it."""
    control = visit.header("Cache-Control").lower()
    if any(word in control for word in ("no-cache", "no-store", "private", "max-age=0")):
        return f"Every page says 'Cache-Control: {control}', so nothing may be kept.", (
            "Page caching is off in the site; in Drupal: drush config:set system.performance cache.page.max_age 900."
        )
    if visit.header("Set-Cookie"):
        return "The page sets a cookie for anonymous visitors, so it may not be shared.", (
            "Find the module that starts a session for everybody."
        )
    return None


def drupal_page_cache(visitor: Visits, page: Visit) -> list[Finding]:
    """Whether Drupal lets its pages be kept at all; nothing for a site that is not Drupal."""
    if "drupal" not in page.header("X-Generator").lower() and not page.header("X-Drupal-Cache"):
        return []
    control = page.header("Cache-Control")
    seconds = max_age(control) if "public" in control.lower() else 0
    said = page.header("X-Drupal-Cache") or page.header("X-Drupal-Dynamic-Cache") or "no header"
    return [
        finding(
            "site.page-cache", visitor, "ok" if seconds else "fail", f"max-age {seconds}, {said}",
            why="Drupal says how long its pages may be kept." if seconds else "Page cache is off (Drupal's default).",
            remedy="" if seconds else "drush config:set system.performance cache.page.max_age 900",
            number=float(seconds), measure="s",
        )
    ]  # fmt: skip


def private_pages(visitor: Visits) -> list[Finding]:
    """A page that belongs to one person is never answered from a shared cache, however often it is asked for."""
    asked: list[Request] = [(path, {}) for path in PRIVATE_PAGES for _ in range(2)]
    visits = [visit for visit in visitor.get_all(asked) if visit.status in (200, 403) or visit.error]
    if not visits:
        return []
    leaked = sorted({visit.path for visit in visits if _is_hit(visit)})
    status: Status = "fail" if leaked else "ok" if not visits[-1].error else "unknown"
    answers = [visit.error or visit.header(CACHE_HEADER) or "no header" for visit in visits]
    why = f"A private page was answered from a shared cache: {', '.join(leaked)}."
    return [
        finding(
            "micro-cache.private", visitor, status, answers[-1],
            why=why if leaked else "Private pages are not shared." if status == "ok" else "The pages did not come.",
            remedy="Converge the web server again; its nginx configuration is not drucloud's." if leaked else "",
        )
    ]  # fmt: skip


def _is_hit(visit: Visit) -> bool:
    return visit.header(CACHE_HEADER) == "HIT" or visit.header("X-Cache").lower().startswith(("hit", "refreshhit"))


def static_files(visitor: Visits, page: Visit) -> list[Finding]:
    """Aggregates (or versioned files), an image style, and the header that lets pages of another origin use them."""
    text = page.body.decode("utf-8", "replace")
    found = [(name, _first(pattern, text)) for name, pattern in (("far-future", _VERSIONED), ("image-style", _STYLE))]
    findings = []
    for name, path in found:
        if path:
            # A missing aggregate or style is made by PHP at the first request, and kept from the second on.
            _, visit = visitor.get_all([(path, {"Origin": "https://example.org"})] * 2)
            findings.append(_far_future(visitor, f"site.{name}", visit))
            if name == "far-future":
                findings.append(_cross_origin(visitor, visit))
    return findings


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return html.unescape(match[1]) if match else ""


def _far_future(visitor: Visits, name: str, visit: Visit) -> Finding:
    """A versioned file is allowed to stay in browsers for a month or more."""
    age = max_age(visit.header("Cache-Control"))
    good = visit.status == 200 and age >= FAR_FUTURE_SECONDS
    path = visit.path.partition("?")[0]
    why = f"{path} may not be kept for long." if visit.status == 200 else f"{path} does not come ({visit.status})."
    return finding(
        name, visitor, "ok" if good else "fail", visit.error or f"{visit.status}, max-age {age}",
        why="Versioned files stay in the browser." if good else why,
        remedy="" if good else CONVERGE,
    )  # fmt: skip


def _cross_origin(visitor: Visits, visit: Visit) -> Finding:
    """A static file may be used by pages of another origin (fonts need that behind a CDN)."""
    allowed = visit.header("Access-Control-Allow-Origin")
    return finding(
        "site.cors", visitor, "ok" if allowed else "warn", allowed or "no header",
        why="Static files may be used from a CDN's name." if allowed else "Fonts will not load from a CDN's name.",
        remedy="" if allowed else CONVERGE,
    )  # fmt: skip


def max_age(control: str) -> int:
    """Seconds that a Cache-Control header allows; 0 when it allows none."""
    for part in control.split(","):
        key, _, value = part.strip().partition("=")
        if key == "max-age" and value.isdigit():
            return int(value)
    return 0
