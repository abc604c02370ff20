"""How long a converge takes by drucloud, Ansible and pyinfra: the same machines, the same end state, one run.

    python3 -m venv PEERS && PEERS/bin/pip install -r bench/peers/requirements.txt
    PYTHONPATH=. python bench/converge.py --peers PEERS [--nodes 1 4 16] [--runs 5] [--parts first repeated]
        [--tools drucloud pyinfra ansible] [--results FILE]

With ``--results`` each measurement is added to a file as a line of JSON, and the tables are of all that it holds: runs
can be gathered in several pieces.

First converges are measured on machines fresh from the image (the package cache is warm), beside what apt and dpkg
alone take for the same packages by plain ssh. One changed value, which one file carries, and a converge with nothing to
do are measured on machines that stand, tool after tool on the same ones. What is timed is the whole command from its
start to its end, and the CPU that it and the machines used, since the host is seldom idle. The files, their owners and
modes and the services are compared between the tools.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.fleet import Fleet
from provisioners.nodes import bundle

BENCH = Path(__file__).parent
TOOLS = ("drucloud", "pyinfra", "ansible")
STAGES = ("first", "nothing", "one file")
PARTS = ("first", "repeated")
SETTLING_SECONDS = 1.0
SETTINGS = {"site": "bench.example", "workers": 2, "somaxconn": 1024}


@dataclass(frozen=True)
class Took:
    """Seconds of a command, CPU seconds of it and of the machines together, and the host's load when it began."""

    wall: float
    cpu: float
    load: float


class Commands:
    """The command line of each tool for one set of machines."""

    def __init__(self, fleet: Fleet, peers: Path, addresses: list[str]) -> None:
        self._fleet, self._peers, self._addresses = fleet, peers.resolve(), addresses
        self._work = Path(tempfile.mkdtemp(dir=fleet.folder))
        self._ssh = ["-i", str(fleet.key.path), "-o", f"UserKnownHostsFile={fleet.known_hosts}"]

    def run(self, tool: str, revision: int) -> Took:
        """What ``tool`` takes; ends the benchmark when it fails."""
        settings = self._work / "settings.json"
        settings.write_text(json.dumps({**SETTINGS, "revision": revision, "role": str(BENCH / "converge_role")}))
        argv, environment = getattr(self, f"_{tool}")(settings)
        log = self._work / "log"
        load = os.getloadavg()[0]
        before, began = self._cpu(), time.monotonic()
        code = self._fleet.run(argv, environment, log)
        took = Took(time.monotonic() - began, self._cpu() - before, load)
        if code:
            raise SystemExit(f"{tool} failed:\n{log.read_text()}")
        return took

    def _cpu(self) -> float:
        """CPU seconds of the tools that ended and of the machines, so far."""
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ours.ru_utime + ours.ru_stime + self._fleet.cpu()

    def _drucloud(self, settings: Path) -> tuple[list[str], dict[str, str]]:
        inventory = self._fleet.inventory(self._work / "inventory.json", self._addresses)
        argv = [sys.executable, "-m", "bench.converge_drucloud", str(inventory), str(settings)]
        return argv, {"PYTHONPATH": str(BENCH.parent)}

    def _ansible(self, settings: Path) -> tuple[list[str], dict[str, str]]:
        inventory = self._work / "inventory"
        inventory.write_text("".join(f"{address} ansible_user=admin\n" for address in self._addresses))
        playbook = str(self._peers / "bin/ansible-playbook")
        forks = str(len(self._addresses))
        argv = [playbook, "-i", str(inventory), "-f", forks, "-e", f"@{settings}", str(BENCH / "peers/playbook.yml")]
        persist = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]
        return argv, {
            "ANSIBLE_CONFIG": str(BENCH / "peers/ansible.cfg"),
            "ANSIBLE_SSH_ARGS": shlex.join([*persist, *self._ssh]),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._work / "cp"),
            "ANSIBLE_HOME": str(self._work / "ansible"),
        }

    def _pyinfra(self, settings: Path) -> tuple[list[str], dict[str, str]]:
        data = {
            "ssh_user": "admin",
            "ssh_key": str(self._fleet.key.path),
            "ssh_known_hosts_file": str(self._fleet.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            **json.loads(settings.read_text()),
        }
        inventory = self._work / "inventory.py"
        inventory.write_text(f"hosts = ({self._addresses!r}, {data!r})\n")
        return [str(self._peers / "bin/pyinfra"), "-y", str(inventory), str(BENCH / "peers/deploy.py")], {}

    def _apt(self, _: Path) -> tuple[list[str], dict[str, str]]:
        packages = next(step["packages"] for step in wanted(0).manifest["steps"] if step["kind"] == "packages")
        install = (
            "sudo -n sh -c 'export DEBIAN_FRONTEND=noninteractive; apt-get -q update"
            f" && apt-get -q -y --no-install-recommends install {' '.join(packages)}'"
        )
        each = shlex.join(["ssh", *self._ssh, "-o", "BatchMode=yes"])
        lines = [f'{each} admin@{address} {shlex.quote(install)} & pids="$pids $!"' for address in self._addresses]
        return ["sh", "-c", "\n".join([*lines, "for pid in $pids; do wait $pid || exit 1; done"])], {}


def wanted(revision: int) -> bundle.Bundle:
    """The end state."""
    return bundle.render("converge_role", {**SETTINGS, "revision": revision}, BENCH)


def state(fleet: Fleet) -> list[str]:
    """What all tools must agree on, a machine; a moment later, for nginx's old workers may still answer."""
    time.sleep(SETTLING_SECONDS)
    steps = wanted(0).manifest["steps"]
    paths = [item["path"] for step in steps for kind in ("files", "directories") for item in step.get(kind, ())]
    files = [item["path"] for step in steps for item in step.get("files", ())]
    return fleet.state(files, paths, [step["unit"] for step in steps if step["kind"] == "service"])


Rows = Iterator[tuple[str, str, Took]]


def _order(tools: Sequence[str], run: int) -> list[str]:
    """Each tool is first, second and last in turn."""
    return [*tools[run % len(tools) :], *tools[: run % len(tools)]]


def agreed(states: set[str]) -> None:
    """End the benchmark when the machines differ."""
    if len(states) > 1:
        raise SystemExit("the tools do not agree:\n" + "\n---\n".join(states))


def first(fleet: Fleet, peers: Path, nodes: int, tools: Sequence[str], runs: range) -> Rows:
    """First converges, each tool on fresh machines; apt and dpkg alone before them."""
    Commands(fleet, peers, fleet.fresh(nodes)).run("apt", 0)  # fills the package cache
    for run in runs:
        states: set[str] = set()
        for tool in ("apt", *_order(tools, run)):
            yield tool, "first", Commands(fleet, peers, fleet.fresh(nodes)).run(tool, 0)
            if tool != "apt":
                states.update(state(fleet))
        agreed(states)


def repeated(fleet: Fleet, peers: Path, nodes: int, tools: Sequence[str], runs: range) -> Rows:
    """On machines that stand: one changed value, then nothing to do, tool after tool on the same machines."""
    commands = Commands(fleet, peers, fleet.fresh(nodes))
    for tool in tools:
        commands.run(tool, 0)  # the first of them converges; each has its own caches filled
    for run in runs:
        for number, tool in enumerate(_order(tools, run)):
            revision = 1 + run * len(TOOLS) + number
            yield tool, "one file", commands.run(tool, revision)
            states = set(state(fleet))
            yield tool, "nothing", commands.run(tool, revision)
            agreed(states | set(state(fleet)))


Table = dict[tuple[str, str], list[Took]]


class Results:
    """Every measurement, kept in a file as it is made."""

    def __init__(self, path: Path | None) -> None:
        """:param path: of the file, which may hold earlier ones; ``None`` keeps nothing."""
        self._path = path
        self._tables: dict[int, Table] = defaultdict(lambda: defaultdict(list))
        for line in path.read_text().splitlines() if path and path.exists() else ():
            row = json.loads(line)
            self.of(row["nodes"])[row["tool"], row["stage"]].append(Took(row["wall"], row["cpu"], row["load"]))

    def of(self, nodes: int) -> Table:
        """Those with this number of machines."""
        return self._tables[nodes]

    def add(self, nodes: int, tool: str, stage: str, took: Took) -> None:
        """One more."""
        self.of(nodes)[tool, stage].append(took)
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps({"nodes": nodes, "tool": tool, "stage": stage, **asdict(took)}) + "\n")


