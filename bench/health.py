"""One round of health probes over many machines and pages, as ratios to the plainest way of doing the same.

    python -m bench.health [--machines 100] [--pages 1000]

Machines: real OpenSSH servers (Debian's), one process a port, all on this host (``bench/sshds.py``). A round runs
``health.on_node.look`` on each, by ``health.round`` and ``provisioners.nodes.reach.Connections``, as the dashboard
does. Beside it, in the same run: OpenSSH's own client in a bare loop, a new connection each time. Pages: a survey of a
plain HTTP server, beside a bare loop of httpx. Last, one server that accepts and never says a word.
"""

from __future__ import annotations

import argparse
import functools
import logging
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.sshds import Servers, servers
from health import machine, survey
from health.report import Finding
from health.round import Probe, Rounds
from health.visit import Visitor
from provisioners.nodes import keys
from provisioners.nodes.reach import Connections, Machine
from provisioners.target import DirectDialer, Target

SITE = """
import http.server
class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or waiting for acknowledgements would be measured
    def do_GET(self):
        body = b"x" * 20000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Micro-Cache", "HIT")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Ports:
    """Dials the server that plays a machine: its host is its port."""

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """See :class:`provisioners.target.Dialer`."""
        return socket.create_connection(("127.0.0.1", int(host)), timeout)


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall time, and CPU time of this process and its children, in seconds."""
    began, before = time.monotonic(), _cpu()
    work()
    return time.monotonic() - began, _cpu() - before


def _cpu() -> float:
    rows = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(row.ru_utime + row.ru_stime for row in rows)


def connections(folder: Path, up: Servers, more: tuple[int, ...] = ()) -> tuple[Connections, list[Probe]]:
    """What a dashboard over these servers keeps: its connections, and a probe a machine."""
    known = keys.KnownHosts(folder)
    for port in (*up.ports, *more):
        known.pin(f"i-{port}", up.host_key)
    target = Target("sandbox", "0" * 12, "us-east-1", None, Ports(), "machines")  # type: ignore[arg-type]
    kept = Connections(target, folder, seconds=20.0, silence=120.0)

    def look(port: int) -> list[Finding]:
        one = Machine(f"i-{port}", str(port), str(port), entrance_group="")
        answer = kept.run(one, machine.command("files")[2:], machine.program())
        return machine.findings(str(port), machine.read(answer.text))

    ports = (*up.ports, *more)
    return kept, [Probe("machine.reachable", str(port), functools.partial(look, port), limit=300.0) for port in ports]


def bare_loop(folder: Path, up: Servers) -> None:
    """OpenSSH's client, one machine after the other, a connection each."""
    hosts = folder / "bare_known_hosts"
    hosts.write_text("".join(f"[127.0.0.1]:{port} {up.host_key}\n" for port in up.ports))
    for port in up.ports:
        options = [f"-oUserKnownHostsFile={hosts}", f"-i{keys.deployment_key(folder).path}", "-oIdentitiesOnly=yes"]
        argv = ["ssh", "-F/dev/null", *options, f"-p{port}", "admin@127.0.0.1", "python3 -I - ssh"]
        subprocess.run(argv, input=machine.program(), capture_output=True, check=True)


def machines(count: int) -> None:
    """The rounds over SSH."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        with servers(count, keys.deployment_key(folder)) as up:
            bare = measured(lambda: bare_loop(folder, up))
            print(f"bare loop of ssh, {count} machines: {bare[0]:.1f} s, client CPU {bare[1]:.1f} s")
            kept, probes = connections(folder, up)
            rounds = Rounds()
            for name in ("first round (connects)", "second round", "third round"):
                found: list[Finding] = []
                took = measured(lambda found=found: found.extend(rounds.run(probes, lambda item: None)))  # type: ignore[misc]
                bad = sum(item.status == "fail" for item in found if item.name == "machine.reachable")
                assert not bad, f"{bad} machines did not answer"
                print(
                    f"{name}: {took[0]:.1f} s, client CPU {took[1]:.1f} s, {len(found)} findings; "
                    f"{bare[0] / took[0]:.1f} times as fast as the bare loop, {took[1] / bare[1]:.2f} of its CPU"
                )
            kept.close()
            silent(folder, up)


def silent(folder: Path, up: Servers) -> None:
    """One endpoint accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        kept, probes = connections(folder, up, (port,))
        told: dict[str, float] = {}
        began = time.monotonic()
        seen = Rounds().run(probes, lambda item: told.setdefault(item.subject, time.monotonic() - began))
        kept.close()
    hung = [item.subject for item in seen if item.status == "fail" and item.name == "machine.reachable"]
    assert hung == [str(port)], hung
    others = max(at for subject, at in told.items() if subject != str(port))
    print(f"with one that says nothing: the others told after {others:.1f} s, it after {told[str(port)]:.1f} s")


@contextmanager
def site() -> Iterator[int]:
    """A plain HTTP server in a process of its own; its port."""
    process = subprocess.Popen([sys.executable, "-c", SITE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def pages(count: int) -> None:
    """The survey of many pages."""
    paths = [f"/page/{number}" for number in range(count)]
    with site() as port:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            bare = measured(lambda: [client.get(path) for path in paths for _ in range(2)])
        print(f"bare loop of httpx, {2 * count} requests: {bare[0]:.1f} s, CPU {bare[1]:.1f} s")
        with Visitor(DirectDialer(), f"127.0.0.1:{port}") as visitor:
            fast = measured(lambda: survey.survey(visitor, paths, rate=100_000))
            print(f"survey without a bound: {fast[0]:.1f} s, CPU {fast[1]:.1f} s; {fast[0] / bare[0]:.2f} of the loop")
            some = paths[: count // 10]
            paced = measured(lambda: survey.survey(visitor, some, rate=survey.RATE))
        rate = 2 * len(some) / paced[0]
        print(
            f"survey at its usual rate, {len(some)} pages: {paced[0]:.1f} s, {rate:.1f} requests/s, "
            f"CPU {paced[1]:.2f} s"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--only", choices=("machines", "pages"), default="")
    given = parser.parse_args()
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # one server is meant to say nothing
    if given.only != "pages":
        machines(given.machines)
    if given.only != "machines":
        pages(given.pages)
