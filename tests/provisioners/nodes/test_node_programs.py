"""The programs that are shipped to the nodes, as far as they can be proven here; the rest is in test_machines."""

import ast
import datetime
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from provisioners.nodes import converge, role, sizing

PROGRAMS = sorted(path for path in role.ROLES.rglob("*.py") if path.name != "__init__.py")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_signature_is_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = load(role.ROLES / "base" / "drucloud_aws.py")
    now = datetime.datetime(2026, 11, 23, 18, 0, 0, tzinfo=datetime.timezone.utc)  # noqa: UP017
    body = b'{"SecretId": "arn:x"}'
    keys = {"AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "s3cr3t/+key", "Token": "a-session"}
    host = "secretsmanager.eu-west-1.amazonaws.com"
    ours = aws.signed_headers(keys, "secretsmanager", "eu-west-1", host, "secretsmanager.GetSecretValue", body, now)

    sent = {name: ours[name] for name in ("content-type", "host", "x-amz-target")}
    request = AWSRequest("POST", f"https://{host}/", headers=sent, data=body)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None), raising=False)
    signer = SigV4Auth(Credentials("AKIAEXAMPLE", "s3cr3t/+key", "a-session"), "secretsmanager", "eu-west-1")
    signer.add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


@pytest.mark.parametrize("path", [*PROGRAMS, Path(converge.__file__)], ids=lambda path: path.stem)
def test_a_node_program_needs_the_standard_library_only_and_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    wanted = {name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    wanted |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert wanted - set(sys.stdlib_module_names) <= {"drucloud_aws"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


@pytest.mark.parametrize(
    ("memory", "vcpu", "children"),
    [
        (512, 2, 4),  # never below four
        (2048, 2, 10),  # five a vCPU
        (2048, 8, 18),  # (2048 - 600) / 80
        (8192, 32, 87),  # (8192 - 15 %) / 80
    ],
)
def test_workers_follow_memory_and_processors(memory: int, vcpu: int, children: int) -> None:
    sizes = sizing.web(memory, vcpu)
    assert sizes["fpm_max_children"] == children
    assert sizes["fpm_min_spare"] <= sizes["fpm_start_servers"] <= sizes["fpm_max_spare"] <= children


def test_database_sizes_are_those_of_rds() -> None:
    assert sizing.database(1024) == {"database_buffer_pool_mib": 768, "database_max_connections": 85}


@pytest.mark.parametrize(
    ("pss", "allowed", "fleet", "children"),
    [
        (60.0, 0, 1, 10),  # processors
        (120.0, 0, 1, 8),  # (2048 - 600 - 128 - 32 - 128) x 0.85 / 120
        (60.0, 40, 4, 5),  # (40 - 20) / 4 servers
        (900.0, 0, 1, 4),  # never below four
    ],
)
def test_the_pool_follows_what_a_worker_really_takes(pss: float, allowed: int, fleet: int, children: int) -> None:
    workers = load(role.ROLES / "web" / "workers.py")
    settings = {**sizing.web(2048, 2), "memory_mib": 2048, "vcpu": 2, "fleet_size": fleet}
    assert workers.children(settings, pss, allowed) == children
    assert f"pm.max_children = {children}\n" in workers.pool(children, pss)
