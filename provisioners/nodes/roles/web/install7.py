#!/usr/bin/python3
"""Bring the database of a Drupal 7 to the live release: install Drupal into an empty one, update one that is there.

Everything is done by core's own functions (/usr/lib/drucloud/drupal7.php), as www-data: Drupal 7 repositories rarely
bring a Drush. An empty database gets the standard profile, so that the whole stack is proven before the old site's dump
is imported over it; a database in which Drupal 7 is installed, as an imported dump is, gets what update.php does. Any
other database is left alone. ``--check`` says whether this database was brought to the live release already (an import
is another one: when its Drupal was installed tells them apart); ``--cron`` runs Drupal's cron. A site that is not
Drupal 7 needs none of this.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

SETTINGS = pathlib.Path("/etc/drucloud/site-settings.json")
SITE = pathlib.Path("/etc/drucloud/site.json")
CURRENT = pathlib.Path("/srv/site/current")
STATE = pathlib.Path("/var/lib/drucloud")
READY = STATE / "site-ready"  # the commit that was last installed or updated to, and into which database
BEGUN = STATE / "site-installing"  # an installation of ours that was cut off is begun again
PURGE = STATE / "purge"
PROGRAM = "/usr/lib/drucloud/drupal7.php"


class InstallError(Exception):
    """The site cannot be installed or updated; the text says why in plain words."""


class Site:
    """The live release and what core can do with it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.release = CURRENT.resolve()
        self.docroot = self.release / str(settings["docroot"])
        self.name = settings["domain"] or settings["deployment"]
        self.mail = f"admin@{settings['domain'] or 'example.org'}"

    @property
    def is_drupal(self) -> bool:
        """Drupal 7: its version stands in bootstrap.inc, and there is no folder ``core``."""
        bootstrap = self.docroot / "includes/bootstrap.inc"
        return bootstrap.is_file() and bool(
            re.search(r"define\('VERSION', '7\.", bootstrap.read_text(encoding="utf-8", errors="replace"))
        )

    def core(self, action: str, told: Mapping[str, str] | None = None, seconds: float = 1200) -> Any:
        """The answer of core to ``action``; raises ``InstallError`` with what it says instead."""
        try:
            done = subprocess.run(
                ["php", "-d", "memory_limit=512M", PROGRAM, action, str(self.docroot), json.dumps(told or {})],
                cwd=self.docroot,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                user="www-data",
                group="www-data",
                extra_groups=[],
                umask=0o022,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InstallError(f"Drupal's {action} did not finish within {seconds:.0f} s") from None
        try:
            told_back = json.loads(done.stdout.decode("utf-8", "replace").strip().splitlines()[-1])
        except (ValueError, IndexError):
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-6:]
            raise InstallError(f"Drupal's {action} ended with code {done.returncode}: " + "\n".join(said)) from None
        if "error" in told_back:
            raise InstallError(f"Drupal's {action} failed: {told_back['error']}")
        return told_back["answer"]


def bring_up(site: Site, state: str) -> str:
    """Install or update; what was done."""
    if state.startswith("ready"):
        BEGUN.unlink(missing_ok=True)
        return str(site.core("update"))
    if state != "empty" and not BEGUN.exists():
        raise InstallError("the database has tables but no whole Drupal 7; import a whole dump or empty it")
    told = {"name": site.name, "mail": site.mail}
    if BEGUN.exists():
        told["again"] = "yes"
    BEGUN.touch()
    done = site.core("install", told)
    BEGUN.unlink()
    return str(done)


def main(check: bool, cron: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    if cron and not (SITE.exists() and CURRENT.exists()):
        print("there is no site yet")
        return 0
    site = Site(json.loads(SETTINGS.read_text()))
    if not site.is_drupal:
        print("not a Drupal 7 site: nothing to do")
        return 0
    if cron:
        print(site.core("cron", seconds=3600))
        return 0
    state = str(site.core("state"))
    if READY.exists() and READY.read_text().strip() == f"{site.release.name} {state}":
        print(f"the database is at {site.release.name[:12]}")
        return 0
    if check:
        return 1
    done = bring_up(site, state)
    PURGE.touch()
    READY.write_text(f"{site.release.name} {site.core('state')}\n")
    print(f"{done} for {site.release.name[:12]}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main("--check" in sys.argv[1:], "--cron" in sys.argv[1:]))
    except InstallError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
