"""Which of the failing checks is the cause, and which only follow from it. Pure.

A stopped memcached makes a site answer 503, its micro-cache keep nothing and its own probe fail. Whoever is woken by
that wants one sentence, not four. The rules below are ordered: what stands further down a request's way comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from health.machines import is_machine, is_web
from health.report import Finding
from provisioners.debian import SUITES

Names = tuple[str, ...]

_SITE: Names = ("site.", "micro-cache.", "edge.", "dns.")
_INSIDE: Names = ("opcache.", "apcu.", "memcached.", "database.", "fpm.", "drupal.")

RULES: tuple[tuple[str, Names], ...] = (
    ("drift", ("group.", "ec2.", "rds.", "elasticache.", "alb.", "machine.", "memcached.", "database.", *_SITE)),
    ("ec2.status", ("machine.", "alb.", "lvs.", "search.", *_INSIDE, *_SITE)),
    ("machine.reachable", ("machine.", "alb.", "lvs.", "search.", *_INSIDE, *_SITE)),
    ("machine.disk", ("service.", "database.", "drupal.", *_SITE)),
    ("machine.memory", ("service.", *_SITE)),
    ("tls.certificate", ("tls.", *_SITE)),
    ("dns.domain", _SITE),
    ("edge.status", _SITE),
    ("service.nginx", ("alb.", "lvs.", *_SITE)),
    *((f"service.php{suite.php}-fpm", (*_INSIDE, *_SITE)) for suite in SUITES),
    ("service.cron", ("cron.", "drupal.cron")),
    ("service.keepalived", ("lvs.", *_SITE)),
    ("service.solr", ("search.",)),
    ("rds.status", ("database.", "drupal.", *_SITE)),
    ("database.reachable", ("drupal.", *_SITE)),
    ("elasticache.status", ("memcached.", *_SITE)),
    ("memcached.round-trip", ("memcached.", "drupal.", *_SITE)),
    ("group.size", ("alb.", *_SITE)),
    ("alb.targets", _SITE),
    ("dns.health", _SITE),
    ("lvs.table", _SITE),
    ("site.status", _SITE),
    ("site.page-cache", ("micro-cache.", "edge.cache")),
    ("micro-cache.miss", ("micro-cache.",)),
    ("micro-cache.hit", ("micro-cache.", "edge.cache")),
    ("micro-cache.other-cookie", ("micro-cache.",)),
)
"""Cause, and beginnings of the names of what may follow from it."""

SHARED: Names = ("memcached.", "database.", "site.page-cache")
"""What all machines use: seen from one of them it says the same as seen from the others."""


@dataclass(frozen=True)
class Diagnosis:
    """One cause.

    :param cause: the finding that names it.
    :param explains: the other findings that follow from it.
    """

    cause: Finding
    explains: tuple[Finding, ...] = ()


def diagnose(findings: Sequence[Finding]) -> list[Diagnosis]:
    """The causes among what is not ok: failures first, each finding in exactly one of them."""
    open_ones = [item for item in findings if item.status in ("fail", "warn")]
    unasked = [item for item in findings if item.status == "unknown"]
    diagnoses = []
    for name, follows in RULES:
        for cause in [item for item in open_ones if item.name == name and item.status == "fail"]:
            if cause not in open_ones:
                continue
            explained = [item for item in [*open_ones, *unasked] if item != cause and _follows(cause, item, follows)]
            diagnoses.append(Diagnosis(cause, tuple(explained)))
            open_ones = [item for item in open_ones if item != cause and item not in explained]
            unasked = [item for item in unasked if item not in explained]
    diagnoses += [Diagnosis(item) for item in open_ones]
    return sorted(diagnoses, key=lambda one: one.cause.status != "fail")


def _follows(cause: Finding, item: Finding, follows: Names) -> bool:
    """Whether ``item`` follows; what is wrong on one machine explains that machine and, of a web server, the site."""
    if not item.name.startswith((*follows, cause.name)):
        return False
    if not is_machine(cause.subject) or cause.name.startswith(SHARED) or item.subject == cause.subject:
        return True
    if is_machine(item.subject):
        return item.name.startswith(follows) and item.why == cause.why  # the same on every machine: one cause
    return is_web(cause.subject) or not item.name.startswith(_SITE)
