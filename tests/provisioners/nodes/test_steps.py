"""The steps as the engine sees them: what they need, what they tell, where they stop."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from profiles.errors import UsageError
from provisioners.engine.stop import StoppedError
from provisioners.nodes import bundle, git_address, keys, site, steps
from provisioners.nodes.reach import Machine

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf"

MACHINE = {
    "InstanceId": "i-1",
    "Host": "10.42.0.5",
    "HostPublic": "198.51.100.7",
    "Via": "198.51.100.6",
    "ViaInstanceId": "i-0",
    "EntranceGroup": "sg-1",
}
SITE = {
    **MACHINE,
    "Admin": {
        **{key: MACHINE[key] for key in ("HostPublic", "EntranceGroup")},
        "InstanceId": "i-0",
        "Host": "10.42.0.4",
    },
    "Deployment": "shop",
    "Repository": "git@git.example.org:o/r.git",
    "Branch": "main",
    "Docroot": "web",
    "GitHostKey": f"{HOST_KEY} comment",
    "Database": {"Host": "db.internal", "Port": "3306", "Name": "site", "MasterSecretArn": "arn:master"},
    "CacheNodes": ["c1.internal:11211", "c2.internal:11211"],
    "SecretArn": "arn:site",
    "DeployKeySecretArn": "arn:key",
}


class Context:
    """What a step is given, with a record of what it told."""

    def __init__(self, properties: Mapping[str, Any], folder: Path, target: str = "sandbox") -> None:
        self.properties = properties
        self.folder = str(folder)
        self.logical_id = "WebNode"
        self.target = SimpleNamespace(name=target, node_endpoint="http://169.254.169.252", region="eu-west-1")
        self.stopping = False
        self.told: list[tuple[Any, ...]] = []

    def child(self, *words: Any) -> None:
        self.told.append(words)

    def log(self, text: str) -> None:
        self.told.append(("log", text))


def test_the_children_are_known_from_the_plan_alone() -> None:
    unresolved = {"Role": "web", "Host": {"Fn::GetAtt": ["WebServer", "PrivateIp"]}}
    assert steps.STEPS["Drucloud::Node"].children(unresolved) == bundle.outline("web")
    ids = [child.id for child in steps.STEPS["Drucloud::Site"].children({})]
    assert ids[:2] == ["database-settings", "database-user"]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("role", ["web", "admin"])
def test_the_properties_of_a_node_are_enough_for_its_role(role: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"Deployment": "shop", "DomainName": ""}
    if role == "web":
        settings |= {"Docroot": ".", "MicroCache": False, "MicroCacheSeconds": 40}
    properties = {**MACHINE, "Role": role, "MemoryMiB": "2048", "Vcpu": "2", "Settings": settings}
    made = bundle.render(role, steps.node_settings(properties, Context(properties, tmp_path)))  # type: ignore[arg-type]
    assert b'"region": "eu-west-1"' in made.files["files/etc/drucloud/aws.json"]
    if role == "web":
        assert b"fastcgi_cache drupal" not in made.files["files/etc/nginx/drucloud/php.conf"]
        assert b"root /srv/site/current;" in made.files["files/etc/nginx/drucloud/site.conf"]


def test_the_properties_of_a_site_are_enough_for_both_machines(tmp_path: Path) -> None:
    on_admin, on_web = site.site_bundles(Context(SITE, tmp_path, "aws"))  # type: ignore[arg-type]
    assert b"arn:master" in on_admin.files["files/etc/drucloud/database.json"]
    settings = on_web.files["files/etc/drucloud/site-settings.json"]
    assert b"arn:master" not in settings  # the web node has no business with it
    assert b'"host": "c2.internal"' in settings
    assert on_web.files["files/etc/drucloud/git_known_hosts"].decode() == f"git.example.org {HOST_KEY}\n"


def test_a_known_git_server_needs_no_key_and_an_unknown_one_does(tmp_path: Path) -> None:
    known = {**SITE, "Repository": "git@github.com:o/r.git", "GitHostKey": ""}
    found = site.repository(known, Context(known, tmp_path, "aws"))  # type: ignore[arg-type]
    assert found == ("git@github.com:o/r.git", git_address.KNOWN_SERVERS["github.com"])
    unknown = {**SITE, "GitHostKey": ""}
    with pytest.raises(UsageError, match=r"host key of the Git server git\.example\.org is not known"):
        site.repository(unknown, Context(unknown, tmp_path, "aws"))  # type: ignore[arg-type]


def test_the_canary_is_the_sandboxs_only(tmp_path: Path) -> None:
    canary = {**SITE, "Repository": "canary"}
    with pytest.raises(UsageError, match="served by the sandbox only"):
        site.repository(canary, Context(canary, tmp_path, "aws"))  # type: ignore[arg-type]


def test_events_become_children_and_a_stop_is_felt_between_two_steps(tmp_path: Path) -> None:
    context = Context({}, tmp_path)
    tell = steps._teller(context)  # type: ignore[arg-type]
    tell({"step": "a", "status": "running", "text": "", "seconds": 0.0})
    tell({"note": "put back 2 files"})
    context.stopping = True
    tell({"step": "a", "status": "changed", "text": "done", "seconds": 1.0})
    with pytest.raises(StoppedError):
        tell({"step": "b", "status": "running", "text": "", "seconds": 0.0})
    assert context.told == [
        ("a", "running", "", 0.0),
        ("log", "put back 2 files"),
        ("a", "changed", "done", 1.0),
    ]


def test_a_machine_without_a_way_is_the_admin_node() -> None:
    assert Machine.of(SITE["Admin"]).via == ""  # type: ignore[arg-type]
    assert Machine.of(MACHINE).via_instance_id == "i-0"


def test_the_keys_of_a_deployment_are_where_the_other_rooms_look(tmp_path: Path) -> None:
    assert keys.deploy_key(tmp_path).path == tmp_path / "deploy_key"
