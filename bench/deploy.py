"""How near a deploy comes to the longest path through its graph: ``PYTHONPATH=. python bench/deploy.py``.

The real engine deploys the preset against the sandbox's API over HTTP. What AWS takes minutes for takes those minutes
times one factor, and so do the engine's polling intervals, pauses and our own steps. Nothing else is scaled, so the
client's own work and each API call weigh more here than on AWS. The longest wait (RDS Multi-AZ) stays above 20 s. The
stand-in is asked once for each type before, for it loads its services when they are first asked.

Beside it, from the durations measured in the same run: the makespan with at most ten operations under way at a time,
and the one with a stack a tier, one after the other. Then the same engine on made-up graphs of 1,000 and 5,000
resources, whose kinds answer at once and are ready after their time.

Prints a table in Markdown; ``docs/benchmarks.md`` holds one.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drucloud_tui import wiring  # noqa: E402
from profiles import store  # noqa: E402
from provisioners.aws import lookups  # noqa: E402
from provisioners.aws.kinds import KINDS  # noqa: E402
from provisioners.blueprint.build import build  # noqa: E402
from provisioners.blueprint.graph import TIERS, Blueprint  # noqa: E402
from provisioners.engine import events as ev  # noqa: E402
from provisioners.engine.journal import Journal  # noqa: E402
from provisioners.engine.kinds import Child, Observed, StepContext, StepResult, Wanted  # noqa: E402
from provisioners.engine.pace import AWS, Pace  # noqa: E402
from provisioners.engine.plan import Plan, plan, plan_destroy  # noqa: E402
from provisioners.engine.request import Request  # noqa: E402
from provisioners.engine.run import run  # noqa: E402
from provisioners.engine.state import DeployState, fold  # noqa: E402
from provisioners.engine.stop import Stop  # noqa: E402
from provisioners.sandbox import client  # noqa: E402
from provisioners.target import DeploymentId, Target  # noqa: E402

LATENCIES = {
    "AWS::RDS::DBInstance": 1200.0,
    "AWS::CloudFront::Distribution": 480.0,
    "AWS::ElastiCache::CacheCluster": 420.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 180.0,
    "AWS::EC2::NatGateway": 120.0,
    "AWS::EC2::Instance": 30.0,
    "AWS::AutoScaling::AutoScalingGroup": 30.0,
}
"""Seconds on AWS until what was made is ready; every other resource is ready at once."""

PARALLEL = 10
"""The limit of other tools that deploy (their default)."""

SLOTS = {
    "databases": ("_CREATE_SECONDS", "AWS::RDS::DBInstance"),
    "distributions": ("_CHANGE_SECONDS", "AWS::CloudFront::Distribution"),
    "caches": ("_CREATE_SECONDS", "AWS::ElastiCache::CacheCluster"),
    "balancers": ("_CREATE_SECONDS", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    "nat_gateways": ("_CREATE_SECONDS", "AWS::EC2::NatGateway"),
}
"""Where the sandbox's API keeps the same figures."""


def scaled_pace(factor: float) -> Pace:
    """The engine's pace on AWS, faster by the factor; what only limits patience stays long."""
    return replace(
        AWS,
        poll=AWS.poll * factor,
        gather=AWS.gather * factor,
        first_pause=AWS.first_pause * factor,
        longest_pause=AWS.longest_pause * factor,
    )


class Played:
    """A step of ours that takes its usual time and does nothing."""

    def __init__(self, type_name: str, seconds: float, factor: float, image: str) -> None:
        self.type, self.expected_seconds, self._factor = type_name, seconds, factor
        self._image = image

    def children(self, properties: Any) -> list[Child]:
        return []

    async def run(self, context: StepContext) -> StepResult:
        await asyncio.sleep(self.expected_seconds * self._factor)
        return StepResult(changed=True, attributes={"ImageId": self._image})

    async def undo(self, context: StepContext) -> None:
        """Nothing was done."""


# The sandbox's side