def report(nodes: int, took: Table) -> None:
    """Medians with their spread, and the ratios by time and by CPU."""
    loads = [run.load for runs in took.values() for run in runs]
    print(f"\n{nodes} machine(s), load {min(loads):.1f} to {max(loads):.1f}")
    print("seconds, median (lowest, highest); CPU seconds; runs\n")
    print(f"| tool | {' | '.join(STAGES)} |\n|---|---|---|---|")
    for tool in ("apt", *TOOLS):
        print(f"| {tool} | {' | '.join(_cell(took.get((tool, stage), ())) for stage in STAGES)} |")
    wall = {key: statistics.median(run.wall for run in runs) for key, runs in took.items()}
    cpu = {key: statistics.median(run.cpu for run in runs) for key, runs in took.items()}
    for tool, stage in took:
        if tool != "drucloud" and ("drucloud", stage) in took:
            by = [of[tool, stage] / of["drucloud", stage] for of in (wall, cpu)]
            print(f"{stage}: {tool} takes {by[0]:.2f} times as long as drucloud, {by[1]:.2f} by CPU", flush=True)


def _cell(runs: Sequence[Took]) -> str:
    if not runs:
        return ""
    walls = sorted(run.wall for run in runs)
    middle, cpu = statistics.median(walls), statistics.median(run.cpu for run in runs)
    return f"{middle:.2f} ({walls[0]:.2f}, {walls[-1]:.2f}); {cpu:.2f}; {len(runs)}"


def main() -> None:
    """Measure and print a table for each number of machines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, required=True, help="virtual environment with Ansible and pyinfra")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--results", type=Path, help="file to which each measurement is added, and which is reported")
    options = parser.parse_args()
    results = Results(options.results)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the machines are removed
    with tempfile.TemporaryDirectory(prefix="dcb") as folder:
        fleet = Fleet(Path(folder))
        try:
            for nodes in options.nodes:
                for part in options.parts:
                    rows = {"first": first, "repeated": repeated}[part]
                    done = len(results.of(nodes)["drucloud", "first" if part == "first" else "nothing"])
                    runs = range(done, done + options.runs)  # so that the tools' order goes on turning
                    for tool, stage, took in rows(fleet, options.peers, nodes, options.tools, runs):
                        results.add(nodes, tool, stage, took)
                        told = f"{took.wall:.2f} s, CPU {took.cpu:.2f} s"
                        print(f"  {nodes} machine(s): {tool}, {stage}: {told}", flush=True)
                report(nodes, results.of(nodes))
        finally:
            fleet.close()


if __name__ == "__main__":
    main()
