"""What the resolvers of the sandbox's networks are told, by the records and health checks that stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from provisioners.sandbox.api import health_checks, name_answers
from provisioners.sandbox.machines.host import Leads

NAME = "www.answers.test"


class Resolvers:
    """Stands for the world and its reality: one network, and what its resolver was told."""

    def __init__(self, vpc: str) -> None:
        self.vpc, self.reality = vpc, self
        self.names: dict[str, Leads] = {}

    def networks(self) -> list[str]:
        return [self.vpc]

    def set_names(self, vpc_id: str, names: Mapping[str, Leads | None]) -> None:
        assert vpc_id == self.vpc
        merged = {**self.names, **names}
        self.names = {name: leads for name, leads in merged.items() if leads is not None}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Two machines with an Elastic IP each, and a zone."""
    monkeypatch.setattr(name_answers, "_told", {})
    monkeypatch.setattr(health_checks, "_failures", type(health_checks._failures)())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws(config=DefaultConfig()):
        ec2, route53 = boto3.client("ec2", "us-east-1"), boto3.client("route53", "us-east-1")
        vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.42.0.0/24")["Subnet"]["SubnetId"]
        image = ec2.describe_images()["Images"][0]["ImageId"]
        machines = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, SubnetId=subnet)["Instances"]
        owned = []
        for machine in machines:
            address = ec2.allocate_address(Domain="vpc")
            ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=machine["InstanceId"])
            owned.append(address["PublicIp"])
        zone = route53.create_hosted_zone(Name="answers.test", CallerReference="answers")["HostedZone"]["Id"]
        yield {"vpc": vpc, "addresses": owned, "zone": zone, "route53": route53, "ec2": ec2}


def spread(cloud: dict[str, Any]) -> list[str]:
    """A record and a health check for each machine; the checks' ids."""
    checks = []
    for number, address in enumerate(cloud["addresses"]):
        asked = {"Type": "HTTP", "IPAddress": address, "Port": 80, "FailureThreshold": 3}
        made = cloud["route53"].create_health_check(CallerReference=f"{number}", HealthCheckConfig=asked)
        checks.append(made["HealthCheck"]["Id"])
        record = {"Name": NAME, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}],
                  "SetIdentifier": f"web{number}", "MultiValueAnswer": True, "HealthCheckId": checks[-1]}  # fmt: skip
        changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        cloud["route53"].change_resource_record_sets(HostedZoneId=cloud["zone"], ChangeBatch=changes)
    return checks


def told(world: Resolvers) -> tuple[str, ...]:
    name_answers.publish(world)  # type: ignore[arg-type]
    leads = world.names.get(NAME, ())
    assert isinstance(leads, tuple)
    return leads


def test_a_name_leads_to_the_servers_whose_checks_pass_and_to_all_when_none_does(cloud: dict[str, Any]) -> None:
    world, (first, second) = Resolvers(cloud["vpc"]), cloud["addresses"]
    assert told(world) == ()
    checks = spread(cloud)
    assert told(world) == (first, second)
    for _ in range(2):
        health_checks._learn(world, checks[1], 0)  # type: ignore[arg-type]
    assert told(world) == (first, second), "two failures are no outage"
    health_checks._learn(world, checks[1], 503)  # type: ignore[arg-type]
    assert world.names[NAME] == (first,), "the third is told at once"
    for _ in range(3):
        health_checks._learn(world, checks[0], 0)  # type: ignore[arg-type]
    assert world.names[NAME] == (first, second), "nobody is well: everybody is told"
    health_checks._learn(world, checks[1], 301)  # type: ignore[arg-type]
    assert world.names[NAME] == (second,)


def test_a_name_whose_machine_has_lost_its_address_leads_nowhere(cloud: dict[str, Any]) -> None:
    world = Resolvers(cloud["vpc"])
    spread(cloud)
    assert len(told(world)) == 2
    for address in cloud["addresses"]:
        cloud["ec2"].disassociate_address(PublicIp=address)
    assert told(world) == ()
    assert world.names == {}
