"""balancer.kind=dns: a record and a health check a web server, TLS on the servers, and what it cannot do without."""

from __future__ import annotations

import json

import pytest

from profiles.errors import UsageError
from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from provisioners.blueprint.security_words import security_words
from provisioners.engine.cost import estimate
from tests.provisioners.blueprint.lookups import AWS, SANDBOX
from tests.provisioners.blueprint.test_lint import findings

ANSWERS = {
    "balancer.kind": "dns",
    "web.servers": "3",
    "files.kind": "efs",
    "names.dns": "route53",
    "site.domain": "www.example.com",
}


def blueprint(found=AWS, **more):
    return build(apply(Profile(), {**ANSWERS, **{key.replace("__", "."): value for key, value in more.items()}}), found)


def test_each_web_server_has_an_address_a_record_and_a_health_check():
    found = blueprint().resources
    for who, record in (("Web", "DomainRecord"), ("Web2", "DomainRecord2"), ("Web3", "DomainRecord3")):
        wanted = found[record].properties
        assert (wanted["Name"], wanted["MultiValueAnswer"], wanted["TTL"]) == ("www.example.com", True, "60")
        assert wanted["ResourceRecords"] == [{"Ref": f"{who}Address"}]
        assert wanted["HealthCheckId"] == {"Ref": f"{who}HealthCheck"}
        check = found[f"{who}HealthCheck"].properties["HealthCheckConfig"]
        assert check["IPAddress"] == {"Ref": f"{who}Address"}
        assert (check["Type"], check["Port"], check["ResourcePath"]) == ("HTTP", 80, "/healthz")
        assert f"{who}AddressInUse" in found[record].requires
    assert len({found[f"DomainRecord{end}"].properties["SetIdentifier"] for end in ("", "2", "3")}) == 3
    assert [found[f"{who}Server"].properties["SubnetId"]["Ref"] for who in ("Web", "Web2", "Web3")] == [
        "PublicSubnetA",
        "PublicSubnetB",
        "PublicSubnetA",
    ]


def test_a_name_is_never_both_one_record_and_several():
    """The first has the id of a domain's only record and the others wait for it: the old goes before they come."""
    alone = build(apply(Profile(), {**ANSWERS, "balancer.kind": "none", "web.servers": "1"}), AWS).resources
    assert [name for name in alone if name.startswith("DomainRecord")] == ["DomainRecord"]
    several = blueprint().resources
    assert all("DomainRecord" in several[name].requires for name in ("DomainRecord2", "DomainRecord3"))


def test_tls_ends_on_the_servers_and_all_are_looked_at():
    found = blueprint().resources
    for who in ("Web", "Web2", "Web3"):
        settings = found[f"{who}Node"].properties["Settings"]
        assert (settings["Tls"], settings["FilesKind"], settings["FleetSize"]) == ("acme", "efs", 3)
        assert "ProxyHops" not in settings, "nothing stands before it, so no header is believed"
    check = found["Check"]
    assert check.properties["Addresses"] == [{"Ref": f"{who}Address"} for who in ("Web", "Web2", "Web3")]
    assert {"DomainRecord", "Site3"} <= check.requires
    assert not [name for name in found if "Balancer" in name or name == "Certificate"]
    words = " ".join(security_words(json.loads(blueprint().to_json())))
    assert "HTTPS ends at the web servers" in words and "Open to the Internet: port 80 and 443." in words
    assert blueprint(SANDBOX).resources["WebNode"].properties["Settings"]["Tls"] == "none"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"names__dns": "manual"}, "names.dns=manual adds none"),
        ({"site__domain": ""}, "needs a domain"),
        ({"network__egress": "nat"}, "each needs a public address"),
        ({"edge__cdn": "cloudfront"}, "CloudFront needs a load balancer"),
        ({"files__kind": "none"}, "share one certificate"),
        ({"web__scaling": "auto"}, "need a load balancer"),
        ({"protection__firewall": "count"}, "firewall"),
    ],
)
def test_what_it_cannot_do_without_is_said(answers, words):
    with pytest.raises(UsageError) as refused:
        blueprint(**answers)
    assert words in refused.value.what
    assert refused.value.do.startswith("Set ")


def test_one_server_needs_no_shared_files():
    assert "DomainRecord2" not in blueprint(web__servers="1", files__kind="none").resources


def test_health_checks_are_free_or_cost_half_a_dollar():
    lines = {line.logical_id: line for line in estimate(blueprint(), "eu-central-1").lines}
    for who in ("Web", "Web2", "Web3"):
        line = lines[f"{who}HealthCheck"]
        assert (line.monthly_usd, line.monthly_high_usd, line.as_of) == (0, 0.5, "2026-10-01")
        assert "first fifty" in line.note


def test_cfn_lint_finds_nothing():
    made = blueprint(monitoring__alarms="yes", monitoring__email="a@b.c", monitoring__dashboard="yes")
    assert findings(made.cloudformation(), AWS.region) == []
