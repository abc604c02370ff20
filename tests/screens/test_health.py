"""The dashboard, fed with findings: its pages, what it says of faults, and that it goes on examining."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from health.report import Finding
from provisioners.target import DeploymentId
from screens.app import HealthStart
from tests.screens.memory_services import NOW, MemoryServices
from tests.screens.pages import SIZES, Pages, running
from tests.screens.test_wizard import HOSTILE
from tests.screens.text_golden import FRAMES, check_frame

DEPLOYMENT = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")
SITE, WEB, ADMIN = "203.0.113.10", "web server", "admin server"


def ok(name: str, subject: str, value: str, number: float | None = None, measure: str = "") -> Finding:
    return Finding(name, subject, "ok", value, "", "It is as it should be.", "", NOW, number, measure)


WELL = [
    ok("site.status", SITE, "200"),
    ok("site.first-byte", SITE, "6 ms", 6.1, "ms"),
    ok("micro-cache.miss", SITE, "MISS", 32.5, "ms"),
    ok("micro-cache.hit", SITE, "HIT", 1.2, "ms"),
    ok("micro-cache.bypass", SITE, "BYPASS", 30.1, "ms"),
    ok("micro-cache.other-cookie", SITE, "HIT", 1.1, "ms"),
    ok("machine.reachable", WEB, "0.1 s", 0.1, "s"),
    ok("service.nginx", WEB, "active"),
    ok("service.php8.4-fpm", WEB, "active"),
    ok("machine.memory", WEB, "60 % free of 2048 MiB", 40.0, "%"),
    ok("opcache.filled", WEB, "31 scripts, 96 % hits", 96.0, "%"),
    ok("memcached.round-trip", WEB, "1 node(s)", 0.4, "ms"),
    ok("database.reachable", WEB, "11.8.9, 6 ms", 6.4, "ms"),
    ok("machine.reachable", ADMIN, "0.1 s", 0.1, "s"),
    ok("service.cron", ADMIN, "active"),
    ok("rds.status", "drucloud-starter", "available"),
    ok("elasticache.status", "drucloud-starter", "available, 1 node(s)"),
    ok("drift", "account", "41 resources"),
]


def broken(*names: str, why: str, value: str, status: str = "fail", subject: str = "") -> list[Finding]:
    """All is well except for these checks."""
    changed = {"status": status, "value": value, "why": why, "remedy": "Mend it."}
    return [
        replace(item, **changed) if item.name in names and subject in item.subject else item  # type: ignore[arg-type]
        for item in WELL
    ]


DOWN = broken(
    "machine.reachable", "service.nginx", "service.php8.4-fpm", "site.status", "micro-cache.miss", "micro-cache.hit",
    why="10.42.0.5:22 cannot be reached (timed out).", value="no connection",
)  # fmt: skip
NODE_DOWN = [item if item.subject != ADMIN else WELL[index] for index, item in enumerate(DOWN)]
CACHE_OFF = broken("micro-cache.hit", why="Every page says 'no-cache': page caching is off in the site.", value="MISS")
DRIFT = broken("drift", why="S3 bucket site-files is gone.", value="absent")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are shown as one moment, in no machine's zone."""
    monkeypatch.setattr("time.strftime", lambda *_: "12:00:00")


async def examined(pages: Pages) -> None:
    await pages.until(lambda: "Examined at" in pages.text, "the end of the examination")
    await pages.until(lambda: "Next page" in pages.text, "the footer, which is drawn a moment later")