def serve_sandbox(factor: float, argv: Sequence[str]) -> int:
    """The sandbox's process, with AWS's own times and machines in memory."""
    from importlib import import_module

    from provisioners.sandbox.supervisor import serve
    from tests.provisioners.sandbox.api import fake_host

    for module, (name, type_name) in SLOTS.items():
        place = import_module(f"provisioners.sandbox.api.{module}")
        assert hasattr(place, name), (module, name)
        setattr(place, name, LATENCIES[type_name])
    fake_host.BOOT_SECONDS = LATENCIES["AWS::EC2::Instance"] * factor
    options = [*argv, "--scale", str(factor)]
    return serve(options, open_host=lambda mode, progress: _Host(), open_git=None, sweep=lambda: None)


def _Host() -> Any:
    """Machines take their time to boot; those that stand in for managed services take that service's."""
    from tests.provisioners.sandbox.api import fake_host

    class Host(fake_host.FakeHost):
        def start(self, spec: Any) -> None:
            if spec.name.startswith("i-"):
                super().start(spec)
            else:
                self._machines[spec.name] = (spec, "running")

    return Host()


# What is measured


@dataclass
class Measured:
    """One run of the engine."""

    name: str
    resources: int
    makespan: float
    path: float
    on_path: list[str]
    seconds: dict[str, float]
    requires: dict[str, set[str]]
    tiers: dict[str, str]
    cpu: float
    peak_mib: float
    waits: float
    chain: list[str]

    def table_row(self) -> str:
        ten = simulate(self.requires, self.seconds, PARALLEL)
        stacks = by_stack(self.requires, self.seconds, self.tiers)
        return (
            f"| {self.name} | {self.resources} | {self.path:.1f} s | {self.makespan:.1f} s | "
            f"**{self.makespan / self.path:.3f}** | {ten:.1f} s ({ten / self.path:.2f}) | "
            f"{stacks:.1f} s ({stacks / self.path:.2f}) | {self.cpu:.1f} s | {self.peak_mib:.0f} MiB |"
        )


def longest_path(requires: Mapping[str, set[str]], weight: Callable[[str], float]) -> tuple[float, list[str]]:
    """Length of the longest path and the nodes on it that weigh something."""
    ends: dict[str, tuple[float, list[str]]] = {}
    for node in TopologicalSorter(requires).static_order():
        begin, way = max((ends[one] for one in requires[node]), key=lambda one: one[0], default=(0.0, []))
        own = weight(node)
        ends[node] = (begin + own, [*way, node] if own else way)
    return max(ends.values(), key=lambda one: one[0])


def last_chain(events: Sequence[ev.Stamped], requires: Mapping[str, set[str]]) -> list[str]:
    """What really held up the end: from the last thing back, always the requirement that was finished last."""
    begun, ended = {}, {}
    origin = next(item.at for item in events if isinstance(item.event, ev.RunStarted))
    for item in events:
        if isinstance(item.event, ev.StepStarted):
            begun[item.event.step] = item.at - origin
        elif isinstance(item.event, ev.StepFinished):
            ended[item.event.step] = item.at - origin
    chain, node = [], max(ended, key=lambda one: ended[one])
    while node:
        chain.insert(0, f"{node} {begun[node]:.2f} +{ended[node] - begun[node]:.2f}")
        node = max(requires[node], key=lambda one: ended[one], default="")
    return chain


def simulate(requires: Mapping[str, set[str]], seconds: Mapping[str, float], limit: int) -> float:
    """Makespan when at most ``limit`` things are under way at a time, first come first served."""
    sorter = TopologicalSorter(requires)
    sorter.prepare()
    now, ready, running = 0.0, list(sorter.get_ready()), []
    while ready or running:
        while ready and len(running) < limit:
            heapq.heappush(running, (now + seconds[ready[0]], ready.pop(0)))
        now, node = heapq.heappop(running)
        sorter.done(node)
        ready += sorter.get_ready()
    return now


