"""The main job on real machines, as a newcomer does it: deploy, again, look, kill, resume, take down."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance import leftovers
from tests.acceptance.operator import Operator, not_well, urls

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]


def test_replay_twice_look_and_destroy(operator: Operator) -> None:
    before = leftovers.of_the_host()

    first = operator.replay().ok()
    assert "nothing changed" not in first.out
    (site,) = set(urls(first.out))
    with urllib.request.urlopen(site, timeout=20) as page:  # the operator's browser
        assert page.status == 200

    again = operator.replay().ok()
    assert "nothing changed" in again.out

    report = operator.run("health", "starter", "--json").ok()
    findings = {item["name"]: item for item in json.loads(report.out)["findings"]}
    expected = {"miss": "MISS", "hit": "HIT", "bypass": "BYPASS", "other-cookie": "HIT"}
    assert {name: findings[f"micro-cache.{name}"]["value"] for name in expected} == expected
    assert not_well(report.out) == []

    operator.run("destroy", "starter", "--yes").ok()
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    assert status["machines"] == {}
    assert status["resources"] == []
    operator.run("sandbox", "stop").ok()
    assert leftovers.left(operator.home / "state") == []
    assert leftovers.of_the_host() - before == set()


def test_the_view_is_killed_and_the_deploy_goes_on(operator: Operator) -> None:
    view = operator.start(*operator.replay_arguments(profile="starter"))
    engine = operator.engine_pid(timeout=300)
    time.sleep(2)
    view.kill()
    view.communicate(timeout=30)
    assert Path(f"/proc/{engine}").exists()

    attached = operator.run("attach", "starter", "--display", "plain").ok()
    assert urls(attached.out)


def test_the_engine_is_killed_and_resume_reaches_the_same_end(operator: Operator) -> None:
    operator.kill_engine_after(150)
    operator.run("resume", "starter", "--display", "plain", "--yes").ok()
    again = operator.replay().ok()
    assert "nothing changed" in again.out
    operator.run("destroy", "starter", "--yes").ok()
    status = json.loads(operator.run("sandbox", "status", "--json").ok().out)
    assert status["resources"] == []
