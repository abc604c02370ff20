"""Exported templates: cfn-lint's verdict, machines that get all they are told to ask for, no secret, no account."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from profiles import store
from profiles.errors import UsageError
from profiles.model import Profile
from provisioners.aws.cloudformation_export import export
from provisioners.nodes import boot_program, role
from provisioners.nodes.apply import program
from provisioners.target import Target
from tests.provisioners.blueprint.test_lint import findings

CODE = {"site.repository": "git@github.com:acme/site.git"}
USER_DATA_LIMIT = 16_384
CLASSIC = {"I3100 Upgrade previous generation instance type: m3.large"}  # which is what this preset is for


def exported(name: str, folder: Path, **answers: str) -> tuple[Profile, dict[str, Any]]:
    profile = store.apply(store.load(store.resolve(name)), {**CODE, **answers})
    export(profile, folder)
    return profile, json.loads((folder / "template.json").read_text())


def machines(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of everything that boots, by logical id."""
    found = {key: one["Properties"] for key, one in template["Resources"].items()}
    launched = {key: one["LaunchTemplateData"] for key, one in found.items() if "LaunchTemplateData" in one}
    return {**{key: one for key, one in found.items() if "InstanceType" in one and "ImageId" in one}, **launched}


EXPORTED = [(name, "") for name in store.presets()]


@pytest.mark.parametrize(("name", "scaling"), [*EXPORTED, ("standard", "auto")])
def test_cfn_lint_finds_nothing_and_every_machine_knows_what_its_bundles_ask_for(
    name: str, scaling: str, tmp_path: Path
) -> None:
    profile, template = exported(name, tmp_path, **({"web.scaling": scaling} if scaling else {}))
    assert set(findings(template, profile.aws.region)) <= CLASSIC
    assert machines(template)
    for title, server in machines(template).items():
        text, values = server["UserData"]["Fn::Base64"]["Fn::Sub"]
        assert len(text) < USER_DATA_LIMIT - 2_000  # what is filled in is longer than its name
        assert set(re.findall(r"\$\{([A-Za-z0-9]+)\}", text)) == set(values)
        told = json.loads(text.split("<<'SETTINGS'\n")[1].split("\nSETTINGS")[0])
        assert {Path(one).name for one, _, _ in told["bundles"]} == {
            one.name for one in (tmp_path / "bundles").glob(f"{title}.*")
        }
        for bundle, length, alone in told["bundles"]:
            assert alone == bundle.endswith(".site")  # the one that installs into the database
            content = (tmp_path / "bundles" / Path(bundle).name).read_bytes()
            assert content[:length] == program()
            asked = {match.decode() for match in re.findall(rb"@@(\w+)@@", content[length:])}
            assert asked <= {*told["values"], "PrivateAddress"}


def test_nothing_of_an_account_and_no_secret_is_in_it(tmp_path: Path) -> None:
    _, template = exported("drucloud", tmp_path)
    text = "".join(path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())
    assert (
        not re.search(r"\b\d{12}\b", text) and "PRIVATE KEY" not in text and "@@" not in json.dumps(template["Outputs"])
    )
    assert template["Parameters"]["DeployKey"] == {"Type": "String", "NoEcho": True}
    assert template["Parameters"]["WebImage"]["Type"].startswith("AWS::SSM::Parameter::Value")
    assert "BucketName" not in template["Resources"]["FileBucket"]["Properties"]
    subprocess.run(["sh", "-n", str(tmp_path / "deploy.sh")], check=True)


def test_two_exports_are_the_same(tmp_path: Path) -> None:
    exported("standard", tmp_path / "one")
    exported("standard", tmp_path / "two")
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_the_canary_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="canary"):
        export(store.load(store.resolve("starter")), tmp_path)


def test_the_machines_of_a_pair_have_addresses_before_they_are_there(tmp_path: Path) -> None:
    _, template = exported("classic", tmp_path)
    resources = template["Resources"]
    for server in ("FilesServer", "Files2Server"):
        interface = resources[f"{server}Interface"]["Properties"]
        properties = resources[server]["Properties"]
        assert properties["NetworkInterfaces"] == [
            {"DeviceIndex": "0", "NetworkInterfaceId": {"Ref": f"{server}Interface"}}
        ]
        assert not {"SubnetId", "SecurityGroupIds"} & set(properties) and interface["GroupSet"]
    for name in ("FilesServer", "Files2Server", "WebServer", "Web2Server"):
        values = resources[name]["Properties"]["UserData"]["Fn::Base64"]["Fn::Sub"][1]
        for server in ("FilesServer", "Files2Server"):
            address = {"Fn::GetAtt": [f"{server}Interface", "PrimaryPrivateIpAddress"]}
            assert values[f"{server}PrivateIp"] == address
    assert '"Files2Server", "PrivateIp"' not in json.dumps(template)