def by_stack(requires: Mapping[str, set[str]], seconds: Mapping[str, float], tiers: Mapping[str, str]) -> float:
    """Makespan with a stack a tier, each begun when the one before it is complete.

    What refers to something of a later tier belongs to that tier's stack.
    """
    stack: dict[str, int] = {}
    for node in TopologicalSorter(requires).static_order():
        stack[node] = max([TIERS.index(tiers[node]), *(stack[one] for one in requires[node])])
    total = 0.0
    for number in sorted(set(stack.values())):
        inside = {
            node: {one for one in requires[node] if stack[one] == number} for node in stack if stack[node] == number
        }
        total += longest_path(inside, lambda node: seconds[node])[0]
    return total


def measure(
    name: str, target: Target, kinds: Any, steps: Any, made: Plan, blueprint: Blueprint, weight: Callable[[str], float],
    factor: float, folder: Path,
) -> Measured:  # fmt: skip
    """Run the plan and take its figures; the deploy has to succeed."""
    request = Request("create", made.deployment, target.mode, "name: bench\n", blueprint.template, made)
    cpu = time.process_time()
    outcome = carry_out(request, target, kinds, steps, factor, folder)
    cpu = time.process_time() - cpu
    with Journal.open_to_read(folder / "journal.db") as journal:
        events = journal.read()
    state = fold(events)
    assert outcome == "ok", [(step.label, step.what) for step in state.steps.values() if step.status == "failed"]
    finished = {item.event.step: item.event.seconds for item in events if isinstance(item.event, ev.StepFinished)}
    requires = {line.id: set(line.requires) for line in made.lines}
    path, on_path = longest_path(requires, weight)
    return Measured(
        name=name,
        resources=len(made.lines),
        makespan=next(item.event.seconds for item in reversed(events) if isinstance(item.event, ev.RunFinished)),
        path=path,
        on_path=on_path,
        seconds=finished,
        requires=requires,
        tiers={line.id: line.tier for line in made.lines},
        cpu=cpu,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        waits=max(weight(line.id) for line in made.lines),
        chain=last_chain(events, requires),
    )


