from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioners.sandbox import client
from tests.provisioners.sandbox.api.stack import Stack

PROGRAM = (sys.executable, "-m", "tests.provisioners.sandbox.api.program")
REGION = "eu-central-1"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Sandbox]:
    """A sandbox of its own state root with the in-memory host, for a whole session."""
    before = os.environ.get("DRUCLOUD_STATE")
    os.environ["DRUCLOUD_STATE"] = str(tmp_path_factory.mktemp("state"))
    try:
        yield client.ensure("rehearsal", program=PROGRAM)
    finally:
        client.stop()
        if before is None:
            del os.environ["DRUCLOUD_STATE"]
        else:
            os.environ["DRUCLOUD_STATE"] = before


@pytest.fixture
def aws(sandbox: client.Sandbox) -> Callable[[str], Any]:
    """boto3 clients of the operator, botocore's retries off."""
    target = sandbox.target(REGION)
    return lambda service: target.aws.client(service, creating=True)


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state root without a sandbox; one that a test starts is stopped afterwards."""
    monkeypatch.setenv("DRUCLOUD_STATE", str(tmp_path))
    yield tmp_path
    client.stop()


@pytest.fixture
def stack(aws: Callable[[str], Any], sandbox: client.Sandbox) -> Iterator[Stack]:
    """A small network; afterwards the account has to be empty again."""
    made = Stack(aws, REGION)
    yield made
    made.close()
    assert sandbox.census() == {}
