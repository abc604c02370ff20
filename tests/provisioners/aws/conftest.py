"""The sandbox's strict AWS API over HTTP, and a small stack built with the kinds themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioners.aws.session import Aws
from provisioners.sandbox import client
from provisioners.target import Target

from .stack import REGION, Stack

PROGRAM = (sys.executable, "-m", "tests.provisioners.sandbox.api.program")


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Sandbox]:
    """A sandbox of its own state root, with machines in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRUCLOUD_STATE", str(tmp_path_factory.mktemp("state")))
        yield client.ensure("rehearsal", program=PROGRAM)
        client.stop()


@pytest.fixture
def target(sandbox: client.Sandbox) -> Target:
    return sandbox.target(REGION)


@pytest.fixture
def aws(target: Target) -> Aws:
    return target.aws


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's state root."""
    monkeypatch.setenv("DRUCLOUD_STATE", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def stack(aws: Aws, sandbox: client.Sandbox) -> Iterator[Stack]:
    """Afterwards nothing may be left in the account."""
    made = Stack(aws)
    yield made
    made.close()
    assert sandbox.census() == {}