def carry_out(request: Request, target: Target, kinds: Any, steps: Any, factor: float, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    with Journal.open(folder / "journal.db") as journal:
        return asyncio.run(
            run(
                request, target, kinds, steps,
                journal=journal, folder=folder, stop=Stop(), pace=scaled_pace(factor),
            )
        )  # fmt: skip


def measure_preset(name: str, factor: float, folder: Path) -> Measured:
    """Deploy a preset against the sandbox's API, and take it down again."""
    profile = store.load(store.resolve(name))
    target = client.ensure("rehearsal", program=(sys.executable, __file__, "--sandbox", str(factor))).target(
        profile.aws.region
    )
    found_out = lookups.resolve(profile, target, {}, False)
    blueprint = build(profile, found_out)
    warm(blueprint, profile.aws.region)
    real = wiring.steps()
    steps = {one: Played(one, kind.expected_seconds, factor, found_out.image_id_web) for one, kind in real.items()}
    deployment = target.deployment(profile.name)
    made = plan(deployment, blueprint, DeployState(), {}, KINDS, steps, lookups={})

    def weight(node: str) -> float:
        type_name = made.by_id[node].type
        seconds = real[type_name].expected_seconds if type_name in real else LATENCIES.get(type_name, 0.0)
        return seconds * factor

    found = measure(name, target, KINDS, steps, made, blueprint, weight, factor, folder)
    with Journal.open_to_read(folder / "journal.db") as journal:
        state = fold(journal.read())
    gone = Request("destroy", deployment, target.mode, "name: bench\n", {}, plan_destroy(deployment, state))
    assert carry_out(gone, target, KINDS, steps, factor, folder) == "ok"
    return found


def warm(blueprint: Blueprint, region: str) -> None:
    """Let the stand-in load every service, through clients that are not those of the run."""
    running = client.running()
    assert running is not None
    aws = running.target(region).aws
    for type_name in {one.type for one in blueprint.resources.values() if not one.is_step}:
        with suppress(Exception):  # no such thing, or no name for such a thing: the service is loaded all the same
            KINDS[type_name].observe(aws, ["nothing-of-that-name"])


# Graphs of any size


class Simple:
    """A kind whose things are made at once and ready after the time their properties state."""

    type = "AWS::Bench::Thing"
    poll_seconds, expected_seconds = 2.0, 2.0
    mutable: frozenset[str] = frozenset()
    disposable = False

    def __init__(self) -> None:
        self._ready: dict[str, float] = {}
        self._lock = threading.Lock()

    def create(self, aws: Any, wanted: Wanted) -> str:
        with self._lock:
            self._ready[wanted.logical_id] = time.monotonic() + wanted.properties["Seconds"]
        return wanted.logical_id

    def settle(self, aws: Any, identity: str, wanted: Wanted) -> None:
        """Complete as made."""

    def observe(self, aws: Any, identities: Sequence[str]) -> dict[str, Observed]:
        now = time.monotonic()
        with self._lock:
            return {
                one: Observed("ready", {"Ref": one})
                if self._ready[one] <= now
                else Observed("pending", detail="creating")
                for one in identities
            }


def synthetic(count: int, factor: float) -> dict[str, Any]:
    """A graph in twelve layers, each thing on one to three of the layer before; every fiftieth takes minutes."""
    rng = random.Random(count)
    layers: list[list[str]] = [[] for _ in range(12)]
    resources: dict[str, Any] = {}
    for number in range(count):
        depth = number * len(layers) // count
        seconds = (rng.choice([120.0, 180.0, 420.0]) if number % 50 == 0 else 2.0) * factor
        properties: dict[str, Any] = {"Seconds": seconds}
        if depth:
            properties["On"] = [{"Ref": one} for one in rng.sample(layers[depth - 1], rng.randint(1, 3))]
        name = f"Thing{number}"
        layers[depth].append(name)
        notes = {"Drucloud": {"Tier": TIERS[depth], "Label": name.lower()}}
        resources[name] = {"Type": Simple.type, "Properties": properties, "Metadata": notes}
    return {"Resources": resources}


def measure_synthetic(count: int, factor: float, folder: Path) -> Measured:
    """Deploy a made-up graph."""
    blueprint = Blueprint(synthetic(count, factor))
    kinds = {Simple.type: Simple()}
    deployment = DeploymentId("sandbox", "123456789012", "us-east-1", f"graph{count}")
    target = Target("sandbox", deployment.account, deployment.region, None, None, "rehearsal")  # type: ignore[arg-type]
    made = plan(deployment, blueprint, DeployState(), {}, kinds, {}, lookups={})  # type: ignore[arg-type]
    return measure(
        f"{count:,} made-up resources", target, kinds, {}, made, blueprint,
        lambda node: blueprint.resources[node].properties["Seconds"], factor, folder,
    )  # fmt: skip


# The program


def one(what: str, factor: float) -> None:
    """Measure one case in this process and print it as JSON: CPU and memory are this process's own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "deployment"
        found = measure_synthetic(int(what), factor, place) if what.isdigit() else measure_preset(what, factor, place)
    row = {"row": found.table_row(), "on_path": found.on_path, "wait": found.waits}
    print(json.dumps({**row, "chain": found.chain}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=float, default=0.1, help="AWS's seconds times this are ours (default 0.1)")
    parser.add_argument(
        "--cases", nargs="+", default=["drucloud", "1000", "5000"], help="presets, or numbers of things"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one, options.factor)
        return
    with tempfile.TemporaryDirectory() as state:
        os.environ["DRUCLOUD_STATE"] = state
        print(f"Factor {options.factor:g}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
        print(
            "| graph | lines | longest path | makespan | ratio | at most ten at a time | stack by stack | CPU | peak |"
        )
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        notes = []
        try:
            for case in options.cases:
                argv = [sys.executable, __file__, "--one", case, "--factor", str(options.factor)]
                done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
                found = json.loads(done.stdout)
                print(found["row"], flush=True)
                notes.append(f"{case}: longest wait {found['wait']:.1f} s; on the longest path: {found['on_path']}")
                print(f"{case}: begun, seconds: {found['chain']}", file=sys.stderr, flush=True)
        finally:
            client.stop()
        print("\n" + "\n".join(notes))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sandbox"]:
        sys.exit(serve_sandbox(float(sys.argv[2]), sys.argv[3:]))
    main()