def test_a_group_boots_from_debians_image_and_is_given_the_time(tmp_path: Path) -> None:
    _, template = exported("standard", tmp_path, **{"web.scaling": "auto"})
    assert template["Resources"]["WebTemplate"]["Properties"]["LaunchTemplateData"]["ImageId"] == {"Ref": "WebImage"}
    assert "ImageImageId" not in template["Parameters"]
    group = template["Resources"]["WebGroup"]
    assert group["Properties"]["HealthCheckGracePeriod"] >= boot_program.TRIES * boot_program.PAUSE_SECONDS
    (tmp_path / "bundles" / "WebTemplate.site").stat()


@pytest.mark.parametrize(("said", "applied"), [("1", True), ("0", False), ("ERROR 2002", False)])
def test_a_server_waits_for_its_turn_with_the_database(
    said: str, applied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the lock of the servers' own cron, before a database client that answers ``said`` to all."""
    site = tmp_path / "site.json"
    database = {"ca": "", "host": "db", "name": "drupal", "password": "x", "port": 3306, "username": "drupal"}
    site.write_text(json.dumps({"database": database, "deployment": "trial"}))
    cron = tmp_path / "cron"
    cron.write_text((role.ROLES / "web" / "cron.py").read_text().replace("/etc/drucloud/site.json", str(site)))
    client = tmp_path / "mariadb"
    asked = tmp_path / "asked"
    client.write_text(f"#!/bin/sh\nread question\necho $question >{asked}\necho {said}\ncat >/dev/null\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(boot_program.lock, "__defaults__", (str(cron),))
    done: list[int] = []
    monkeypatch.setattr(boot_program, "apply", lambda payload, length: not done.append(length))
    assert boot_program.apply_alone(b"", 7) is applied
    assert bool(done) is applied
    assert "GET_LOCK" in asked.read_text()


def test_directors_know_each_other_and_have_an_address_to_spare(tmp_path: Path) -> None:
    _, template = exported("lvs", tmp_path)
    resources = template["Resources"]
    for server, peer in (("DirectorServer", "Director2Server"), ("Director2Server", "DirectorServer")):
        card = resources[f"{server}Interface"]["Properties"]
        assert card["SecondaryPrivateIpAddressCount"] == 1 and card["SourceDestCheck"] is False
        properties = resources[server]["Properties"]
        assert not {"SubnetId", "SecurityGroupIds", "SourceDestCheck"} & set(properties)
        told = properties["UserData"]["Fn::Base64"]["Fn::Sub"][1]
        assert told[f"{peer}PrivateIp"] == {"Fn::GetAtt": [f"{peer}Interface", "PrimaryPrivateIpAddress"]}
        assert told["WebServerPrivateIp"] == {"Fn::GetAtt": ["WebServer", "PrivateIp"]}
    assert template["Outputs"]["Address"]["Value"] == {"Ref": "SiteAddress"}


def test_the_boot_program_fetches_its_bundle_with_a_signature_that_holds(target: Target) -> None:
    s3 = target.aws.client("s3")
    s3.create_bucket(Bucket="boot-trial", CreateBucketConfiguration={"LocationConstraint": target.region})
    try:
        s3.put_object(Bucket="boot-trial", Key="drucloud/Web.web", Body=b"bundle")
        held = target.aws.session.get_credentials()
        keys = {"AccessKeyId": held.access_key, "SecretAccessKey": held.secret_key, "Token": held.token or ""}
        where = (target.region, "boot-trial", "drucloud/Web.web", target.aws.endpoint_url)
        assert boot_program.fetch(keys, *where) == b"bundle"
        with pytest.raises(OSError, match="403"):
            boot_program.fetch({**keys, "SecretAccessKey": "another"}, *where)
    finally:
        s3.delete_object(Bucket="boot-trial", Key="drucloud/Web.web")
        s3.delete_bucket(Bucket="boot-trial")


def test_the_boot_program_puts_values_into_files() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("files/etc/a.json")
        content = b'{"host": "@@DatabaseEndpointAddress@@", "kept": "@@Other@@"}'
        member.size, member.mode = len(content), 0o600
        tar.addfile(member, io.BytesIO(content))
    filled = boot_program.with_values(out.getvalue(), {"DatabaseEndpointAddress": "db.example.com"})
    with tarfile.open(fileobj=io.BytesIO(filled)) as tar:
        taken = tar.extractfile("files/etc/a.json")
        assert taken is not None
        assert json.loads(taken.read()) == {"host": "db.example.com", "kept": "@@Other@@"}


def test_web_servers_of_a_drupal_7_boot_debian_12(tmp_path: Path) -> None:
    _, template = exported("starter", tmp_path, **{"site.drupal": "7", "site.docroot": "."})
    defaults = {name: template["Parameters"][f"{name}Image"]["Default"] for name in ("Web", "Admin")}
    assert [default.split("/")[5] for default in defaults.values()] == ["12", "13"]
