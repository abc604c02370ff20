"""The load check: reading wrk's report, its bounds, and that it goes nowhere but to the deployment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from health import load
from health.machines import Standing
from health.scene import Scene
from profiles.errors import FailedError, UsageError
from provisioners.engine.state import DeployState, StepState
from provisioners.nodes.reach import Machine
from provisioners.nodes.ssh import Result
from provisioners.target import DirectDialer, Target

REPORT = """\
Running 10s test @ http://198.51.100.7/
  2 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.67ms    2.01ms  41.02ms   92.06%
    Req/Sec     6.20k     1.10k    8.93k    69.50%
  Latency Distribution
     50%    0.95ms
     75%    1.80ms
     90%    3.64ms
     99%  110.10us
  123456 requests in 10.02s, 1.02GB read
  Socket errors: connect 0, read 3, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:  12321.05
Transfer/sec:    104.31MB
"""


@dataclass
class Recording:
    """Connections that remember what was run, and answer with wrk's report."""

    rate: float = 12321.05
    ran: list[list[str]] = field(default_factory=list)

    def run(self, machine: Machine, argv: Any, stdin: bytes = b"", seconds: float = 0.0) -> Result:
        self.ran.append([machine.instance_id, *argv])
        return Result(0, REPORT.replace("12321.05", str(self.rate)).encode(), b"")


def scene(recording: Recording, mode: str = "machines") -> Scene:
    settings = {"Role": "web", "MemoryMiB": 2048, "Vcpu": 2}
    state = replace(
        DeployState(), steps={"WebNode": StepState("WebNode", "Drucloud::Node", "", "", properties=settings)}
    )
    target = Target("sandbox", "0" * 12, "us-east-1", None, DirectDialer(), mode)  # type: ignore[arg-type]
    machines = [
        Standing(role, f"{role} server", Machine(f"i-{role}", "10.0.0.1", "198.51.100.7", ""), {})
        for role in ("web", "admin")
    ]
    return Scene({"Address": "198.51.100.7"}, target, state, recording, machines)  # type: ignore[arg-type]


def test_the_report() -> None:
    seen = load.read("cached", 16, REPORT)
    assert (seen.rate, seen.requests, seen.errors) == (12321.05, 123456, 12)
    assert (seen.median, seen.slowest) == (0.95, pytest.approx(0.1101))
    with pytest.raises(FailedError):
        load.read("cached", 16, "unable to connect")


def test_only_the_deployment_is_loaded_from_its_own_admin_server_and_within_bounds() -> None:
    recording = Recording()
    load.load(scene(recording), "/page", seconds=1000)
    loads = [argv for argv in recording.ran if "wrk" in argv]
    assert [argv[0] for argv in loads] == ["i-admin", "i-admin"]
    assert {argv[-1] for argv in loads} == {"http://198.51.100.7/page"}
    assert all(f"-d{load.SECONDS_MOST}s" in argv for argv in loads)
    assert all(int(word[2:]) <= load.CONNECTIONS_MOST for argv in loads for word in argv if word.startswith("-c"))
    assert ["Cookie" in " ".join(argv) for argv in loads] == [False, True]


def test_the_promise_is_kept_or_not() -> None:
    clean = load.read("cached", 16, "100 requests in 1.0s\nRequests/sec: 300")
    promised = load.promise(scene(Recording()))
    assert (promised.workers, promised.rate) == (10, 20.0)
    assert load.Verdict(clean, replace(clean, rate=20.0), promised).kept
    assert not load.Verdict(clean, replace(clean, rate=19.0), promised).kept
    assert not load.Verdict(replace(clean, errors=1), replace(clean, rate=20.0), promised).kept
    assert load.Verdict(clean, replace(clean, rate=20.0), promised).gain == 15


@pytest.mark.parametrize("path", ["http://elsewhere.example.net/", "elsewhere", ""])
def test_nothing_but_a_path_of_the_site(path: str) -> None:
    recording = Recording()
    with pytest.raises(UsageError):
        load.load(scene(recording), path)
    with pytest.raises(UsageError):
        load.load(scene(recording, "rehearsal"), "/")
    assert recording.ran == []
