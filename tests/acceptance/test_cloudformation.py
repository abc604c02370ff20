"""The CloudFormation engine on real machines: a site behind a load balancer and CloudFront, replayed, taken down."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.acceptance import leftovers
from tests.acceptance.operator import Operator, not_well, urls

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]

PROFILE = """\
version: 1
name: stacked
aws:
  engine: cloudformation
balancer:
  kind: alb
edge:
  cdn: cloudfront
"""


def past_the_edge(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the load balancer tells the admin node, which is not CloudFront."""
    from provisioners.engine.deployment import find
    from provisioners.nodes.reach import Machine, reach
    from provisioners.sandbox import client

    monkeypatch.setenv("DRUCLOUD_STATE", str(operator.home / "state"))
    target = client.ensure("machines").target("us-east-1")
    (balancer,) = target.aws.client("elbv2").describe_load_balancers()["LoadBalancers"]
    deployment = find("stacked")
    way = deployment.state().steps["Check"].properties["Admin"]
    admin = Machine(way["InstanceId"], way["Host"], way["HostPublic"], way["EntranceGroup"], "", "")
    ask = ["curl", "-sS", "-w", " %{http_code}", f"http://{balancer['DNSName']}/"]
    with reach(target, deployment.folder, admin) as connection:
        return connection.run(ask, timeout=60, check=True).text


def test_stacks_stand_change_nothing_when_replayed_and_leave_nothing(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = operator.home / "stacked.yaml"
    profile.write_text(PROFILE)
    first = operator.replay(profile=str(profile)).ok()
    (site,) = set(urls(first.out))
    with urllib.request.urlopen(site, timeout=20) as page:  # through the distribution's machine
        assert page.status == 200
    assert past_the_edge(operator, monkeypatch) == "Ask the site by its own name. 403"

    report = operator.run("health", "stacked", "--json").ok()
    assert not_well(report.out) == []

    again = operator.replay(profile=str(profile)).ok()
    assert "nothing changed" in again.out

    operator.run("destroy", "stacked", "--yes").ok()
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    assert (status["machines"], status["resources"]) == ({}, [])
    operator.run("sandbox", "stop").ok()
    assert leftovers.left(operator.home / "state") == []
