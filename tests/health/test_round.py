"""Rounds of probes: together, each with its limit, none held up by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from health.report import Finding
from health.round import AGAIN_SECONDS, Probe, Rounds, good_for
from profiles.errors import ReachError


def good(name: str) -> list[Finding]:
    return [Finding(name, "x", "ok", "fine")]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_hung_probe_delays_no_other_and_is_not_started_twice(gate: threading.Event) -> None:
    began, started = time.monotonic(), []

    def hang() -> list[Finding]:
        started.append(1)
        gate.wait(30)
        return good("hung")

    told: list[tuple[float, Finding]] = []
    probes = [Probe("hung", "x", hang, limit=1.0), *[Probe(f"p{n}", "x", lambda n=n: good(f"p{n}")) for n in range(50)]]  # type: ignore[misc]
    rounds = Rounds()
    found = rounds.run(probes, lambda item: told.append((time.monotonic() - began, item)))
    assert [item.name for item in found] == ["hung", *[f"p{n}" for n in range(50)]]
    assert (found[0].status, found[0].value) == ("fail", "no answer")
    assert max(at for at, item in told if item.name != "hung") < min(at for at, item in told if item.name == "hung")
    again = rounds.run(probes, lambda item: None)
    assert again[0].value == "no answer"
    assert len(started) == 1
    gate.set()
    deadline = time.monotonic() + 10
    while rounds.run(probes, lambda item: None)[0].status != "ok":
        assert time.monotonic() < deadline


def test_an_error_is_a_finding_and_the_others_go_on() -> None:
    def refused() -> list[Finding]:
        raise ReachError("It cannot be reached.", "Plug it in.")

    def bug() -> list[Finding]:
        raise ZeroDivisionError

    found = Rounds().run([Probe("a", "x", refused), Probe("b", "x", bug), Probe("c", "x", lambda: good("c"))], print)
    assert [item.status for item in found] == ["fail", "unknown", "ok"]
    assert (found[0].why, found[0].remedy) == ("It cannot be reached.", "Plug it in.")


def test_a_slow_probe_is_asked_again_only_when_its_time_is_over() -> None:
    calls: list[int] = []

    def look() -> list[Finding]:
        calls.append(1)
        return good("a")

    rounds = Rounds()
    for _ in range(3):
        assert rounds.run([Probe("a", "x", look, every=60)], lambda item: None)[0].status == "ok"
    assert len(calls) == 1


def test_what_is_not_well_is_looked_at_again_sooner() -> None:
    slow = Probe("slow", "x", lambda: [], every=900.0)
    quick = Probe("quick", "x", lambda: [])
    ill = [Finding("slow", "x", "fail")]
    assert (good_for(slow, good("slow")), good_for(slow, ill), good_for(quick, ill)) == (900.0, AGAIN_SECONDS, 0.0)
