"""What each choice of the profile changes in the graph, and what is refused."""

from dataclasses import replace

import pytest

from profiles.errors import UsageError
from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from tests.provisioners.blueprint.lookups import AWS, SANDBOX

BALANCED = {"balancer.kind": "alb"}


def resources(found=SANDBOX, **answers):
    return build(apply(Profile(), {key.replace("__", "."): value for key, value in answers.items()}), found).resources


def targets(route_table, found):
    return [
        item.properties
        for item in found.values()
        if item.type == "AWS::EC2::Route" and item.properties["RouteTableId"] == {"Ref": route_table}
    ]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"web.servers": "2"}, "spreads requests"),
        ({"network.egress": "nat"}, "public address of its own"),
        ({"edge.cdn": "cloudfront"}, "as its origin"),
        ({"names.dns": "route53"}, "needs a domain"),
        ({"web.scaling": "auto"}, "need a load balancer"),
        ({**BALANCED, "web.scaling": "auto", "web.servers_at_most": "1"}, "nothing to scale to"),
        ({"database.engine": "mysql", "database.query_cache_mib": "16"}, "no query cache"),
        ({**BALANCED, "site.drupal": "7", "web.scaling": "auto", "web.servers_at_most": "4"}, "fixed number"),
        ({**BALANCED, "site.drupal": "7", "web.servers": "2"}, "must share"),
        (
            {**BALANCED, "site.drupal": "7", "web.servers": "2", "files.kind": "glusterfs"},
            "older than the pair",
        ),
    ],
)
def test_answers_that_contradict_each_other_are_refused(answers, words):
    with pytest.raises(UsageError) as refused:
        build(apply(Profile(), answers), SANDBOX)
    assert words in refused.value.what


def test_one_nat_gateway_serves_both_zones_and_two_serve_one_each():
    one = resources(network__egress="nat", balancer__kind="alb", web__servers="2")
    assert [item for item in one if item.startswith("NatGateway")] == ["NatGatewayA"]
    assert [route["NatGatewayId"] for route in targets("AppRoutes", one)] == [{"Ref": "NatGatewayA"}]
    assert one["AppSubnetBRoutes"].properties["RouteTableId"] == {"Ref": "AppRoutes"}
    two = resources(network__egress="nat_per_zone", balancer__kind="alb")
    for letter in "AB":
        assert [route["NatGatewayId"] for route in targets(f"App{letter}Routes", two)] == [
            {"Ref": f"NatGateway{letter}"}
        ]
        assert two[f"NatGateway{letter}"].properties["SubnetId"] == {"Ref": f"PublicSubnet{letter}"}
    assert two["S3Endpoint"].properties["RouteTableIds"] == [{"Ref": "AppARoutes"}, {"Ref": "AppBRoutes"}]


def test_the_admin_node_as_the_way_out_passes_on_what_web_servers_may_reach_and_nothing_else():
    found = resources(network__egress="admin", balancer__kind="alb", web__servers="2")
    assert not [item for item in found if item.startswith("Nat")]
    assert [route["InstanceId"] for route in targets("AppRoutes", found)] == [{"Ref": "AdminServer"}]
    assert found["AdminServer"].properties["SourceDestCheck"] is False
    assert found["AdminNode"].properties["Settings"]["Nat"] is True
    group = found["AdminSecurityGroup"].properties
    taken = {(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]}
    assert taken == {(cidr, port) for cidr in ("10.42.128.0/19", "10.42.160.0/19") for port in (22, 80, 443)}
    assert {port for _, port in taken} <= {
        rule["FromPort"] for rule in group["SecurityGroupEgress"] if rule["CidrIp"] == "0.0.0.0/0"
    }
    for who in ("Web", "Web2"):  # the machines need not wait, only their packages
        assert "AdminNode" in found[f"{who}Node"].requires
        assert not {"AdminNode", "AdminServer"} & found[f"{who}Server"].requires
    other = resources(network__egress="nat", balancer__kind="alb")
    assert "SourceDestCheck" not in other["AdminServer"].properties
    assert other["AdminNode"].properties["Settings"]["Nat"] is False


SCALED = {"web__scaling": "auto", "balancer__kind": "alb", "web__servers": "2", "web__servers_at_most": "6"}


