"""Probes of what stands before the web servers: the CDN's own word on its cache, and time from hop to hop."""

from __future__ import annotations

import secrets

from health.report import Finding
from health.site import finding
from health.visit import Visit, Visits

TRIES = 4
"""Each place of the CDN has a cache of its own; requests of one visitor may meet several."""


def cdn(visitor: Visits, sandbox: bool) -> list[Finding]:
    """Miss, then Hit, on a page nobody asked for before; two strangers share a copy; a session is not answered by it.

    :param sandbox: whether nothing stands behind the CDN's name, so that its headers cannot be expected.
    """
    page = f"/?drucloud={secrets.token_hex(8)}"
    first = visitor.get(page)
    if not first.error and not first.header("X-Cache"):
        if sandbox:
            why = "The sandbox plays no CDN: its name leads straight to a web server."
            return [finding("edge.cache", visitor, "unknown", "not played", why=why)]
        return [_lost(visitor, first)]
    if first.error:
        return [_lost(visitor, first)]
    later = _until_hit(visitor, page, [{"Cookie": f"_ga=GA1.1.{secrets.randbelow(10**9)}"} for _ in range(TRIES)])
    token = secrets.token_hex(8)
    session = visitor.get(page, {"Cookie": f"SSESS{token}={token}"})
    return [_hit(visitor, later), _age(visitor, later), _session(visitor, session)]


def _until_hit(visitor: Visits, page: str, cookies: list[dict[str, str]]) -> Visit:
    visit = Visit(page)
    for headers in cookies:
        visit = visitor.get(page, headers)
        if is_hit(visit):
            break
    return visit


def is_hit(visit: Visit) -> bool:
    """Whether a CDN answered from its cache (CloudFront's ``X-Cache: Hit from cloudfront``)."""
    return visit.header("X-Cache").lower().startswith(("hit", "refreshhit"))


def _lost(visitor: Visits, visit: Visit) -> Finding:
    why = "The CDN does not answer." if visit.error else "The answer does not come from the CDN (no X-Cache header)."
    remedy = "See whether the distribution is enabled and the domain leads to it."
    return finding("edge.cache", visitor, "fail", visit.error or "no header", why=why, remedy=remedy)


def _hit(visitor: Visits, visit: Visit) -> Finding:
    value = visit.error or visit.header("X-Cache")
    if is_hit(visit):
        why = "The second visitor, with another analytics cookie, gets the page from the CDN."
        took = visit.seconds_to_first_byte * 1000
        return finding("edge.cache", visitor, "ok", value, why=why, number=took, measure="ms")
    why = f"The CDN asks the web servers each time ('Cache-Control: {visit.header('Cache-Control')}')."
    remedy = "See site.page-cache, and whether the cache policy leaves cookies out of its key."
    return finding("edge.cache", visitor, "fail", value, why=why, remedy=remedy)


def _age(visitor: Visits, visit: Visit) -> Finding:
    place, age = visit.header("X-Amz-Cf-Pop") or "unknown place", visit.header("Age") or "0"
    why = "Which of CloudFront's places answered, and how old its copy is."
    return finding("edge.place", visitor, "ok", f"{place}, {age} s old", why=why)


def _session(visitor: Visits, visit: Visit) -> Finding:
    """A visitor with a session has a cache entry of their own: the first answer is never a hit."""
    leaked = is_hit(visit)
    why = "A visitor with a session gets a shared page: private content may leak."
    return finding(
        "edge.session", visitor, "fail" if leaked else "ok", visit.error or visit.header("X-Cache"),
        why=why if leaked else "A visitor with a session is not given other people's pages.",
        remedy="Session cookies (SESS*, SSESS*) must be in the cache policy's key." if leaked else "",
    )  # fmt: skip
