"""What the tuning of the web node is worth, on a standing sandbox deployment of a real site, as ratios of one run.

    python bench/site.py NAME [--runs 5] [--seconds 4]

On the web node itself, interleaved, with wrk from Debian: a cached page, the same bytes as a static file by the same
nginx, and the same site by a stock nginx and PHP-FPM (Debian's defaults, and Drupal's: caches in the database) with
Drupal's page cache on and off; then a logged-in page by ours, by stock, and by stock servers with our settings.php.
Beside it the server's CPU per request, from systemd's accounting of its cgroup, since the load generator shares the
cores. Last, 200 clients on one cold page.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from provisioners.engine.deployment import find
from provisioners.nodes.reach import Machine, reach
from provisioners.nodes.ssh import Connection
from provisioners.sandbox.client import ensure

BENCH = Path(__file__).parent
PAGE = "/node?bench=1"
STATIC, CACHED, LOGGED_IN = "static file, same nginx", "cached page", "logged in"
STOCK_CACHED, STOCK_PLAIN = "stock, Drupal's page cache on", "stock, Drupal's page cache off"
STOCK_LOGGED_IN, STOCK_SERVERS = "stock, logged in", "stock servers, our settings.php, logged in"


@dataclass(frozen=True)
class Case:
    """One thing to load: its name, its address, the units whose CPU it costs, and how hard."""

    name: str
    url: str
    units: tuple[str, ...]
    cookie: str = ""
    connections: int = 16


@dataclass(frozen=True)
class Measured:
    """Requests a second, and CPU seconds of the servers a request."""

    rate: float
    cpu: float


class Node:
    """The web node, over SSH."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sh(self, script: str) -> str:
        """Output of a shell script run as root; the script goes in by standard input."""
        return self._connection.run(["sudo", "-n", "sh", "-e"], script.encode(), timeout=300).text

    def cpu(self, units: tuple[str, ...]) -> float:
        """CPU seconds the units have used."""
        out = self.sh(f"systemctl show -p CPUUsageNSec --value {' '.join(units)}")
        return sum(int(line) for line in out.split()) / 1e9

    def warm(self, case: Case) -> None:
        """Fill the caches behind a page, one request after another."""
        self.sh(f"for n in 1 2 3 4 5 6 7 8; do curl -fsS -o /dev/null -H 'Cookie: {case.cookie}' '{case.url}'; done")

    def load(self, case: Case, seconds: int) -> Measured:
        """One run of wrk; a single answer that is not 2xx or 3xx makes it worthless."""
        header = f"-H 'Cookie: {case.cookie}'" if case.cookie else ""
        before = self.cpu(case.units)
        out = self.sh(f"wrk -t1 --timeout 30s -c{case.connections} -d{seconds}s {header} '{case.url}'")
        used = self.cpu(case.units) - before
        count, rate = re.search(r"(\d+) requests in", out), re.search(r"Requests/sec:\s+([\d.]+)", out)
        if count is None or rate is None or int(count[1]) == 0 or "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(f"{case.name}: {out}")
        return Measured(float(rate[1]), used / int(count[1]))


def prepare(node: Node) -> str:
    """wrk, the stock servers, the static file; gives the cookie of a logged-in editor."""
    node.sh("command -v wrk >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y wrk >/dev/null 2>&1")
    node.sh((BENCH / "stock.sh").read_text())
    node.sh(f"curl -fsS -o /srv/site/shared/files/bench.html 'http://127.0.0.1{PAGE}'")
    link = node.sh(
        "cd /srv/site/current; runuser -u www-data -- env HOME=/var/cache/drupal"
        " php vendor/drush/drush/drush.php --uri=http://127.0.0.1 user:login --no-browser"
    ).strip()
    head = node.sh(f"curl -fsS -o /dev/null -D- '{link.splitlines()[-1]}'")
    cookie = re.search(r"Set-Cookie: (S?SESS[^=]+=[^;]+)", head)
    if cookie is None:
        raise SystemExit("the one-time link gave no session")
    return cookie[1]


