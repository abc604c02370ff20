import base64
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from graphlib import TopologicalSorter

import pytest
from hypothesis import given, settings

from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import STEP_PREFIX, TIERS
from provisioners.blueprint.lookups import Lookups
from provisioners.blueprint.nodes import USER_DATA
from tests.profiles.strategies import profiles
from tests.provisioners.blueprint.lookups import AWS, SANDBOX, lookups

STARTER = build(Profile(), SANDBOX)

IN_ANOTHER_PROCESS = """
import json, sys
from profiles.store import loads
from provisioners.blueprint.build import build
from provisioners.blueprint.lookups import Lookups
given = json.load(sys.stdin)
sys.stdout.write(build(loads(given["profile"]), Lookups.from_json(given["lookups"])).to_json())
"""


def test_the_starter_stands_for_everything_the_issue_names():
    types = [resource.type for resource in STARTER.resources.values()]
    for kind, count in {
        "AWS::EC2::VPC": 1,
        "AWS::EC2::Subnet": 4,
        "AWS::EC2::InternetGateway": 1,
        "AWS::EC2::SecurityGroup": 4,
        "AWS::IAM::Role": 2,
        "AWS::EC2::KeyPair": 1,
        "AWS::SecretsManager::Secret": 2,
        "AWS::RDS::DBInstance": 1,
        "AWS::ElastiCache::CacheCluster": 1,
        "AWS::S3::Bucket": 1,
        "AWS::EC2::Instance": 2,
        "AWS::EC2::EIP": 2,
        "Drucloud::Node": 3,
        "Drucloud::Site": 1,
        "Drucloud::Check": 1,
    }.items():
        assert types.count(kind) == count, kind


def test_equal_inputs_give_equal_bytes_in_any_process():
    given_values = json.dumps({"profile": "name: starter\n", "lookups": SANDBOX.to_json()})
    for seed in ("0", "1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            input=given_values,
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(path for path in sys.path if path) + ":."},
        )
        assert run.stdout == STARTER.to_json()


@settings(max_examples=40, deadline=None)
@given(profiles(), lookups)
def test_every_profile_gives_a_whole_graph(profile, found):
    blueprint = build(profile, found)
    assert blueprint.to_json() == build(profile, found).to_json()
    order = TopologicalSorter({key: item.requires for key, item in blueprint.resources.items()}).static_order()
    assert set(order) == set(blueprint.resources)  # no cycle, nothing dangling
    assert [TIERS.index(item.tier) for item in blueprint.resources.values()] == sorted(
        TIERS.index(item.tier) for item in blueprint.resources.values()
    )
    assert all(item.label for item in blueprint.resources.values())
    assert profile.storage.bucket == ("FileBucket" in blueprint.resources)


@settings(max_examples=40, deadline=None)
@given(profiles(), lookups)
def test_names_fit_what_aws_takes(profile, found):
    found = replace(found, region=profile.aws.region)
    resources = build(profile, found).resources
    database = resources["Database"].properties["DBInstanceIdentifier"]
    cluster = resources["Cache"].properties["ClusterName"]
    assert "--" not in database + cluster
    assert not (database + cluster).endswith("-")
    assert len(database) <= 63
    assert len(cluster) <= 50
    assert all(len(resources[f"{who}Role"].properties["RoleName"]) <= 64 for who in ("Web", "Admin"))
    if bucket := resources.get("FileBucket"):
        assert len(bucket.properties["BucketName"]) <= 63


def test_the_longest_name_fits_too():
    profile = Profile(name="x" * 31)
    resources = build(profile, replace(SANDBOX, region="ap-northeast-1")).resources
    assert len(resources["AdminRole"].properties["RoleName"]) == 61
    assert len(resources["Cache"].properties["ClusterName"]) == 40
    assert len(resources["FileBucket"].properties["BucketName"]) == 53


def test_a_bucket_name_is_another_in_another_account_region_or_target():
    variants = [SANDBOX, AWS, replace(SANDBOX, account="210987654321"), replace(SANDBOX, region="eu-west-1")]
    names = {build(Profile(), found).resources["FileBucket"].properties["BucketName"] for found in variants}
    assert len(names) == len(variants)


def test_everything_that_can_be_tagged_is_tagged_with_its_deployment_and_itself():
    untaggable = {
        "AWS::EC2::EIPAssociation",
        "AWS::EC2::Route",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::RolePolicy",
        "AWS::S3::BucketPolicy",
    }
    for resource in STARTER.resources.values():
        if resource.is_step or resource.type in untaggable:
            continue
        tags = {tag["Key"]: tag["Value"] for tag in resource.properties["Tags"]}
        assert tags["drucloud:deployment"] == "starter"
        assert tags["drucloud:resource"] == resource.logical_id


