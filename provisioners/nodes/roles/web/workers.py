#!/usr/bin/python3
"""Measure what one PHP worker of this site really takes, and size the pool by it instead of by the estimate.

Warms the workers up with uncached pages, takes their proportional set size (PSS, which counts shared OPcache memory
once) and writes /etc/php/{{php}}/fpm/pool.d/drucloud-measured.conf, which FPM reads after the role's own pool file. The
whole fleet's workers stay below the database's ``max_connections``. ``--check`` says whether the live release was
measured already.

    children = (memory - kept back - OPcache - APCu - micro-cache) x 0.85 / PSS, at most 5 a processor, at least 4
"""

from __future__ import annotations

import json
import math
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

SETTINGS = pathlib.Path("/etc/drucloud/pool.json")
STATE = pathlib.Path("/var/lib/drucloud/workers.json")
POOL = pathlib.Path("/etc/php/{{ php }}/fpm/pool.d/drucloud-measured.conf")
CURRENT = pathlib.Path("/srv/site/current")
PAGES = 60
RESERVED_CONNECTIONS = 20  # cron, Drush, an administrator, RDS itself
CHILDREN_PER_VCPU = 5
LEAST_CHILDREN = 4


class WorkersError(Exception):
    """The pool cannot be sized; the text says why."""


def warm_up(host: str) -> None:
    """Pages that PHP has to make."""
    for _ in range(PAGES):
        made(host, "/")


def made(host: str, path: str) -> int:
    """Status of a page that PHP has to make: the micro-cache steps aside for a visitor who asks not to be cached."""
    headers = {"Cookie": "NO_CACHE=1", "Host": host}
    request = urllib.request.Request(f"http://127.0.0.1{path}", headers=headers)
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError as error:
        raise WorkersError(f"the site does not answer: {error}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other here."""

    def redirect_request(self, *arguments: Any) -> None:
        """Never followed."""


def worker_mib() -> float:
    """The largest worker's PSS in MiB; they are alike after the warm-up, and the pool must hold for the largest."""
    sizes = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"php-fpm: pool drucloud"):
                lines = (process / "smaps_rollup").read_text().splitlines()
                sizes += [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
        except OSError:  # it ended meanwhile
            continue
    if not sizes:
        raise WorkersError("there is no worker of the pool drucloud")
    return max(sizes) / 1024


def connections() -> int:
    """The database's ``max_connections`` as the site sees it; 0 when it does not say."""
    done = subprocess.run(["/usr/lib/drucloud/probe"], stdout=subprocess.PIPE, timeout=60, check=False)
    try:
        return int(json.loads(done.stdout)["database"]["max_connections"])
    except (ValueError, KeyError, TypeError):
        return 0


def children(settings: Mapping[str, Any], pss: float, allowed: int) -> int:
    """How many workers this machine is to have."""
    memory = int(settings["memory_mib"])
    kept = max(600, math.ceil(0.15 * memory))
    free = memory - kept - sum(int(settings[name]) for name in ("opcache_mib", "apcu_mib", "micro_cache_mib"))
    wanted = [int(free * 0.85 / pss), CHILDREN_PER_VCPU * int(settings["vcpu"])]
    if allowed:
        wanted.append((allowed - RESERVED_CONNECTIONS) // max(1, int(settings["fleet_size"])))
    return max(LEAST_CHILDREN, min(wanted))


def pool(count: int, pss: float) -> str:
    """The pool file; FPM joins sections of the same name, the later value wins."""
    return (
        f"; Measured on this machine: a worker of this site takes {pss:.0f} MiB (PSS).\n"
        "[drucloud]\n"
        f"pm.max_children = {count}\n"
        f"pm.start_servers = {math.ceil(0.25 * count)}\n"
        f"pm.min_spare_servers = {math.ceil(0.15 * count)}\n"
        f"pm.max_spare_servers = {math.ceil(0.4 * count)}\n"
    )


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    release = CURRENT.resolve().name
    measured = json.loads(STATE.read_text()) if STATE.exists() else {}
    if measured.get("release") == release and POOL.exists():
        print(f"{measured['children']} workers of {measured['pss_mib']} MiB")
        return 0
    if check:
        return 1
    site = json.loads(pathlib.Path("/etc/drucloud/site-settings.json").read_text())
    warm_up(site["domain"] or "localhost")
    pss = max(1.0, worker_mib())
    count = children(json.loads(SETTINGS.read_text()), pss, connections())
    before = POOL.read_text() if POOL.exists() else None
    POOL.write_text(pool(count, pss))
    if subprocess.run(["php-fpm{{ php }}", "-t"], stderr=subprocess.DEVNULL, check=False).returncode:
        POOL.unlink() if before is None else POOL.write_text(before)
        raise WorkersError("PHP-FPM refuses the measured pool; the estimate stays")
    STATE.write_text(json.dumps({"children": count, "pss_mib": round(pss), "release": release}))
    print(f"{count} workers of {pss:.0f} MiB")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    try:
        sys.exit(main("--check" in sys.argv[1:]))
    except WorkersError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
