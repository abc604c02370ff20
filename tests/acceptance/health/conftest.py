"""One deployment of real machines that all tests of this folder look at, break and mend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioners.engine.journal import Journal
from provisioners.engine.state import StepState, fold
from tests.acceptance.conftest import short_folder
from tests.acceptance.operator import Operator
from tests.health.certificates import Authority

from .faults import Machines


@pytest.fixture(scope="package")
def watched() -> Iterator[Operator]:
    """An operator whose deployment ``starter`` stands, with TLS beside it."""
    with short_folder() as home:
        authority = Authority(home)
        someone = Operator(home, sandbox="machines", extra={"SSL_CERT_FILE": str(authority.path)})
        try:
            someone.replay().ok()
            check = step(home / "state", "Drucloud::Check")
            machines(home / "state").serve_tls(authority, check.properties["Address"])
            yield someone
        finally:
            someone.stop_sandbox()


@pytest.fixture(scope="package")
def lab(watched: Operator) -> Machines:
    return machines(watched.home / "state")


def step(state: Path, kind: str) -> StepState:
    """The only step of a kind in the journal."""
    (journal,) = (state / "deployments").glob("*/journal.db")
    with Journal.open_to_read(journal) as events:
        (found,) = [one for one in fold(events.read()).steps.values() if one.type == kind]
    return found


def machines(state: Path) -> Machines:
    check = step(state, "Drucloud::Check")
    names = {role.lower(): check.properties[role]["InstanceId"] for role in ("Web", "Admin")}
    return Machines(state, {**names, "cache": "cache-drucloud-starter-0001"})
