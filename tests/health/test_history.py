"""History and causes: what changed when, how long the site answered, what explains what."""

from __future__ import annotations

from pathlib import Path

import pytest

from drucloud_tui.health_command import span
from health import nagios, prometheus
from health.diagnosis import diagnose
from health.history import KEEP_SECONDS, History
from health.report import Finding, Status
from profiles.errors import UsageError


def one(name: str, status: Status = "ok", subject: str = "x", number: float | None = None) -> Finding:
    return Finding(name, subject, status, status, "", f"{name} is {status}.", number=number, measure="ms")


def test_changes_and_since(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        assert history.record([one("a"), one("b", "warn")], at=100)[1][0].name == "b"
        dated, changes = history.record([one("a"), one("b", "warn")], at=200)
        assert changes == []
        assert [item.since for item in dated] == [100, 100]
        dated, changes = history.record([one("a", "fail"), one("b")], at=300)
        assert [(change.name, change.before, change.status) for change in changes] == [
            ("a", "ok", "fail"),
            ("b", "warn", "ok"),
        ]
        assert dated[0].since == 300
    with History(tmp_path) as again:  # another process goes on where this one stopped
        assert again.record([one("a", "fail")], at=400)[1] == []
        assert [change.at for change in again.changes(0)] == [300, 300, 100]


def test_availability_counts_only_watched_time(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        for at, status in ((0, "ok"), (100, "fail"), (150, "ok"), (200, "ok"), (90_000, "ok")):
            history.record([one("site.status", status)], at=at)  # type: ignore[arg-type]
        available = history.availability(0, until=90_100)
    assert (available.up, available.watched, available.rounds) == (250, 300, 5)
    assert available.percent == pytest.approx(83.33, abs=0.01)


def test_old_things_go(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        history.record([one("a", "fail", number=1.0)], at=0)
        history.record([one("a", "fail", number=2.0)], at=KEEP_SECONDS + 1)
        assert history.changes(0) == []
        assert history.series("a|x") == [2.0]
        assert history.availability(0).rounds == 1
    assert (tmp_path / "health.db").stat().st_mode & 0o777 == 0o600


def test_a_cause_explains_what_follows_from_it() -> None:
    findings = [
        one("site.status", "fail"),
        one("micro-cache.miss", "fail"),
        one("memcached.round-trip", "fail"),
        one("cron.age", "warn"),
        one("rds.status"),
    ]
    first, second = diagnose(findings)
    assert first.cause.name == "memcached.round-trip"
    assert {item.name for item in first.explains} == {"site.status", "micro-cache.miss"}
    assert second.cause.name == "cron.age"
    assert diagnose([one("a")]) == []


def test_an_admin_server_that_is_gone_does_not_explain_the_site() -> None:
    gone = one("machine.reachable", "fail", "admin server")
    causes = [item.cause.name for item in diagnose([gone, one("site.status", "fail")])]
    assert causes == ["machine.reachable", "site.status"]


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [("ok", 0, "OK"), ("warn", 1, "WARNING"), ("fail", 2, "CRITICAL"), ("unknown", 3, "UNK")],
)
def test_the_plugin_line(status: Status, code: int, word: str) -> None:
    line, got = nagios.line("shop", [one("a", status, number=1.5)])
    assert got == code
    assert line.startswith(f"DRUCLOUD {word}")
    assert line.count("|") == 1
    assert line.endswith("'a@x'=1.5ms")
    assert "\n" not in line


def test_the_prometheus_file(tmp_path: Path) -> None:
    path = tmp_path / "drucloud.prom"
    prometheus.write(path, "shop", [one("a", "fail", number=1.5)], 0.2)
    text = path.read_text()
    assert 'drucloud_check_status{check="a",deployment="shop",subject="x"} 2.0' in text
    assert 'drucloud_check_value{check="a",deployment="shop",subject="x",unit="ms"} 1.5' in text
    assert list(tmp_path.iterdir()) == [path]


def test_spans() -> None:
    assert span("7d") == 604800
    assert span("90m") == 5400
    with pytest.raises(UsageError, match="--since"):
        span("a week")
