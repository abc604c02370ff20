"""Each finding of the preflight, against the strict API; every one that is not fine says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.exception
import pytest

from profiles import store
from provisioners.aws import lookups, preflight, preflight_names, preflight_offers, preflight_rights, quotas
from provisioners.aws.findings import Finding, Subject
from provisioners.target import Mode, Target

from .answers import answered, refusal
from .stack import Stack

REGION = "us-east-1"


@pytest.fixture
def here(sandbox: Any, state: Path) -> Target:
    found: Target = sandbox.target(REGION)
    return found


def subject(target: Target, preset: str = "starter", standing: bool = False, **answers: str) -> Subject:
    values = {key.replace("__", "."): value for key, value in answers.items()}
    profile = store.apply(store.load(store.resolve(preset)), {"name": "flight", **values})
    found = lookups.resolve(profile, target, {}, False)
    all_ids = frozenset(one.logical_id for one in Subject(profile, target, found, frozenset()).missing)
    return Subject(profile, target, found, all_ids if standing else frozenset())


def bad(findings: Any) -> list[Finding]:
    found = [one for one in findings if one["status"] != "ok"]
    assert all(one["do"] and one["what"].endswith(".") for one in found)
    return found


@pytest.mark.parametrize("preset", store.presets())
def test_nothing_is_wrong_with_the_presets_in_an_empty_account(preset: str, here: Target) -> None:
    one = subject(here, preset)
    found = bad(preflight.check(one.profile, here, one.lookups))
    assert [finding for finding in found if "mail.kind=ses has no effect" not in finding["what"]] == []


@pytest.mark.parametrize(
    ("mode", "archive", "said"),
    [
        ("machines", "http://127.0.0.1:9/solr.tgz", "cannot be downloaded from here"),
        ("machines", "/nowhere/solr.tgz", "There is no Solr archive at /nowhere/solr.tgz."),
        ("aws", "/nowhere/solr.tgz", "There is no Solr archive at /nowhere/solr.tgz."),
        ("aws", "http://127.0.0.1:9/solr.tgz", ""),  # the search node asks for it, through the NAT gateway
        ("rehearsal", "http://127.0.0.1:9/solr.tgz", ""),
    ],
)
def test_solrs_release_is_missed_before_anything_is_made(here: Target, mode: Mode, archive: str, said: str) -> None:
    one = subject(replace(here, mode=mode), search__kind="solr", search__archive=archive)
    found = bad(preflight.CHECKS["Solr's release can be had"](one))
    assert [item["status"] for item in found] == (["fail"] if said else [])
    assert all(said in item["what"] for item in found)


def test_quotas_are_counted_from_the_whole_blueprint(here: Target) -> None:
    one = subject(
        here, web__servers="2", web__instance_class="m7g.xlarge", balancer__kind="alb", edge__cdn="cloudfront",
        cache__nodes="2",
    )  # fmt: skip
    (said,) = quotas.check(one)
    for words in ("VPCs 0 + 1 of 5", "Internet gateways 0 + 1 of 5", "Elastic IPs 0 + 3 of 5", "vCPUs 0 + 10 of"):
        assert words in said["what"]
    for words in ("database instances 0 + 1 of 40", "cache nodes 0 + 2", "balancers 0 + 1", "distributions 0 + 1"):
        assert words in said["what"]
    (gateways,) = quotas.check(subject(here, "standard"))
    assert "NAT gateways in a zone 0 + 1 of 5" in gateways["what"]


def test_a_quota_that_is_too_small(here: Target) -> None:
    (found,) = bad(quotas.check(subject(here, web__servers="6", balancer__kind="alb")))
    assert found["status"] == "fail"
    assert found["what"] == "The quota for Elastic IPs is 5: 0 are in use and 7 more are needed."
    assert "Service Quotas, ec2, L-0263D0A3" in found["do"]


def test_what_stands_is_not_counted_again(here: Target) -> None:
    assert list(quotas.check(subject(here, standing=True, web__servers="6", balancer__kind="alb"))) == []


def test_a_region_that_is_not_enabled(here: Target) -> None:
    closed = {"Regions": [{"RegionName": REGION, "OptInStatus": "not-opted-in"}]}
    one = subject(here)
    with answered(here.aws, "ec2", "DescribeRegions", closed):
        (found,) = bad(preflight.check(one.profile, here, one.lookups))
    assert (found["status"], "not enabled" in found["what"]) == ("fail", True)


def test_an_address_range_that_is_taken(stack: Stack, target: Target, state: Path) -> None:
    stack.make("Vpc", "AWS::EC2::VPC", CidrBlock="10.42.128.0/20")
    stack.make("Other", "AWS::EC2::VPC", CidrBlock="192.168.0.0/16")
    one = subject(target, aws__region=target.region)
    (found,) = bad(preflight.addresses(one))
    assert found["status"] == "warn"
    assert "10.42.128.0/20" in found["what"] and "192.168" not in found["what"]
    apart = replace(one, profile=store.apply(one.profile, {"network.cidr": "10.99.0.0/16"}))
    assert bad(preflight.addresses(apart)) == []


def test_an_address_range_behind_a_peering(here: Target) -> None:
    side = {"CidrBlock": "10.42.0.0/24"}
    rows = [{"VpcPeeringConnectionId": "pcx-1", "AccepterVpcInfo": side, "RequesterVpcInfo": {}}]
    with answered(here.aws, "ec2", "DescribeVpcPeeringConnections", {"VpcPeeringConnections": rows}):
        (found,) = bad(preflight.addresses(subject(here)))
    assert "peered with (pcx-1 (10.42.0.0/24))" in found["what"]


def test_a_class_that_a_zone_does_not_sell_names_others_that_it_does(here: Target) -> None:
    one = subject(here, "standard")
    gone = replace(one, profile=store.apply(one.profile, {"web.instance_class": "m1.small"}))
    found = [f for f in bad(preflight_offers.classes(gone)) if "m1.small" in f["what"]]
    if not found:  # the stand-in sells everything: take a class that nobody sells
        gone = replace(one, profile=store.apply(one.profile, {"web.instance_class": "m99.large"}))
        found = bad(preflight_offers.classes(gone))
    assert {f["status"] for f in found} == {"fail"}
    assert len(found) == 2, "both zones"
    assert "Choose another class (" in found[0]["do"]


def test_a_version_that_is_not_made_any_more(here: Target) -> None:
    one = subject(here)
    old = replace(one, lookups=replace(one.lookups, engine_version="10.4.33", cache_version="1.4.5"))
    (found,) = bad(preflight_offers.versions(old))
    assert found["what"] == "RDS creates no MariaDB 10.4.33 any more." and "--refresh" in found["do"]
    assert any("Memcached" in said["what"] for said in preflight_offers.versions(old) if said["status"] == "ok")


def test_parameters_that_an_engine_does_not_take_are_told_and_left_out(here: Target) -> None:
    rows = [
        {"ParameterName": "wait_timeout", "ApplyType": "dynamic", "IsModifiable": True},
        {"ParameterName": "log_output", "ApplyType": "dynamic", "IsModifiable": False},
    ]
    with answered(here.aws, "rds", "DescribeEngineDefaultParameters", {"EngineDefaults": {"Parameters": rows}}):
        one = subject(here)
    fixed, unknown = bad(preflight_offers.parameters(one))
    assert {fixed["status"], unknown["status"]} == {"warn"}
    assert "lets nobody set log_output:" in fixed["what"]
    assert "has no parameter character_set_server, " in unknown["what"] and "wait_timeout" not in unknown["what"]
    (group,) = one.of_type("AWS::RDS::DBParameterGroup")
    assert group.properties["Parameters"] == {"wait_timeout": "300"}


def test_a_domain_that_is_led_elsewhere(here: Target) -> None:
    made = here.aws.client("route53").create_hosted_zone(Name="led.test", CallerReference="led")
    ours = [name.lower() for name in made["DelegationSet"]["NameServers"]]
    one = subject(here, "standard", names__dns="route53", site__domain="www.led.test")
    one = replace(one, target=replace(here, name="aws"))
    (found,) = bad(preflight_names.domain(one, lambda name, kind: ["ns1.elsewhere.test"]))
    assert found["status"] == "fail"
    assert "led to ns1.elsewhere.test" in found["what"]
    assert "names.dns=manual" in found["do"]
    assert bad(preflight_names.domain(one, lambda name, kind: ours)) == []

    def silent(name: str, kind: Any) -> list[str]:
        raise dns.exception.Timeout

    assert bad(preflight_names.domain(one, silent))[0]["status"] == "warn"


@pytest.mark.parametrize(
    ("records", "refused"),
    [
        ({}, False),
        ({"led2.test": ['0 issue "letsencrypt.org"']}, True),
        ({"led2.test": ['0 issue "letsencrypt.org"', '0 issue "amazon.com"']}, False),
        ({"www.led2.test": ['0 issue "amazontrust.com"'], "led2.test": ['0 issue "letsencrypt.org"']}, False),
        ({"led2.test": ['0 iodef "mailto:a@led2.test"']}, False),
    ],
)
def test_caa_records_that_keep_amazon_out(here: Target, records: dict[str, list[str]], refused: bool) -> None:
    here.aws.client("route53").create_hosted_zone(Name="led2.test", CallerReference=f"caa {records}")
    one = subject(here, "standard", names__dns="route53", site__domain="www.led2.test")
    one = replace(one, target=replace(here, name="aws"))
    found = bad(preflight_names.certificate(one, lambda name, kind: records.get(name, [])))
    assert [f["status"] for f in found] == (["fail"] if refused else [])


def test_caa_records_that_keep_lets_encrypt_out_where_tls_ends_on_the_web_servers(here: Target) -> None:
    one = subject(here, "starter", site__domain="www.led3.test")
    one = replace(one, target=replace(here, name="aws"))
    for issuer, refused in (("amazon.com", True), ("letsencrypt.org", False)):
        found = bad(preflight_names.certificate(one, lambda name, kind, who=issuer: [f'0 issue "{who}"']))
        assert [f["status"] for f in found] == (["warn"] if refused else [])


def test_a_record_of_the_domain_that_is_there_before_us(here: Target) -> None:
    route53 = here.aws.client("route53")
    zone = route53.create_hosted_zone(Name="there.test", CallerReference="there")["HostedZone"]["Id"]
    one = subject(here, "starter", names__dns="route53", site__domain="there.test")
    assert bad(preflight_names.records(one)) == []
    record = {"Name": "there.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.7"}]}
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    (found,) = bad(preflight_names.records(one))
    assert found["status"] == "fail" and "never overwrites" in found["what"]
    assert bad(preflight_names.records(replace(one, standing=frozenset({"DomainRecord"})))) == []


@pytest.mark.parametrize(
    ("arn", "asked"),
    [
        ("arn:aws:sts::123456789012:assumed-role/Admin/me@example.org", "arn:aws:iam::123456789012:role/Admin"),
        ("arn:aws:iam::123456789012:user/team/me", "arn:aws:iam::123456789012:user/team/me"),
        ("arn:aws-cn:sts::123456789012:assumed-role/Admin/me", "arn:aws-cn:iam::123456789012:role/Admin"),
        ("arn:aws:sts::123456789012:federated-user/me", ""),
    ],
)
def test_whose_policies_count(arn: str, asked: str) -> None:
    assert preflight_rights.principal(arn) == asked


def test_an_identity_that_may_not_do_all(here: Target) -> None:
    one = replace(subject(here), target=replace(here, name="aws"))

    def simulated(**decisions: str) -> list[Finding]:
        rows = [{"EvalActionName": name.replace("_", ":"), "EvalDecision": how} for name, how in decisions.items()]
        with answered(here.aws, "iam", "SimulatePrincipalPolicy", {"EvaluationResults": rows, "IsTruncated": False}):
            return list(preflight_rights.actions(one))

    (fine,) = simulated(ec2_CreateVpc="allowed")
    assert fine["status"] == "ok"
    (lacking,) = simulated(ec2_CreateVpc="allowed", rds_CreateDBInstance="implicitDeny")
    assert "is not allowed: rds:CreateDBInstance" in lacking["what"] and "iam-policy" in lacking["do"]
    (denied,) = simulated(ec2_CreateVpc="explicitDeny", rds_CreateDBInstance="implicitDeny")
    assert "is explicitly denied: ec2:CreateVpc." in denied["what"] and "wins over every allow" in denied["do"]
    with answered(here.aws, "iam", "SimulatePrincipalPolicy", refusal("AccessDenied", "no"), 403):
        (unknown,) = preflight_rights.actions(one)
    assert unknown["status"] == "warn" and "iam:SimulatePrincipalPolicy" in unknown["do"]


def test_a_check_that_may_not_be_made_is_a_warning_and_says_which(here: Target) -> None:
    one = subject(here)
    with answered(here.aws, "ec2", "DescribeVpcPeeringConnections", refusal("UnauthorizedOperation", "not you"), 403):
        (found,) = bad(preflight.check(one.profile, here, one.lookups))
    assert found["status"] == "warn"
    assert found["what"].startswith("It could not be checked whether the address range is free: UnauthorizedOperation")
