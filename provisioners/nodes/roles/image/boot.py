#!/usr/bin/python3
"""First boot of a server of the group: from the golden image to a web server that answers, with no package installed.

The user data hands over, on standard input, what the image could not know when it was made: where database and cache
are, and under what name the site's secret is kept. No secret is among it. Which memcached nodes there are is asked of
the cluster itself (ElastiCache's auto discovery), the secret is fetched by the machine's role, and only then may nginx
and PHP-FPM run: a server that answers the load balancer's question has everything it needs. ``--parse`` does nothing.
"""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

SETTINGS = pathlib.Path("/etc/drucloud/site-settings.json")
SERVICES = ("php{{ php }}-fpm.service", "nginx.service")
PATIENCE = 900.0
"""Seconds until what is needed has to be there; roles and names of AWS may lag minutes behind."""


def discover(host: str, port: int, nodes: int) -> list[dict[str, Any]]:
    """The cluster's nodes; raises ``OSError`` while it cannot be asked.

    ElastiCache answers ``config get cluster`` with ``name|address|port`` of each (its User Guide, "Auto Discovery"). A
    plain Memcached answers ERROR; then the nodes' names follow from the configuration endpoint's as ElastiCache makes
    them: ``.cfg.`` becomes ``.0001.`` and so on.
    """
    answer = b""
    with socket.create_connection((host, port), 5) as connection:
        connection.settimeout(5)
        connection.sendall(b"config get cluster\r\n")
        while not answer.endswith((b"END\r\n", b"ERROR\r\n")) and (part := connection.recv(65536)):
            answer += part
    if not answer.startswith(b"CONFIG"):
        return [{"host": host.replace(".cfg.", f".{number:04}."), "port": port} for number in range(1, nodes + 1)]
    told = answer.decode("ascii", "replace").splitlines()[2].split()
    parts = [node.split("|") for node in told]
    return [{"host": name, "port": int(number)} for name, _, number in parts]


def merged(baked: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The image's settings with what the user data tells."""
    cache = told["cache"]
    return {
        **baked,
        "database": {**baked["database"], **told["database"]},
        "memcached": discover(cache["host"], int(cache["port"]), int(cache["nodes"])),
        "secret_arn": told["secret_arn"],
        "services": told["services"],
    }


def write(settings: Mapping[str, Any]) -> None:
    """Replace the settings in one step."""
    fresh = SETTINGS.with_name(".site-settings.new")
    fresh.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
    fresh.replace(SETTINGS)


def since_init() -> float:
    """Seconds since this machine's first process started."""
    ticks = int(pathlib.Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Do it, again and again until the patience is over; the exit code."""
    told = json.load(sys.stdin)
    until = time.monotonic() + PATIENCE
    while True:
        try:
            write(merged(json.loads(SETTINGS.read_text()), told))
            subprocess.run(["/usr/lib/drucloud/secrets", "--site"], check=True)
            break
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"drucloud: not yet: {error}", flush=True)
            if time.monotonic() > until:
                return 1
            time.sleep(2)
    subprocess.run(["systemctl", "enable", "--now", *SERVICES], check=True)
    print(f"drucloud: serving {since_init():.1f} s after init started", flush=True)
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(0 if "--parse" in sys.argv[1:] else main())
