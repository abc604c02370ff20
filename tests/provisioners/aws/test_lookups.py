"""Lookups and preflight against the strict API."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.errors import UsageError
from profiles.model import Aws as AwsWish
from profiles.model import Database, Profile, Site, Web
from provisioners.aws import lookups, preflight
from provisioners.aws.kinds import KINDS
from provisioners.blueprint.build import build
from provisioners.target import Target

from .recorded import recorded
from .stack import ACCOUNT, REGION, Stack

PROFILE = Profile(name="trial", target="sandbox", aws=AwsWish(region=REGION))


def test_resolved_and_pinned(target: Target, state: Path) -> None:
    found = lookups.resolve(PROFILE, target, {}, refresh=False)
    assert (found.account, found.region, found.target) == (ACCOUNT, REGION, "sandbox")
    assert found.zones == (f"{REGION}a", f"{REGION}b")
    assert found.engine_family == "mariadb" + ".".join(found.engine_version.split(".")[:2])
    assert (found.web_memory_mib, found.web_vcpu, found.admin_memory_mib) == (2048, 2, 1024)
    assert found.ssh_public_key.startswith("ssh-ed25519 ")
    pinned = {**found.to_json(), "cache_version": "1.6.12", "zones": [f"{REGION}b", f"{REGION}c"]}
    again = lookups.resolve(PROFILE, target, pinned, refresh=False)
    assert (again.cache_version, again.zones) == ("1.6.12", (f"{REGION}b", f"{REGION}c"))
    assert lookups.resolve(PROFILE, target, pinned, refresh=True) == found


def test_a_class_of_another_architecture_gets_another_image(target: Target, state: Path) -> None:
    arm = lookups.resolve(PROFILE, target, {}, refresh=False)
    intel = PROFILE.model_copy(update={"web": Web(instance_class="t3.small")})
    found = lookups.resolve(intel, target, arm.to_json(), refresh=False)
    assert found.image_id_web != arm.image_id_web and found.image_id_admin == arm.image_id_admin


def test_the_engines_are_asked_for_their_parameters_once(target: Target, state: Path) -> None:
    found = lookups.resolve(PROFILE, target, {}, refresh=False)
    assert found.database_parameters["wait_timeout"] == "dynamic"
    assert found.database_parameters["innodb_log_buffer_size"] == "static"
    assert found.cache_parameters == {"max_item_size": "static"}
    asking = {f"{service}:DescribeEngineDefaultParameters" for service in ("rds", "elasticache")}
    with recorded(target.aws) as made:
        assert lookups.resolve(PROFILE, target, found.to_json(), refresh=False) == found
    assert not asking & set(made)
    fewer = {**found.to_json(), "database_parameters": {"wait_timeout": "dynamic"}}  # of a drucloud that set less
    mysql = PROFILE.model_copy(update={"database": Database(engine="mysql", instance_class="db.t4g.micro")})
    for profile, pinned in ((PROFILE, fewer), (mysql, found.to_json())):
        with recorded(target.aws) as made:
            again = lookups.resolve(profile, target, pinned, refresh=False)
        assert made["rds:DescribeEngineDefaultParameters"] == 1
        assert set(again.database_parameters.values()) <= {"dynamic", "static"}


def test_web_servers_of_a_drupal_7_get_debian_12_and_nothing_else_does(target: Target, state: Path) -> None:
    usual = lookups.resolve(PROFILE, target, {}, refresh=False)
    legacy = PROFILE.model_copy(update={"site": Site(drupal="7")})
    found = lookups.resolve(legacy, target, usual.to_json(), refresh=False)
    rows = target.aws.client("ec2").describe_images(ImageIds=[found.image_id_web, found.image_id_admin])["Images"]
    names = {row["ImageId"]: row["Name"] for row in rows}
    assert names[found.image_id_web].startswith("debian-12-arm64-")
    assert names[found.image_id_admin].startswith("debian-13-arm64-")
    assert lookups.resolve(legacy, target, found.to_json(), refresh=False) == found
    assert lookups.resolve(PROFILE, target, found.to_json(), refresh=False) == usual


def test_preflight_warns_of_a_drupal_without_support(target: Target, state: Path) -> None:
    legacy = PROFILE.model_copy(update={"site": Site(drupal="7")})
    found = preflight.check(legacy, target, lookups.resolve(legacy, target, {}, False))
    (warning,) = [one for one in found if one["status"] != "ok"]
    assert warning["status"] == "warn" and "out of support since 2025-01-05" in warning["what"] and warning["do"]


def test_what_the_region_does_not_offer(target: Target, state: Path) -> None:
    with pytest.raises(UsageError, match="does not offer the EC2 class t4g"):
        lookups.resolve(PROFILE.model_copy(update={"web": Web(instance_class="t4g.huge")}), target, {}, False)
    wish = Database(instance_class="db.z9.large")
    with pytest.raises(UsageError, match="does not offer MariaDB on db"):
        lookups.resolve(PROFILE.model_copy(update={"database": wish}), target, {}, False)


def test_the_blueprint_uses_only_kinds_there_are(target: Target, state: Path) -> None:
    made = build(PROFILE, lookups.resolve(PROFILE, target, {}, False))
    assert {one.type for one in made.resources.values() if not one.is_step} <= set(KINDS)


def test_preflight_passes_where_nothing_stands(target: Target, state: Path) -> None:
    found = preflight.check(PROFILE, target, lookups.resolve(PROFILE, target, {}, False))
    assert {one["status"] for one in found} == {"ok"} and ACCOUNT in found[0]["what"]


def test_preflight_says_what_to_do(stack: Stack, target: Target, state: Path) -> None:
    stack.make("Vpc", "AWS::EC2::VPC", CidrBlock="10.42.0.0/16")
    answers = lookups.resolve(PROFILE, target, {}, False)
    found = [one for one in preflight.check(PROFILE, target, answers) if one["status"] == "fail"]
    assert "its journal is not on this machine" in found[0]["what"] and found[0]["do"]