def stampede(node: Node) -> int:
    """How often PHP is reached when 200 clients ask at once for a page nobody has asked for."""
    accepted = "python3 /usr/lib/drucloud/probe | sed -n 's/.*\"accepted conn\": *\\([0-9]*\\).*/\\1/p'"
    page = f"/node?cold={time.time_ns()}"
    out = node.sh(
        f"a=$({accepted})\nseq 200 | xargs -P 200 -I% curl -fsS -o /dev/null 'http://127.0.0.1{page}'\nb=$({accepted})\n"
        "c=$(" + accepted + ")\necho $((b-a-(c-b)))"  # the probe's own requests are taken away
    )
    return int(out)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="starter")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="", help="measure only the cases whose name has this in it")
    options = parser.parse_args()
    deployment = find(options.name, "sandbox")
    target = ensure().target(deployment.id.region)
    site = next(step for step in deployment.state().steps.values() if step.type == "Drucloud::Site" and step.properties)
    with reach(target, deployment.folder, Machine.of(site.properties)) as connection:
        node = Node(connection)
        cookie = prepare(node)
        ours, stock = ("nginx", "php8.4-fpm"), ("stock-nginx", "stock-php-fpm")
        here = "http://127.0.0.1"
        cases = (
            Case(STATIC, f"{here}/sites/default/files/bench.html", ours),
            Case(CACHED, f"{here}{PAGE}", ours),
            Case(STOCK_CACHED, f"{here}:8181{PAGE}", stock),
            Case(STOCK_PLAIN, f"{here}:8182{PAGE}", stock),
            Case(LOGGED_IN, f"{here}{PAGE}", ours, cookie, 4),
            Case(STOCK_LOGGED_IN, f"{here}:8181{PAGE}", stock, cookie, 4),
            Case(STOCK_SERVERS, f"{here}:8183{PAGE}", stock, cookie, 4),
        )
        cases = tuple(case for case in cases if options.only in case.name)
        for case in cases:
            node.warm(case)
        node.sh("/usr/lib/drucloud/preload --more")  # what its timer does at night, with what visitors asked for
        for case in cases:
            node.warm(case)
        runs: dict[str, list[Measured]] = {case.name: [] for case in cases}
        for _ in range(options.runs):
            for case in cases:
                runs[case.name].append(node.load(case, options.seconds))
        reached = stampede(node)
        node.sh((BENCH / "unstock.sh").read_text())
    report(runs, reached)


def report(runs: dict[str, list[Measured]], reached: int) -> None:
    """The medians with their spread, and the ratios by rate and by CPU, each run with itself."""
    print("| case | requests/s (lowest, highest) | CPU a request (lowest, highest) |\n|---|---|---|")
    for name, of in runs.items():
        rates, cpus = sorted(run.rate for run in of), sorted(run.cpu * 1e6 for run in of)
        rate, cpu = statistics.median(rates), statistics.median(cpus)
        spread = f"{rates[0]:,.0f}, {rates[-1]:,.0f}", f"{cpus[0]:,.0f}, {cpus[-1]:,.0f}"
        print(f"| {name} | {rate:,.0f} ({spread[0]}) | {cpu:,.0f} µs ({spread[1]}) |")
    print()
    for ours, theirs in (
        (CACHED, STATIC),
        (CACHED, STOCK_CACHED),
        (CACHED, STOCK_PLAIN),
        (LOGGED_IN, STOCK_LOGGED_IN),
        (LOGGED_IN, STOCK_SERVERS),
    ):
        if ours in runs and theirs in runs:
            pairs = list(zip(runs[ours], runs[theirs], strict=True))
            by_rate, by_cpu = sorted(a.rate / b.rate for a, b in pairs), sorted(b.cpu / a.cpu for a, b in pairs)
            told = (f"{statistics.median(by):.2f} ({by[0]:.2f}, {by[-1]:.2f})" for by in (by_rate, by_cpu))
            print(f"{ours} / {theirs}: " + " by rate, ".join(told) + " by CPU")
    print(f"200 clients on a cold page reached PHP {reached} time(s)")


if __name__ == "__main__":
    main()
