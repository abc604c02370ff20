"""The security list's points that a blueprint can prove."""

import ipaddress
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from provisioners.blueprint.network import side_ranges, subnet_ranges
from provisioners.blueprint.security_groups import git_port
from tests.profiles.strategies import profiles
from tests.provisioners.blueprint.lookups import SANDBOX, lookups

WORLD = "0.0.0.0/0"
STARTER = build(Profile(), SANDBOX)


def rules(blueprint, group, side="Ingress"):
    """``{(source or target, port)}`` of a group."""
    found = set()
    for rule in blueprint.resources[f"{group}SecurityGroup"].properties.get(f"SecurityGroup{side}", []):
        peer = (
            rule.get("CidrIp")
            or rule.get("SourcePrefixListId")
            or rule["SourceSecurityGroupId"]["Fn::GetAtt"][0].removesuffix("SecurityGroup")
        )
        first, last = rule.get("FromPort"), rule.get("ToPort")
        found.add((peer, first if first == last else (first, last)))
    return found


@settings(max_examples=30, deadline=None)
@given(profiles(), lookups)
def test_exactly_these_doors_are_open_whatever_the_profile_says(profile, found):
    blueprint = build(profile, found)
    balanced = profile.balancer.kind == "alb"
    visitors = {("Balancer", 80)} if balanced else {(WORLD, 80), (WORLD, 443)}
    assert rules(blueprint, "Web") == {*visitors, ("Admin", 22)}
    edge = {(found.edge_prefix_list, 80)} if profile.edge.cdn == "cloudfront" else {(WORLD, 80), (WORLD, 443)}
    assert not balanced or rules(blueprint, "Balancer") == edge
    passed = {80, 443, git_port(profile.site.repository)} if profile.network.egress == "admin" else set()
    assert rules(blueprint, "Admin") == {(cidr, p) for p in passed for cidr in side_ranges(profile.network.cidr, "App")}
    assert rules(blueprint, "Database") == {("Web", 3306), ("Admin", 3306)}
    assert rules(blueprint, "Cache") == {("Web", 11211), ("Admin", 11211)}
    groups = [item for item in blueprint.resources.values() if item.type == "AWS::EC2::SecurityGroup"]
    search, files = profile.search.kind == "solr", profile.files.kind
    assert not search or rules(blueprint, "Search") == {("Web", 8983), ("Admin", 8983), ("Admin", 22)}
    if files == "efs":
        assert rules(blueprint, "Files") == {("Web", 2049)}
    if files == "glusterfs":
        assert rules(blueprint, "Files") == {("Web", 24007), ("Web", (49152, 49251)), ("Admin", 22)}
    assert len(groups) == 4 + balanced + search + (files != "none")


def test_every_rule_says_what_for_in_letters_that_aws_takes():
    for group in ("Web", "Admin", "Database", "Cache"):
        properties = STARTER.resources[f"{group}SecurityGroup"].properties
        for rule in [*properties.get("SecurityGroupIngress", []), *properties["SecurityGroupEgress"]]:
            assert 0 < len(rule["Description"]) <= 255
            assert all(letter.isalnum() or letter in " ._-:/()#,@[]+=&;{}!$*" for letter in rule["Description"])


def test_database_and_cache_reach_nothing_and_nobody_may_do_everything():
    for group in ("Database", "Cache"):
        assert rules(STARTER, group, "Egress") == {("127.0.0.1/32", None)}
    for group in ("Web", "Admin"):
        assert all(port is not None for _, port in rules(STARTER, group, "Egress"))


def test_the_git_servers_own_port_is_the_only_way_out_that_a_profile_decides():
    usual = rules(STARTER, "Web", "Egress")
    other = build(apply(Profile(), {"site.repository": "ssh://git@git.example.com:7999/x.git"}), SANDBOX)
    assert rules(other, "Web", "Egress") ^ usual == {(WORLD, 22), (WORLD, 7999)}


