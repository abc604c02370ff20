"""A group of web servers from a golden image on real machines: deployed, grown by one server, taken down."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import leftovers
from tests.acceptance.operator import Operator, urls

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]

PROFILE = """\
version: 1
name: scaled
web:
  scaling: auto
  servers: 1
  servers_at_most: 2
balancer:
  kind: alb
"""

LOOK = """
import json, pathlib, sys, urllib.request
page = urllib.request.urlopen(urllib.request.Request("http://127.0.0.1/"), timeout=20)
logs = [pathlib.Path("/var/log", name) for name in ("dpkg.log", "apt/history.log")]
print(json.dumps({
    "status": page.status,
    "installed": sum(log.stat().st_size for log in logs if log.exists()),
    "deploy_key": pathlib.Path("/etc/drucloud/deploy_key").exists(),
    "host_key": pathlib.Path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[1],
}))
"""
"""Run on a server: whether it serves, and that nothing was installed on it."""


def grown(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Ask the group for a second server, wait until the load balancer finds it healthy; what it says of itself."""
    from provisioners.engine.deployment import find
    from provisioners.nodes.reach import Machine, reach
    from provisioners.sandbox import client

    monkeypatch.setenv("DRUCLOUD_STATE", str(operator.home / "state"))
    target = client.ensure("machines").target("us-east-1")
    scaling, elb = target.aws.client("autoscaling"), target.aws.client("elbv2")
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    known = {one["InstanceId"] for one in group["Instances"]}
    scaling.set_desired_capacity(AutoScalingGroupName=group["AutoScalingGroupName"], DesiredCapacity=2)
    end, fresh = time.monotonic() + 300, set[str]()
    while not fresh:
        assert time.monotonic() < end
        time.sleep(0.2)
        told = elb.describe_target_health(TargetGroupArn=group["TargetGroupARNs"][0])["TargetHealthDescriptions"]
        fresh = {one["Target"]["Id"] for one in told if one["TargetHealth"]["State"] == "healthy"} - known
    (new,) = fresh
    (row,) = target.aws.client("ec2").describe_instances(InstanceIds=[new])["Reservations"][0]["Instances"]
    deployment = find("scaled")
    way = deployment.state().steps["Check"].properties["Web"]
    machine = Machine(new, row["PrivateIpAddress"], "", way["EntranceGroup"], way["Via"], way["ViaInstanceId"])
    with reach(target, deployment.folder, machine) as connection:
        answer = connection.run(["sudo", "-n", "python3", "-"], LOOK.encode(), timeout=60, check=True)
    said: dict[str, Any] = json.loads(answer.text)
    pinned = (Path(deployment.folder) / "known_hosts").read_text().splitlines()
    said["first_host_keys"] = [line.split()[-1] for line in pinned if not line.startswith(new)]
    return said


def test_a_server_of_the_group_boots_from_the_image_and_serves(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = operator.home / "scaled.yaml"
    profile.write_text(PROFILE)
    first = operator.run("replay", str(profile), "--target", "sandbox", "--display", "plain", "--yes").ok()
    (site,) = set(urls(first.out))
    with urllib.request.urlopen(site, timeout=20) as page:
        assert page.status == 200

    second = grown(operator, monkeypatch)
    assert second["status"] == 200 and second["installed"] == 0
    assert not second["deploy_key"], "the image carries no key, and a server of the group needs none"
    assert second["host_key"] not in second["first_host_keys"]

    operator.run("destroy", "scaled", "--yes").ok()
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    assert (status["machines"], status["resources"]) == ({}, [])
    operator.run("sandbox", "stop").ok()
    assert leftovers.left(operator.home / "state") == []
