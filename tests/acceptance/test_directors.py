"""A pair of LVS directors on real machines: the site through their address, the address moving, nothing left."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable

import pytest

from provisioners.target import Target
from tests.acceptance import leftovers
from tests.acceptance.operator import Operator, urls

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]

PROFILE = """\
version: 1
name: led
network: {egress: director}
web: {servers: 2}
balancer: {kind: lvs}
"""

CARRY_THE_SCHEDULER = {
    "Take-over and its settings",
    "IPVS and passing packets on",
    "keepalived - who is master, which web servers answer",
    "keepalived",
}
"""What changes on a director with the scheduler: its settings, the kernel module to load, keepalived and its reload."""

LOGGED = "cut -d' ' -f1 /var/log/nginx/access.log | sort | uniq -c"
"""Run on a web server: who asked it, as nginx saw them."""


def until(seconds: float, true: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


def page(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return int(answer.status)


def holder(target: Target) -> str:
    """The machine whose interface has the site's address."""
    ec2 = target.aws.client("ec2")
    named = [{"Name": "tag:drucloud:resource", "Values": ["SiteAddress"]}]
    (address,) = ec2.describe_addresses(Filters=named)["Addresses"]
    (card,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[address["NetworkInterfaceId"]])["NetworkInterfaces"]
    second = [one["PrivateIpAddress"] for one in card["PrivateIpAddresses"] if not one.get("Primary")]
    assert second == [address["PrivateIpAddress"]]
    return str(card["Attachment"]["InstanceId"])


def way_out(target: Target) -> str:
    """The machine that the web servers' default route leads to."""
    ec2 = target.aws.client("ec2")
    named = [{"Name": "tag:drucloud:resource", "Values": ["AppRoutes"]}]
    (table,) = ec2.describe_route_tables(Filters=named)["RouteTables"]
    (card,) = [row["NetworkInterfaceId"] for row in table["Routes"] if row.get("DestinationCidrBlock") == "0.0.0.0/0"]
    (found,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[card])["NetworkInterfaces"]
    return str(found["Attachment"]["InstanceId"])


def said_on(target: Target, step: str, command: str) -> str:
    """What a command says on the machine of a step."""
    from provisioners.engine.deployment import find
    from provisioners.nodes.reach import Machine, reach

    deployment = find("led")
    machine = Machine.of(deployment.state().steps[step].properties)
    with reach(target, deployment.folder, machine) as connection:
        return connection.run(["sudo", "-n", "sh", "-c", command], timeout=60, check=True).text


def test_the_site_answers_through_a_director_and_through_the_other_when_it_is_gone(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provisioners.sandbox import client

    profile = operator.home / "led.yaml"
    profile.write_text(PROFILE)
    first = operator.run("replay", str(profile), "--target", "sandbox", "--display", "plain", "--yes").ok()
    (site,) = set(urls(first.out))
    monkeypatch.setenv("DRUCLOUD_STATE", str(operator.home / "state"))
    target = client.ensure("machines").target("us-east-1")
    master = holder(target)
    assert way_out(target) == master
    assert [page(f"{site}?{number}") for number in range(6)] == [200] * 6
    for step in ("WebNode", "Web2Node"):
        assert "203.0.113.1" in said_on(target, step, LOGGED), "each web server sees visitors, and their own address"
    operator.run("replay", str(profile), "--target", "sandbox", "--display", "plain", "--yes").ok()
    assert holder(target) == master, "a replay takes the address from nobody"

    profile.write_text(f"{PROFILE}director: {{scheduler: rr}}\n")
    other = operator.run("replay", str(profile), "--target", "sandbox", "--display", "plain", "--yes").ok()
    changed = re.findall(r"~ changed +(Configure [^:]*): ([^:]*): ", other.err)
    assert {label for _, label in changed} == CARRY_THE_SCHEDULER, other.err
    assert len({machine for machine, _ in changed}) == 2
    assert set(re.findall(r"(\S+\.service): \w+", other.err)) == {"keepalived.service"}, other.err
    assert holder(target) == master, "it is reloaded and not restarted"

    target.aws.client("ec2").stop_instances(InstanceIds=[master])
    until(60, lambda: holder(target) != master and way_out(target) != master)
    until(60, lambda: page(site) == 200)

    operator.run("destroy", "led", "--yes").ok()
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    assert (status["machines"], status["resources"]) == ({}, [])
    operator.run("sandbox", "stop").ok()
    assert leftovers.left(operator.home / "state") == []
