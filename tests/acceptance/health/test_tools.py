"""Mending by its own fix, the cache-hit check and the load check, on real machines."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.operator import Operator

from .faults import Machines

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]


def test_what_was_stopped_is_started_by_the_fix_that_is_offered(watched: Operator, lab: Machines) -> None:
    lab.run("admin", "systemctl stop cron")
    asked = watched.run("health", "starter", "--fix")
    assert asked.code != 0
    assert "sudo systemctl start cron" in asked.err
    assert lab.run("admin", "systemctl is-active cron || true").strip() == "inactive"  # nobody said yes
    watched.run("health", "starter", "--fix", "--yes").ok()
    assert lab.run("admin", "systemctl is-active cron").strip() == "active"


def test_who_answers_for_many_pages(watched: Operator) -> None:
    pages = watched.home / "pages"
    pages.write_text("\n".join([*(f"/?page={number}" for number in range(20)), "/private"]))
    report = json.loads(watched.run("health", "starter", "--urls", str(pages), "--rate", "50", "--json").ok().out)
    by = {page["path"]: page["again"] for page in report["pages"]}
    assert by.pop("/private") == "PHP"
    assert set(by.values()) == {"micro-cache"}
    assert report["hit_ratio"] == round(20 / 21, 4)
    assert 0 < report["bytes_saved"] < report["bytes"]


def test_a_load_needs_consent_and_comes_from_the_admin_server(watched: Operator, lab: Machines) -> None:
    refused = watched.run("health", "starter", "--load", "--seconds", "2")
    assert refused.code == 2
    assert "Say --yes" in refused.err
    assert lab.run("admin", "command -v wrk || echo none").strip() == "none"  # nothing was installed either
    report = json.loads(watched.run("health", "starter", "--load", "--seconds", "2", "--yes", "--json").out)
    assert report["cached"]["requests"] > report["uncached"]["requests"] > 0
    assert report["cached"]["errors"] == 0
    log = lab.run("web", "tail -n 2000 /var/log/nginx/access.log")
    assert report["promised"]["workers"] >= 4
    assert log.count("GET / HTTP/1.1") > 100
