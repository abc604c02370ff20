"""Two web servers that Route 53 spreads visitors over, on real machines: each answers, one goes out of DNS and back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from health.visit import Visitor
from provisioners.engine.deployment import Deployment, find
from provisioners.nodes.reach import Machine, reach
from provisioners.sandbox import client
from provisioners.target import Target
from tests.acceptance import leftovers
from tests.acceptance.operator import Operator

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]

NAME = "www.spread.test"
PROFILE = f"""\
version: 1
name: spread
site:
  domain: {NAME}
names:
  dns: route53
web:
  servers: 2
balancer:
  kind: dns
files:
  kind: efs
"""


class Spread:
    """The deployment, its target and its machines."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.deployment: Deployment = find("spread")
        steps = self.deployment.state().steps
        self.addresses = [str(address) for address in steps["Check"].properties["Addresses"]]
        self.admin = Machine.of(steps["Check"].properties["Admin"])
        self.second = Machine.of(steps["Web2Node"].properties)

    def run(self, machine: Machine, command: str) -> str:
        with reach(self.target, self.deployment.folder, machine) as connection:
            return connection.run(["sudo", "-n", "sh", "-c", command], timeout=60, check=True).text

    def named(self) -> set[str]:
        """The addresses of the domain, as a machine of the deployment learns them."""
        out = self.run(self.admin, f"getent ahostsv4 {NAME} || true")
        return {line.split()[0] for line in out.splitlines() if line}


def records(target: Target) -> list[Any]:
    route53 = target.aws.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    rows = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return [row for row in rows if row["Type"] == "A"]


def until(wanted: set[str], seen: Callable[[], set[str]]) -> None:
    end = time.monotonic() + 120
    while (now := seen()) != wanted:
        assert time.monotonic() < end, now
        time.sleep(0.5)


def test_each_server_answers_and_one_that_is_out_gets_no_visitors(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRUCLOUD_STATE", str(operator.home / "state"))
    target = client.ensure("machines").target("us-east-1")
    target.aws.client("route53").create_hosted_zone(Name="spread.test", CallerReference="spread")
    profile = operator.home / "spread.yaml"
    profile.write_text(PROFILE)
    replay = ("replay", str(profile), "--target", "sandbox", "--display", "plain", "--yes")
    operator.run(*replay).ok()
    spread = Spread(target)

    assert len(set(spread.addresses)) == len(records(target)) == 2
    until(set(spread.addresses), spread.named)
    for address in spread.addresses:
        with Visitor(target.dialer, address, NAME) as visitor:
            page = visitor.get("/")
        assert page.status == 200 and page.header("X-Micro-Cache"), (address, page)
    assert "nothing changed" in operator.run(*replay).ok().out

    spread.run(spread.second, "systemctl stop nginx")
    until({spread.addresses[0]}, spread.named)
    report = json.loads(operator.run("health", "spread", "--json").out)
    found = {(item["name"], item["subject"]): item["status"] for item in report["findings"]}
    assert found["site.status", NAME] == found["dns.health", "web server"] == found["site.status", "web server"] == "ok"
    assert found["dns.health", "web server 2"] == found["site.status", "web server 2"] == "fail"
    spread.run(spread.second, "systemctl start nginx")
    until(set(spread.addresses), spread.named)

    operator.run("destroy", "spread", "--yes").ok()
    assert records(target) == []
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    assert (status["machines"], status["resources"]) == ({}, [])
    operator.run("sandbox", "stop").ok()
    assert leftovers.left(operator.home / "state") == []