def test_the_golden_image_waits_for_no_database_and_the_servers_are_made_of_it():
    found = resources(**SCALED, network__egress="nat")
    graph = {name: item.requires for name, item in found.items()}
    above: set[str] = set()
    waiting = {"Image"}
    while waiting:
        above |= waiting
        waiting = set().union(*(graph[name] for name in waiting)) - above
    assert not {"Database", "Cache", "Balancer", "WebGroup"} & above
    template = found["WebTemplate"].properties["LaunchTemplateData"]
    assert template["ImageId"] == {"Fn::GetAtt": ["Image", "ImageId"]}
    assert {"Database", "Cache", "SiteSecret", "Image"} <= found["WebTemplate"].requires
    group = found["WebGroup"].properties
    assert (group["MinSize"], group["MaxSize"]) == ("2", "6")
    assert group["LaunchTemplate"]["Version"] == {"Fn::GetAtt": ["WebTemplate", "LatestVersionNumber"]}
    assert group["VPCZoneIdentifier"] == [{"Ref": "AppSubnetA"}, {"Ref": "AppSubnetB"}]
    assert not [name for name in found if name.startswith("Web") and name.endswith(("Server", "Node", "Address"))]


def test_the_first_server_of_the_group_carries_the_check_and_only_its_database_part_is_run():
    found = resources(**SCALED, network__egress="nat")
    assert found["Check"].properties["Web"]["InstanceId"] == {"Fn::GetAtt": ["WebGroup", "FirstInstanceId"]}
    assert found["Site"].properties["Baked"] is True
    assert [name for name, item in found.items() if item.type == "Drucloud::Site"] == ["Site"]
    assert "Targets" not in found["WebTargets"].properties


def test_servers_of_a_group_have_addresses_where_nothing_else_leads_out():
    card = {"DeviceIndex": 0, "AssociatePublicIpAddress": True}
    for egress, wanted in (("public", True), ("nat", False), ("admin", False)):
        found = resources(**SCALED, network__egress=egress)
        template = found["WebTemplate"].properties["LaunchTemplateData"]
        builder = found["Image"].properties["Builder"]
        assert ("NetworkInterfaces" in template) == ("NetworkInterfaces" in builder) == wanted
        if wanted:
            assert {**template["NetworkInterfaces"][0], "Groups": None} == {**card, "Groups": None}
            assert "SubnetId" not in builder and builder["NetworkInterfaces"][0]["SubnetId"] == {"Ref": "PublicSubnetA"}


