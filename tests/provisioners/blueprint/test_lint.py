"""cfn-lint, as an independent judge of what CloudFormation would take."""

import json
from dataclasses import replace

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from tests.provisioners.blueprint.lookups import AWS, SANDBOX


def findings(template: dict, region: str) -> list[str]:
    config = ManualArgs(regions=[region], include_checks=["I"])
    return [f"{match.rule.id} {match.message}" for match in lint(json.dumps(template), config=config)]


@pytest.mark.parametrize(
    ("found", "answers"),
    [
        (SANDBOX, {}),
        (AWS, {}),
        (
            AWS,
            {
                "database.multi_az": "yes",
                "database.instance_class": "db.m7g.large",
                "database.storage_gib": "500",
                "cache.nodes": "3",
                "web.instance_class": "m7g.large",
                "protection.on_destroy": "keep",
                "network.cidr": "192.168.4.0/24",
            },
        ),
        (AWS, {"storage.bucket": "no", "protection.on_destroy": "delete"}),
        (AWS, {"network.egress": "nat_per_zone", "balancer.kind": "alb", "web.servers": "3", "edge.cdn": "cloudfront"}),
        (
            AWS,
            {"balancer.kind": "alb", "edge.cdn": "cloudfront", "site.domain": "a.example.com", "names.dns": "route53"},
        ),
        (
            AWS,
            {
                "balancer.kind": "alb",
                "site.domain": "a.example.com",
                "names.dns": "route53",
                "monitoring.alarms": "yes",
                "monitoring.email": "a@b.c",
            },
        ),
        (AWS, {"site.domain": "a.example.com", "names.dns": "route53"}),
        (AWS, {"web.scaling": "auto", "balancer.kind": "alb"}),
        (AWS, {"web.scaling": "auto", "balancer.kind": "alb", "network.egress": "admin", "web.servers": "2"}),
        (AWS, {"network.egress": "admin", "balancer.kind": "alb", "web.servers": "2"}),
        (AWS, {"network.egress": "director", "balancer.kind": "lvs", "web.servers": "2", "monitoring.alarms": "yes"}),
        (
            replace(AWS, engine_version="8.4.7", engine_family="mysql8.4"),
            {"network.egress": "nat", "balancer.kind": "alb", "database.engine": "mysql"},
        ),
        (
            replace(AWS, region="eu-central-1", zones=("eu-central-1a", "eu-central-1b")),
            {"aws.region": "eu-central-1", "web.instance_class": "t3.small"},
        ),
    ],
)
def test_cfn_lint_finds_nothing(found, answers):
    blueprint = build(apply(Profile(), answers), found)
    assert findings(blueprint.cloudformation(), found.region) == []


def test_cfn_lint_would_find_something():
    template = build(Profile(), SANDBOX).cloudformation()
    template["Resources"]["Database"]["Properties"]["DBInstanceClass"] = "db.none.micro"
    template["Resources"]["Vpc"]["Properties"]["CidrBloc"] = "10.0.0.0/16"
    assert {finding.split()[0] for finding in findings(template, "us-east-1")} >= {"E3002"}
