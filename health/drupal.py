"""Findings from what Drupal says about itself (:mod:`health.on_node.drupal`); interpreting it is pure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from health.report import Finding, Status
from provisioners.debian import LEGACY, LEGACY_END_OF_LIFE
from provisioners.foreign_text import clean_line

CRON_SECONDS = 2 * 900.0
"""Twice the interval of the maintenance cron (15 minutes)."""
DRUSH = (13, 7)
"""The first release whose ``core:requirements`` works with Drupal 11.2 and newer (drush#6289, drush#6529)."""
USER = "www-data"


def program() -> bytes:
    """The program that asks, to be fed to ``python3`` on a web server."""
    return resources.files("health.on_node").joinpath("drupal.py").read_bytes()


def command() -> list[str]:
    """How it is run over SSH."""
    return ["sudo", "-n", "python3", "-I", "-", USER]


def findings(subject: str, answer: str) -> list[Finding]:
    """What it said; nothing for a site that is not Drupal."""
    try:
        seen = json.loads(answer)
    except ValueError:
        return [_made("drupal.status", subject, "unknown", "unreadable", "The answer cannot be read.")]
    if not isinstance(seen, dict) or not seen:
        return []
    return [
        *_status(subject, seen.get("status")),
        *_requirements(subject, seen),
        *(_unsupported(subject) if _is_legacy(seen) else _security(subject, seen.get("security"))),
        *_cron(subject, seen.get("cron"), float(seen.get("now", time.time()))),
        *_updates(subject, seen.get("updates")),
        *_services(subject, seen.get("built"), seen.get("modules")),
    ]


def _status(subject: str, part: Any) -> Iterator[Finding]:
    if error := _error(part):
        yield _made("drupal.status", subject, "fail", "error", error, "Run Drush's status on the machine.")
        return
    version = clean_line(str(part.get("drupal-version", "?"))) if isinstance(part, Mapping) else "?"
    up = isinstance(part, Mapping) and part.get("bootstrap") == "Successful"
    why = "Drupal starts and reaches its database." if up else "Drupal does not start."
    remedy = "" if up else "Run Drush's status on the machine."
    yield _made("drupal.status", subject, "ok" if up else "fail", version, why, remedy)


def _requirements(subject: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    part, status = seen.get("requirements"), seen.get("status")
    version = str(status.get("drush-version", "")) if isinstance(status, Mapping) else ""
    if _error(part) or (not part and not _is_legacy(seen) and _older(version)):
        why = f"Drush {clean_line(version) or '?'} does not tell Drupal's requirements."
        yield _made("drupal.requirements", subject, "unknown", "no answer", why, "composer require drush/drush:^13.7")
        return
    rows = list(part.values()) if isinstance(part, Mapping) else list(part or ())
    titles = [clean_line(str(row.get("title", "?"))) for row in rows if isinstance(row, Mapping)]
    if titles:
        why = f"Drupal's status report has errors: {'; '.join(titles[:5])}."
        yield _made("drupal.requirements", subject, "fail", f"{len(titles)} errors", why, "See /admin/reports/status.")
        return
    yield _made("drupal.requirements", subject, "ok", "no errors", "Drupal's status report has no errors.")


def _older(version: str) -> bool:
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return tuple(numbers) < DRUSH


def _is_legacy(seen: Mapping[str, Any]) -> bool:
    """Whether it is a Drupal 7, which answers for itself and not through Drush (drupal7.php of the role ``web``)."""
    status = seen.get("status")
    return isinstance(status, Mapping) and str(status.get("drupal-version", "")).startswith(f"{LEGACY}.")


def _unsupported(subject: str) -> Iterator[Finding]:
    why = f"Drupal 7 gets no security fixes from drupal.org since {LEGACY_END_OF_LIFE}."
    remedy = "Buy extended support for it, or move the site to a current Drupal."
    yield _made("drupal.security", subject, "warn", "out of support", why, remedy)


def _security(subject: str, part: Any) -> Iterator[Finding]:
    if error := _error(part):
        yield _made("drupal.security", subject, "unknown", "no answer", f"Security advisories are not known: {error}.")
        return
    rows = part.values() if isinstance(part, Mapping) else part or ()
    names = sorted(clean_line(str(row.get("name", "?"))) for row in rows if isinstance(row, Mapping))
    if names:
        why = f"Security updates are missing: {', '.join(names[:8])}."
        remedy = f"composer update {' '.join(names[:8])} --with-dependencies, then deploy."
        yield _made("drupal.security", subject, "fail", f"{len(names)} missing", why, remedy)
        return
    yield _made("drupal.security", subject, "ok", "none missing", "No installed module has a known hole.")


def _cron(subject: str, part: Any, now: float) -> Iterator[Finding]:
    last = part.get("system.cron_last") if isinstance(part, Mapping) else part
    if not isinstance(last, int | float | str) or not str(last).replace(".", "").isdigit():
        yield _made(
            "drupal.cron", subject, "warn", "never", "Drupal's cron has never run.", "See cron on the machines."
        )
        return
    age = now - float(last)
    late = age > CRON_SECONDS
    why = "Drupal's cron runs." if not late else f"Drupal's cron last ran {age / 60:.0f} minutes ago."
    remedy = "See cron on the admin server; drush maint:status ends with 3 in maintenance mode." if late else ""
    yield _made("drupal.cron", subject, "warn" if late else "ok", f"{age / 60:.0f} min ago", why, remedy, age, "s")


def _updates(subject: str, part: Any) -> Iterator[Finding]:
    if _error(part):
        return  # an old Drush; the status report tells it too
    count = len(part or ())
    why = "The database belongs to the code." if not count else "Updates of the database wait."
    status: Status = "warn" if count else "ok"
    yield _made("drupal.updates", subject, status, f"{count} waiting", why, "drush deploy" if count else "")


SERVICES = {
    "search": ("search_api_solr", "The search node is not used", "composer require drupal/search_api_solr"),
    "files": ("s3fs", "Files stay on the web server's own disk", "composer require drupal/s3fs"),
    "purge": (
        "cloudfront_purger_tags",
        "CloudFront shows an old page until it expires",
        "composer require drupal/cloudfront_purger",
    ),
}
"""By service: the module that uses it, what happens without it, and how it comes into the code."""


def _services(subject: str, built: Any, modules: Any) -> Iterator[Finding]:
    """What the deployment has built and the site does not use; nothing where nothing was built."""
    services = list(built.get("services", ())) if isinstance(built, Mapping) else []
    if not services or _error(modules):
        return
    rows = modules.values() if isinstance(modules, Mapping) else modules
    enabled = {str(row.get("name")) if isinstance(row, Mapping) else str(row) for row in rows}
    for service, (module, without, remedy) in SERVICES.items():
        if service in services and module not in enabled:
            why = f"{without}: the module {module} is not installed."
            yield _made("drupal.services", f"{subject}: {service}", "warn", "not used", why, f"{remedy}, then deploy.")
        elif service in services:
            yield _made("drupal.services", f"{subject}: {service}", "ok", module, f"The module {module} is installed.")
    if "mail" in services:
        has = bool(built.get("mailer"))
        why = "Drupal sends by Amazon SES." if has else "Drupal does not send by Amazon SES: its transport is missing."
        remedy = "" if has else "composer require symfony/amazon-mailer, then deploy."
        told = "symfony/amazon-mailer" if has else "not used"
        yield _made("drupal.services", f"{subject}: mail", "ok" if has else "warn", told, why, remedy)


def _error(part: Any) -> str:
    if part is None:
        return "nothing was said"
    return clean_line(str(part["error"])) if isinstance(part, Mapping) and "error" in part else ""


def _made(
    name: str, subject: str, status: Status, value: str, why: str, remedy: str = "",
    number: float | None = None, measure: str = "",
) -> Finding:  # fmt: skip
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number, measure)
