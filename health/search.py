"""Whether the search server finds: Solr's own ping of the site's core, and how much is in it."""

from __future__ import annotations

import json

from health.report import Finding, Status
from health.site import finding
from health.visit import Visit, Visits

PORT = 8983
CORE = "drupal"


def solr(visitor: Visits, core: str = CORE) -> list[Finding]:
    """Ask as the site does; nothing is written."""
    ping = visitor.get(f"/solr/{core}/admin/ping?wt=json")
    said = _json(ping).get("status")
    if ping.status != 200 or said != "OK":
        return [_failed(visitor, core, ping)]
    took = ping.seconds_to_first_byte * 1000
    index = _json(visitor.get(f"/solr/{core}/admin/luke?numTerms=0&wt=json")).get("index")
    count = index.get("numDocs") if isinstance(index, dict) else None
    found = [
        finding("search.ping", visitor, "ok", f"{took:.0f} ms", why="Solr searches.", number=took, measure="ms"),
    ]
    if isinstance(count, int):
        remedy = "drush search-api:index" if not count else ""
        why = "Solr holds the site's content." if count else "Nothing is indexed yet."
        status: Status = "ok" if count else "warn"
        value = f"{count} documents"
        found.append(finding("search.documents", visitor, status, value, why=why, remedy=remedy, number=float(count)))
    return found


def _failed(visitor: Visits, core: str, ping: Visit) -> Finding:
    why = {
        0: "Solr does not answer.",
        401: "Solr wants a password that the probe has not.",
        404: f"Solr has no core '{core}'.",
    }.get(ping.status, f"Solr's core '{core}' answers with status {ping.status}.")
    status: Status = "unknown" if ping.status == 401 else "fail"
    remedy = "On the search server: systemctl status solr; the core is made with Drupal's configset."
    return finding("search.ping", visitor, status, ping.error or str(ping.status), why=why, remedy=remedy)


def _json(visit: Visit) -> dict[str, object]:
    try:
        answer = json.loads(visit.body or b"{}")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