def test_machines_wait_neither_for_database_nor_cache_only_the_site_does():
    def everything_before(key: str) -> set[str]:
        direct = STARTER.resources[key].requires
        return set(direct).union(*(everything_before(item) for item in direct))

    for key in ("AdminNode", "WebNode"):
        assert not {"Database", "Cache"} & everything_before(key)
        assert {"PublicDefaultRoute", "AdminAddressInUse"} <= everything_before(key)
    assert {"Database", "Cache", "WebNode", "AdminNode", "WebPermissions", "AdminPermissions"} <= everything_before(
        "Site"
    )
    assert set(STARTER.resources) - everything_before("Check") <= {
        "Check",
        "FileBucketPolicy",
        "PrivateRoutes",
        "PrivateSubnetARoutes",
        "PrivateSubnetBRoutes",
        "PublicSubnetB",
        "PublicSubnetBRoutes",
    }


@pytest.mark.parametrize(
    ("wish", "found", "keeps"),
    [("auto", AWS, True), ("auto", SANDBOX, False), ("keep", SANDBOX, True), ("delete", AWS, False)],
)
def test_what_destroy_leaves_follows_the_protection(wish, found, keeps):
    resources = build(apply(Profile(), {"protection.on_destroy": wish}), found).resources
    assert resources["Database"].properties["DeletionProtection"] is keeps
    assert resources["Database"].deletion_policy == ("Snapshot" if keeps else "Delete")
    assert resources["FileBucket"].deletion_policy == ("Retain" if keeps else "Delete")


def test_user_data_is_small_names_the_host_key_and_is_what_cloudformation_wants():
    for who in ("AdminServer", "WebServer"):
        data = base64.b64decode(STARTER.resources[who].properties["UserData"], validate=True)
        assert data.decode() == USER_DATA
        assert data.startswith(b"#!/bin/sh\n")
        assert len(data) < 16 * 1024
    assert "DRUCLOUD-HOSTKEY %s" in USER_DATA
    subprocess.run(["/bin/sh", "-n"], input=USER_DATA, text=True, check=True)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_user_data_prints_the_public_key_and_makes_one_where_there_is_none(tmp_path):
    script = USER_DATA.replace("/etc/ssh", str(tmp_path / "etc/ssh")).replace("/dev/console", str(tmp_path / "console"))
    script = script.replace("ssh-keygen -A", f"ssh-keygen -A -f {tmp_path} >/dev/null")
    (tmp_path / "etc/ssh").mkdir(parents=True)
    subprocess.run(["/bin/sh"], input=script, text=True, check=True)
    key = (tmp_path / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
    assert (tmp_path / "console").read_text() == f"DRUCLOUD-HOSTKEY {key[0]} {key[1]}\n"


def test_the_deploy_key_is_a_marker_in_the_graph_and_a_parameter_in_a_template():
    assert STARTER.resources["DeployKeySecret"].properties["SecretString"] == {"Drucloud::File": "deploy_key"}
    template = STARTER.cloudformation()
    assert template["Resources"]["DeployKeySecret"]["Properties"]["SecretString"] == {"Ref": "DeployKey"}
    assert template["Parameters"] == {"DeployKey": {"Type": "String", "NoEcho": True}}
    assert not any(body["Type"].startswith(STEP_PREFIX) for body in template["Resources"].values())


def test_a_changed_answer_changes_the_digest_of_its_resource_and_no_other():
    changed = build(apply(Profile(), {"web.instance_class": "t4g.medium"}), SANDBOX)
    differing = {key for key, item in STARTER.resources.items() if changed.resources[key].digest != item.digest}
    assert differing == {"WebServer"}


def test_several_cache_nodes_spread_over_both_zones():
    cache = build(apply(Profile(), {"cache.nodes": "3"}), SANDBOX).resources["Cache"].properties
    assert cache["AZMode"] == "cross-az"
    assert cache["PreferredAvailabilityZones"] == ["us-east-1a", "us-east-1b", "us-east-1a"]


@pytest.mark.parametrize(
    ("version", "setting"),
    [("10.11.16", "tx_isolation"), ("11.4.12", "transaction_isolation"), ("12.3.3", "transaction_isolation")],
)
def test_the_isolation_level_has_the_name_of_its_version(version, setting):
    parameters = build(Profile(), replace(SANDBOX, engine_version=version)).resources["DatabaseParameters"].properties
    names = {name for name in parameters["Parameters"] if name.endswith("_isolation")}
    assert names == {setting}
    assert parameters["Parameters"][setting] == "READ-COMMITTED"


def test_lookups_survive_json():
    assert Lookups.from_json(json.loads(json.dumps(AWS.to_json()))) == AWS
    with pytest.raises(TypeError):
        Lookups.from_json({**AWS.to_json(), "more": 1})