@pytest.mark.parametrize(
    ("name", "findings"), [("well", WELL), ("node-down", NODE_DOWN), ("cache-off", CACHE_OFF), ("drift", DRIFT)]
)
async def test_frame_of_the_overview(name: str, findings: list[Finding]) -> None:
    async with running(services=MemoryServices(findings=findings), start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        check_frame(pages.app, f"health-{name}.80x24")


@pytest.mark.parametrize(("key", "name"), [("2", "request"), ("3", "machines"), ("4", "events")])
async def test_frame_of_the_other_pages(key: str, name: str) -> None:
    async with running(services=MemoryServices(findings=CACHE_OFF), start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.press(key)
        check_frame(pages.app, f"health-{name}.80x24")


async def test_a_node_that_is_down_is_one_cause_and_not_many() -> None:
    async with running(services=MemoryServices(findings=NODE_DOWN), start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.shows("Cause: machine.reachable")
        assert "more cause" not in pages.text
        await pages.press("q")
        assert pages.app.leaving.code == 1
    assert pages.services.done[-1] == ("close",)


async def test_it_examines_again_and_shows_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    services = MemoryServices(findings=WELL)
    async with running(services=services, start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        services.findings = DRIFT
        pages.app.screen.interval = 1  # type: ignore[attr-defined]
        await pages.shows("has failures")
        await pages.press("4")
        await pages.shows("ok → fail drift account")
        services.findings = WELL
        await pages.shows("is healthy")
        await pages.shows("fail → ok drift account")


async def test_paused_it_examines_only_when_asked() -> None:
    services = MemoryServices(findings=WELL)
    async with running(services=services, start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.press("p")
        await pages.shows("paused, p goes on")
        pages.app.screen.interval = 0  # type: ignore[attr-defined]
        await pages.pilot.pause(2.2)
        assert services.done.count(("examine",)) == 1
        await pages.press("r")
        await pages.until(lambda: services.done.count(("examine",)) == 2)
        await pages.press("p", "i")
        await pages.shows("again every 10 s")


async def test_groups_stay_as_the_user_left_them() -> None:
    services = MemoryServices(findings=WELL)
    async with running(services=services, start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        assert "site.first-byte" not in pages.text
        await pages.press("space")
        await pages.shows("site.first-byte")
        await pages.press("r")
        await pages.until(lambda: services.done.count(("examine",)) == 2)
        await pages.pilot.pause(0.2)
        await pages.shows("site.first-byte")


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_findings_are_only_text(size: tuple[int, int]) -> None:
    hostile = broken("drift", "site.status", why=HOSTILE, value=HOSTILE)
    async with running(size, MemoryServices(findings=hostile), HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        for key in ("1", "2", "3", "4", "end", "up", "tab"):
            await pages.press(key)
        assert "[/etc/x] [b]" in pages.text


NGINX = broken("service.nginx", "site.status", why="nginx does not run on the web server.", value="dead")


async def test_a_fix_is_shown_before_it_is_run_and_then_all_is_examined_again() -> None:
    services = MemoryServices(findings=NGINX, mended=WELL)
    async with running(services=services, start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.press("f")
        await pages.shows("sudo systemctl start nginx")
        await pages.press("enter")  # the proposal is no
        await pages.shows("has failures")
        assert not [item for item in services.done if item[0] == "fix"]
        await pages.press("f")
        await pages.shows("Mend it?")
        await pages.press("right", "enter")
        await pages.shows("is healthy")
    assert ("fix", "web server", "sudo systemctl start nginx") in services.done


async def test_where_no_fix_is_safe_none_is_offered() -> None:
    async with running(services=MemoryServices(findings=DRIFT), start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.press("f")
        assert "Mend it?" not in pages.text
        assert " Fix" not in pages.text


async def test_a_search_leaves_the_rows_that_contain_it() -> None:
    async with running(services=MemoryServices(findings=CACHE_OFF), start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.press("3", "slash", *"cron")
        found = lambda: "service.cron" in pages.text and "opcache.filled" not in pages.text  # noqa: E731
        await pages.until(found, "the other rows to go")
        await pages.press("enter", "escape")
        await pages.shows("opcache.filled")
        await pages.press("escape")
        assert pages.app.leaving is not None


EDGE = [
    ok("edge.cache", SITE, "Hit from cloudfront", 4.0, "ms"),
    ok("edge.status", "E123", "Deployed"),
    ok("alb.targets", "web", "2 of 2 well", 2.0),
    ok("alb.time", "web", "31 ms", 31.0, "ms"),
]


async def test_frame_of_a_request_through_cdn_and_balancer() -> None:
    async with running(services=MemoryServices(findings=[*WELL, *EDGE]), start=HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        await pages.press("2")
        check_frame(pages.app, "health-request-edge.80x24")


ROUNDS = FRAMES / "rounds"
"""Rounds of a real deployment, kept by ``tests/acceptance/health/test_view.py``."""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", sorted(path.stem for path in ROUNDS.glob("*.json")))
async def test_frame_of_a_real_round(name: str, size: tuple[int, int]) -> None:
    findings = [Finding.from_json(row) for row in json.loads((ROUNDS / f"{name}.json").read_text())]
    async with running(size, MemoryServices(findings=findings), HealthStart(DEPLOYMENT)) as pages:
        await examined(pages)
        check_frame(pages.app, f"health-real-{name}.{size[0]}x{size[1]}")
