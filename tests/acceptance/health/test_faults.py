"""Every fault put into the real machines is named by the next examination, and gone from the one after its mending.

What is read is ``health --watch --json``: the rounds that the dashboard draws.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.acceptance.operator import Operator

from .faults import FAULTS, Fault, Machines
from .rounds import Rounds, causes, watching

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]

PATIENCE = 6
"""Rounds until a mended fault has to be gone: PHP's client asks a memcached that failed again after ten seconds."""


def try_fault(fault: Fault, lab: Machines, rounds: Rounds) -> dict[str, Any]:
    """Put it in, look, take it out, look until all is well."""
    lab.apply(fault.machine, fault.inject)
    injected = time.time()
    try:
        seen = rounds.next(injected)
    finally:
        lab.apply(fault.machine, fault.mend)
    mended = time.time()
    named = causes(seen)
    after = next((back for back in (rounds.next(mended) for _ in range(PATIENCE)) if not causes(back)), None)
    return {
        "fault": fault.name,
        "found": fault.words in named.get(fault.cause, ""),
        "seconds": seen["at"] - injected,
        "others": sorted(set(named) - {fault.cause}),
        "causes": named,
        "well_after": after["at"] - mended if after else None,
    }


def test_faults_are_named_and_go_away(watched: Operator, lab: Machines, capsys: pytest.CaptureFixture[str]) -> None:
    with watching(watched) as rounds:
        inject_all(rounds, lab, capsys)


def inject_all(rounds: Rounds, lab: Machines, capsys: pytest.CaptureFixture[str]) -> None:
    first = rounds.next(0)
    assert not causes(first)
    assert "tls.certificate" in {item["name"] for item in first["findings"]}
    results = [try_fault(fault, lab, rounds) for fault in FAULTS]
    quiet = [causes(rounds.next(time.time())) for _ in range(3)]
    with capsys.disabled():
        report(results, quiet)
    assert [item for item in results if not item["found"]] == []
    assert [item for item in results if item["others"]] == []
    assert [item for item in results if item["well_after"] is None] == []
    assert [seen for seen in quiet if seen] == []


def report(results: list[dict[str, Any]], quiet: list[dict[str, str]]) -> None:
    """The list of what was put in and what was said of it."""
    for one in results:
        back = f"well {one['well_after']:.0f} s after mending" if one["well_after"] else "never well again"
        print(f"\n{one['fault']:<24} named after {one['seconds']:4.1f} s, {back}: {one['causes']}", end="")
    found = sum(one["found"] for one in results)
    alarms = sum(len(one["others"]) for one in results) + sum(map(len, quiet))
    print(f"\n{len(results)} injected, {found} found, {len(results) - found} missed, {alarms} false alarms")