def test_the_user_data_of_a_group_holds_no_secret_and_is_small_enough_for_ec2():
    told = resources(**SCALED)["WebTemplate"].properties["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    assert len(told) < 16384 - 1000
    assert "${SiteSecret}" in told and "password" not in told.lower()
    assert told.startswith("#!/bin/sh\n") and "DRUCLOUD-HOSTKEY" in told


def test_what_a_step_finds_out_is_a_parameter_of_the_exported_template():
    blueprint = build(apply(Profile(), {key.replace("__", "."): value for key, value in SCALED.items()}), AWS)
    template = blueprint.cloudformation()
    assert template["Parameters"]["ImageImageId"] == {"Type": "AWS::EC2::Image::Id"}
    data = template["Resources"]["WebTemplate"]["Properties"]["LaunchTemplateData"]
    assert data["ImageId"] == {"Ref": "ImageImageId"}


def test_web_servers_behind_a_nat_gateway_have_no_address_and_wait_for_their_way_out():
    found = resources(network__egress="nat", balancer__kind="alb", web__servers="3")
    assert not [name for name in found if name.startswith("Web") and name.endswith("Address")]
    places = [found[f"{who}Server"].properties["SubnetId"]["Ref"] for who in ("Web", "Web2", "Web3")]
    assert places == ["AppSubnetA", "AppSubnetB", "AppSubnetA"]
    for who, letter in (("Web", "A"), ("Web2", "B")):
        assert {"AppDefaultRoute", f"AppSubnet{letter}Routes", "AdminAddressInUse"} <= found[f"{who}Node"].requires
        assert "HostPublic" not in found[f"{who}Node"].properties


def test_the_load_balancer_reaches_every_web_server_and_visitors_arrive_at_it():
    found = resources(balancer__kind="alb", web__servers="2")
    ids = [target["Id"] for target in found["WebTargets"].properties["Targets"]]
    assert ids == [{"Ref": "WebServer"}, {"Ref": "Web2Server"}]
    assert found["Check"].properties["Address"] == {"Fn::GetAtt": ["Balancer", "DNSName"]}
    assert {"Site", "Site2", "HttpListener"} <= found["Check"].requires
    assert found["Site2"].properties["InstanceId"] == {"Ref": "Web2Server"}


@pytest.mark.parametrize(("lookups", "protected"), [(AWS, "true"), (SANDBOX, "false")])
def test_the_load_balancer_is_protected_where_data_is_kept(lookups, protected):
    rows = resources(lookups, balancer__kind="alb")["Balancer"].properties["LoadBalancerAttributes"]
    assert {row["Key"]: row["Value"] for row in rows}["deletion_protection.enabled"] == protected


def test_mysql_has_no_query_cache_and_never_pays_for_extended_support():
    found = resources(replace(SANDBOX, engine_version="8.4.7", engine_family="mysql8.4"), database__engine="mysql")
    parameters = found["DatabaseParameters"].properties["Parameters"]
    assert not [name for name in parameters if name.startswith("query_cache")]
    assert parameters["transaction_isolation"] == "READ-COMMITTED"
    assert found["Database"].properties["EngineLifecycleSupport"].endswith("support-disabled")
    assert found["Database"].label.startswith("MySQL ")


def test_the_query_cache_is_off_unless_it_is_given_memory():
    for mib, expected in (("0", ("0", "0")), ("32", ("1", str(32 * 1024 * 1024)))):
        values = resources(database__query_cache_mib=mib)["DatabaseParameters"].properties["Parameters"]
        assert (values["query_cache_type"], values["query_cache_size"]) == expected


DOMAIN = {"site__domain": "www.example.com", "names__dns": "route53"}


def test_a_certificate_brings_https_and_sends_plain_http_there():
    found = resources(AWS, **DOMAIN, balancer__kind="alb")
    assert found["HttpListener"].properties["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    assert found["HttpsListener"].properties["Certificates"] == [{"CertificateArn": {"Ref": "Certificate"}}]
    assert found["HttpsListener"].properties["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert found["Check"].properties["Scheme"] == "https"
    assert found["DomainRecord"].properties["AliasTarget"]["DNSName"] == {"Fn::GetAtt": ["Balancer", "DNSName"]}


def test_without_a_balancer_the_domain_leads_to_the_web_servers_own_address():
    found = resources(AWS, **DOMAIN)
    assert found["DomainRecord"].properties["ResourceRecords"] == [{"Ref": "WebAddress"}]
    assert "Certificate" not in found
    assert "Scheme" not in found["Check"].properties


def test_the_cdn_keys_by_session_cookie_and_never_caches_what_is_private():
    found = resources(AWS, balancer__kind="alb", edge__cdn="cloudfront")
    key = found["CachePolicy"].properties["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["CookiesConfig"] == {"CookieBehavior": "whitelist", "Cookies": ["SESS*", "SSESS*", "NO_CACHE"]}
    config = found["Distribution"].properties["DistributionConfig"]
    assert config["DefaultCacheBehavior"]["CachePolicyId"] == {"Ref": "CachePolicy"}
    by_path = {item["PathPattern"]: item for item in config["CacheBehaviors"]}
    disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {by_path[path]["CachePolicyId"] for path in ("/user*", "/admin*")} == {disabled}
    assert by_path["/core/*"]["ResponseHeadersPolicyId"]
    assert found["Check"].properties["Address"] == {"Fn::GetAtt": ["Distribution", "DomainName"]}
    assert found["Check"].properties["MicroCache"] is False


def test_a_domain_behind_the_cdn_is_its_alias_and_tls_goes_all_the_way():
    config = resources(AWS, **DOMAIN, balancer__kind="alb", edge__cdn="cloudfront")["Distribution"].properties
    config = config["DistributionConfig"]
    assert config["Aliases"] == ["www.example.com"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["Origins"][0]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"


def test_drupal_7_is_told_to_the_steps_of_web_servers_and_to_nothing_else():
    usual, legacy = resources(), resources(site__drupal="7")
    changed = {name for name, item in legacy.items() if item.digest != usual[name].digest}
    assert changed == {"WebNode", "Site", "Check"}
    assert legacy["Check"].properties["Drupal"] == "7"
    assert legacy["WebNode"].properties["Settings"]["Drupal"] == legacy["Site"].properties["Drupal"] == "7"
    assert "Drupal" not in str(usual["WebNode"].properties) + str(usual["Site"].properties)
    shared = resources(site__drupal="7", balancer__kind="alb", web__servers="2", files__kind="efs")
    assert shared["Web2Node"].properties["Settings"]["Drupal"] == "7"
