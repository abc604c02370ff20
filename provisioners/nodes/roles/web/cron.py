#!/usr/bin/python3
"""Drupal's cron, on one web server only: whoever gets the lock in the site's own database runs it, the others go home.

Every web server has the timer, so that cron outlives any one of them and needs no other machine. The lock is MariaDB's
(``GET_LOCK``), held by a connection of root's for as long as Drush runs: it goes with the process that holds it. A site
in maintenance mode, or one whose cron ran a moment ago, is left alone.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

SITE = pathlib.Path("/etc/drucloud/site.json")
SETTINGS = pathlib.Path("/etc/drucloud/site-settings.json")
CURRENT = pathlib.Path("/srv/site/current")
INSTALL = "/usr/lib/drucloud/install"
LEAST_SECONDS = 600
"""The timers of two servers may fire one after the other."""
CRON_SECONDS = 3600
INDEX_PAGES = 500
"""Of each index at most: the next run goes on."""


class CronError(Exception):
    """Cron did not run; the text says why."""


def installer() -> Any:
    """The module that knows the site's Drush."""
    loader = importlib.machinery.SourceFileLoader("install", INSTALL)
    spec = importlib.util.spec_from_loader("install", loader)
    if spec is None:
        raise CronError(f"there is no {INSTALL}")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def options(database: Mapping[str, Any]) -> int:
    """A file descriptor of an option file in memory: no password stands in an argument."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = ["[client]", f"host={quoted(database['host'])}", f"port={int(database['port'])}"]
    lines += [f"user={quoted(database['username'])}", f"password={quoted(database['password'])}"]
    lines += [f"database={quoted(database['name'])}", "connect-timeout=10"]
    lines += [f"ssl-ca={database['ca']}"] if pathlib.Path(database["ca"]).exists() else []
    memory = os.memfd_create("options", 0)
    os.fchmod(memory, 0o600)
    os.write(memory, "\n".join(lines).encode())
    return memory


class Lock:
    """The lock in the database; ``held`` says whether it is ours."""

    def __init__(self, site: Mapping[str, Any]) -> None:
        memory = options(site["database"])
        self._client = subprocess.Popen(
            ["mariadb", f"--defaults-file=/proc/self/fd/{memory}", "--batch", "--skip-column-names", "--unbuffered"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[memory],
        )
        os.close(memory)
        name = "".join(letter for letter in str(site["deployment"]) if letter.isalnum() or letter == "-")
        # The server would close a silent connection after five minutes (its wait_timeout), and the lock with it.
        keep = f"SET SESSION wait_timeout = {2 * CRON_SECONDS};"
        said = self._ask(f"{keep} SELECT GET_LOCK('drucloud-cron-{name}', 0);")
        if said not in ("0", "1"):
            raise CronError(f"the database gives no lock: {said}")
        self.held = said == "1"

    def _ask(self, sql: str) -> str:
        assert self._client.stdin is not None and self._client.stdout is not None  # noqa: S101  (pipes above)
        self._client.stdin.write(sql.encode() + b"\n")
        self._client.stdin.flush()
        return self._client.stdout.readline().decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Let go."""
        assert self._client.stdin is not None  # noqa: S101
        self._client.stdin.close()
        self._client.wait(30)


def run(site: Any) -> str:
    """Run cron through the site's Drush; what was done."""
    code, _, _ = site.try_drush("maint:status", seconds=120)
    if code == 3:
        return "the site is in maintenance mode"
    code, out, _ = site.try_drush("state:get", "system.cron_last", seconds=120)
    last = out.strip()
    if not code and last.isdigit() and time.time() - int(last) < LEAST_SECONDS:
        return "another machine ran it a moment ago"
    began = time.monotonic()
    code, out, err = site.try_drush("core:cron", seconds=CRON_SECONDS)
    if code:
        raise CronError(f"drush cron failed: {(err or out).strip()[-600:]}")
    return f"cron ran in {time.monotonic() - began:.1f} s" + index(site)


def index(site: Any) -> str:
    """Bring the search index up to date, where the site has one: cron by itself takes 50 pages a run."""
    if not (site.docroot / "modules/contrib/search_api").is_dir():
        return ""
    code, _, err = site.try_drush("search-api:index", f"--limit={INDEX_PAGES}", seconds=CRON_SECONDS)
    # Not an error of cron: the module may be in the code and not be installed.
    return ", search index is up to date" if not code else f", search index not: {err.strip()[-200:]}"


def main() -> int:
    """Run it if it is this machine's turn; the exit code."""
    if not SITE.exists() or not CURRENT.exists():
        print("there is no site yet")
        return 0
    module = installer()
    site = module.Site(json.loads(SETTINGS.read_text()))
    if not site.is_drupal:
        print("not a Drupal site: nothing to run")
        return 0
    lock = Lock(json.loads(SITE.read_text()))
    try:
        print(run(site) if lock.held else "another machine is running it")
    finally:
        lock.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CronError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
