"""The same job rehearsed: no root, no machine, no software, and it says so everywhere."""

from __future__ import annotations

import json
from collections import Counter

import boto3
import pytest

from tests.acceptance.operator import Operator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_an_ordinary_user_rehearses(ordinary_user: Operator) -> None:
    first = ordinary_user.replay().ok()
    assert "REHEARSAL" in first.out
    again = ordinary_user.replay().ok()
    assert "nothing changed" in again.out

    report = json.loads(ordinary_user.run("health", "starter", "--json").out)
    software = [item for item in report["findings"] if item["name"].startswith(("micro-cache", "memcached", "opcache"))]
    assert software
    assert {(item["status"], item["value"]) for item in software} == {("unknown", "rehearsal")}

    ordinary_user.run("destroy", "starter", "--yes").ok()
    status = json.loads(ordinary_user.run("sandbox", "status", "--json").ok().out)
    assert status["resources"] == []


def doors(operator: Operator) -> list[str]:
    """Rules of all groups that let somebody in at port 22 from outside, as the sandbox's AWS API tells them."""
    known = json.loads((operator.home / "state" / "sandbox" / "sandbox.json").read_text())
    session = boto3.Session(known["access_key"], known["secret_key"], region_name="us-east-1")
    rules = session.client("ec2", endpoint_url=known["endpoint"]).describe_security_group_rules()["SecurityGroupRules"]
    inward = [row for row in rules if not row["IsEgress"] and row.get("FromPort") == 22]
    return [row["CidrIpv4"] for row in inward if "CidrIpv4" in row]


def kinds(operator: Operator) -> Counter[str]:
    """How many things of each kind the sandbox holds."""
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    return Counter(line.split()[0] for line in status["resources"])


def test_an_engine_killed_at_any_moment_is_resumed_to_the_same_end(ordinary_user: Operator) -> None:
    ordinary_user.replay().ok()
    whole, events_of_a_run = kinds(ordinary_user), ordinary_user.journalled()
    for share in (0.15, 0.45, 0.65, 0.8):
        events = int(share * events_of_a_run)
        ordinary_user.run("destroy", "starter", "--yes").ok()
        assert kinds(ordinary_user) == {}
        ordinary_user.kill_engine_after(events)
        ordinary_user.run("resume", "starter", "--display", "plain", "--yes").ok()
        assert kinds(ordinary_user) == whole, f"killed after {events} events"
        assert doors(ordinary_user) == []
    again = ordinary_user.replay().ok()
    assert "nothing changed" in again.out
