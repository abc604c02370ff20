"""Which Debian a machine runs, and what follows from it: the release that names its AMI, and PHP's version.

Every machine runs Debian 13. The one exception are the web servers of a Drupal 7, whose installer fails on PHP 8.4 and
which was tried with 8.2: they run Debian 12. Source of the versions: php-defaults of both suites (packages.debian.org).
"""

from __future__ import annotations

from dataclasses import dataclass

LEGACY = "7"
"""The answer to ``site.drupal`` that means Drupal 7; any other means a Drupal that Debian 13's PHP runs."""

LEGACY_END_OF_LIFE = "2025-01-05"
"""Of Drupal 7 (drupal.org/psa-2023-06-07)."""


@dataclass(frozen=True)
class Suite:
    """One release of Debian.

    :param release: its number, by which its AMIs and their public parameters are named.
    :param codename: by which its archive is named.
    :param php: the version of PHP that it packages.
    """

    release: str
    codename: str
    php: str


TRIXIE = Suite("13", "trixie", "8.4")
BOOKWORM = Suite("12", "bookworm", "8.2")

SUITES = (TRIXIE, BOOKWORM)


def web_suite(drupal: str) -> Suite:
    """What the web servers run, by the answer to ``site.drupal``."""
    return BOOKWORM if drupal == LEGACY else TRIXIE


def facts(drupal: str) -> dict[str, str]:
    """What a web server's templates may use.

    :param drupal: the answer to ``site.drupal``. Templates see ``7`` or nothing, so that it can be part of the name of
        a file that only Drupal 7 has another version of (``settings{{ drupal }}.php``).
    """
    suite = web_suite(drupal)
    return {
        "drupal": drupal if drupal == LEGACY else "",
        # PDO's constants of MySQL have a class of their own since PHP 8.4.
        "pdo_mysql": "Pdo\\Mysql::ATTR" if suite is TRIXIE else "PDO::MYSQL_ATTR",
        "php": suite.php,
        "suite": suite.codename,
    }