@given(st.integers(16, 24), st.integers(0, 255))
def test_subnets_lie_in_the_vpc_apart_from_each_other_and_are_large_enough(prefix, second):
    vpc = ipaddress.IPv4Network(f"10.{second}.0.0/{prefix}")
    subnets = [ipaddress.IPv4Network(item) for item in subnet_ranges(str(vpc))]
    assert all(subnet.subnet_of(vpc) and 16 <= subnet.prefixlen <= 28 for subnet in subnets)
    assert not any(a.overlaps(b) for a in subnets for b in subnets if a is not b)
    assert all(
        subnet.num_addresses - 5 >= 22 for subnet in subnets
    )  # AWS keeps five; 20 cache nodes, a pair of databases


def test_private_subnets_have_no_way_out_and_hold_database_and_cache():
    routes = [item for item in STARTER.resources.values() if item.type == "AWS::EC2::Route"]
    assert [route.properties["RouteTableId"] for route in routes] == [{"Ref": "PublicRoutes"}]
    for group in ("DatabaseSubnets", "CacheSubnets"):
        assert STARTER.resources[group].properties["SubnetIds"] == [{"Ref": f"PrivateSubnet{zone}"} for zone in "AB"]
    assert STARTER.resources["Database"].properties["PubliclyAccessible"] is False


@settings(max_examples=20, deadline=None)
@given(profiles(), lookups)
def test_data_is_encrypted_backed_up_and_reached_over_tls(profile, found):
    resources = build(profile, found).resources
    database = resources["Database"].properties
    assert database["StorageEncrypted"] is True
    assert database["CopyTagsToSnapshot"] is True
    assert database["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database
    assert database["BackupRetentionPeriod"] >= 1
    parameters = resources["DatabaseParameters"].properties["Parameters"]
    assert parameters["require_secure_transport"] == "1"
    assert parameters["innodb_flush_log_at_trx_commit"] == "1"
    machines = [item.properties for item in resources.values() if item.type == "AWS::EC2::Instance"]
    if "WebGroup" in resources:
        machines += [
            resources["Image"].properties["Builder"],
            resources["WebTemplate"].properties["LaunchTemplateData"],
        ]
    assert len(machines) >= 2
    for machine in machines:
        assert machine["MetadataOptions"]["HttpTokens"] == "required"
        for mapping in machine["BlockDeviceMappings"]:
            assert mapping["Ebs"]["Encrypted"] is True
            assert mapping["Ebs"]["DeleteOnTermination"] is True


def test_machines_take_only_imdsv2_from_themselves():
    for who in ("AdminServer", "WebServer"):
        assert STARTER.resources[who].properties["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }


def test_the_bucket_is_private_encrypted_versioned_and_refuses_plain_http():
    bucket = STARTER.resources["FileBucket"].properties
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "ServerSideEncryptionConfiguration" in bucket["BucketEncryption"]
    (statement,) = STARTER.resources["FileBucketPolicy"].properties["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_roles_may_do_exactly_this():
    def permissions(who):
        document = STARTER.resources[f"{who}Permissions"].properties["PolicyDocument"]
        return {
            (action, json.dumps(resource))
            for statement in document["Statement"]
            for action in statement["Action"]
            for resource in statement["Resource"]
        }

    read = "secretsmanager:GetSecretValue"
    objects = '{"Fn::Sub": "${FileBucket.Arn}/*"}'
    assert permissions("Web") == {
        (read, '{"Ref": "SiteSecret"}'),
        (read, '{"Ref": "DeployKeySecret"}'),
        ("s3:ListBucket", '{"Fn::GetAtt": ["FileBucket", "Arn"]}'),
        ("s3:GetObject", objects),
        ("s3:PutObject", objects),
        ("s3:DeleteObject", objects),
    }
    assert permissions("Admin") == {
        (read, '{"Ref": "SiteSecret"}'),
        (read, '{"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}'),
    }


def test_without_a_bucket_no_role_speaks_of_s3():
    blueprint = build(apply(Profile(), {"storage.bucket": "no"}), SANDBOX)
    assert "s3:" not in blueprint.to_json()


@pytest.mark.parametrize("word", ["PRIVATE KEY", '"MasterUserPassword"', '"password": "'])
def test_no_secret_is_in_the_graph(word):
    assert word not in STARTER.to_json()
