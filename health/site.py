"""Probes of the site's front page and of what nobody may read."""

from __future__ import annotations

import time

from health.report import Finding, Status
from health.visit import Visit, Visits

CACHE_HEADER = "X-Micro-Cache"
"""In which nginx says what its micro-cache did (``$upstream_cache_status``)."""


def home(visitor: Visits) -> list[Finding]:
    """Status and time to first byte of the front page."""
    visit = visitor.get("/")
    if visit.error:
        return [
            finding(
                "site.status", visitor, "fail", visit.error,
                why="The site does not answer.",
                remedy="See whether nginx runs on the web server and port 80 is open.",
            )
        ]  # fmt: skip
    good = 200 <= visit.status < 400
    milliseconds = visit.seconds_to_first_byte * 1000
    return [
        finding(
            "site.status", visitor, "ok" if good else "fail", str(visit.status),
            why="The site answers." if good else cause_of_status(visit),
            remedy="" if good else "Read the site's log on the web server: journalctl -u php8.4-fpm -u nginx.",
        ),
        finding(
            "site.first-byte", visitor, "ok" if milliseconds < 1000 else "warn", f"{milliseconds:.0f}", unit="ms",
            why="Time until the first byte arrives, connection included.",
            remedy="" if milliseconds < 1000 else "Look at the micro-cache's findings: a HIT takes a few milliseconds.",
            number=milliseconds, measure="ms",
        ),
        *_headers(visitor, visit),
    ]  # fmt: skip


def _headers(visitor: Visits, visit: Visit) -> list[Finding]:
    """What the front page's headers should and should not say."""
    wrong = []
    if visit.header("X-Content-Type-Options").lower() != "nosniff":
        wrong.append("X-Content-Type-Options is not nosniff")
    if "php" in visit.header("X-Powered-By").lower():
        wrong.append("X-Powered-By tells the PHP version")
    if "/" in visit.header("Server"):
        wrong.append("Server tells its version")
    vary = {part.strip().lower() for part in visit.header("Vary").split(",")}
    if vary & {"*", "user-agent"}:
        wrong.append(f"'Vary: {visit.header('Vary')}' makes caches keep a copy for each browser")
    return [
        finding(
            "site.headers", visitor, "warn" if wrong else "ok", "; ".join(wrong) or "as they should be",
            why="The headers say too much or too little." if wrong else "The headers are those of a careful site.",
            remedy="Set them in the site's code, or converge the web server again." if wrong else "",
        )
    ]  # fmt: skip


DENIED = (
    "/composer.json", "/.git/HEAD", "/sites/default/settings.php", "/vendor/autoload.php", "/core/install.php",
    "/sites/default/services.yml", "/README.md", "/drucloud-probe.php",
)  # fmt: skip
"""One path for each deny rule of the web role; none needs to exist for the rule to answer."""


def denied(visitor: Visits) -> Finding:
    """Files that nobody may read are refused by nginx itself; an answer made by PHP shows that a rule is gone."""
    visits = visitor.get_all([(path, {}) for path in DENIED])
    if any(visit.error for visit in visits):
        return finding("site.denied", visitor, "unknown", "no answer", why="The site does not answer.")
    served = [visit.path for visit in visits if visit.status == 200]
    passed = [visit.path for visit in visits if visit.status != 200 and visit.header(CACHE_HEADER)]
    if served or passed:
        why = f"{', '.join(served)} can be read by everyone." if served else f"nginx no longer refuses {passed[0]}."
        value = f"{len(served)} served, {len(passed)} passed on"
        return finding("site.denied", visitor, "fail", value, why=why, remedy=CONVERGE)
    return finding(
        "site.denied", visitor, "ok", f"{len(visits)} refused", why="Files that nobody may read are refused."
    )


CONVERGE = "Run 'drucloud replay' with the deployment's profile: it converges the web server again."


def cause_of_status(visit: Visit) -> str:
    """What a status of the front page usually means."""
    causes = {
        403: "nginx refuses the front page: the document root may be wrong.",
        404: "There is no front page: the document root may be wrong or the site is not deployed.",
        500: "PHP ends with an error.",
        502: "nginx gets no answer from PHP-FPM.",
        503: "The site says that it is not available (maintenance, or a dependency is missing).",
        504: "PHP takes too long to answer.",
    }
    return causes.get(visit.status, f"The front page answers with status {visit.status}.")


def finding(
    name: str, visitor: Visits, status: Status, value: str, *, unit: str = "", why: str = "", remedy: str = "",
    number: float | None = None, measure: str = "",
) -> Finding:  # fmt: skip
    """A finding about whom the visitor visits."""
    return Finding(name, visitor.subject, status, value, unit, why, remedy, time.time(), number, measure)
