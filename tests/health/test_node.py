"""What a web node's probe said, interpreted; the answers have the shape that the role ``web`` ships."""

from __future__ import annotations

import json
from typing import Any

import pytest

from health import node
from health.report import Finding, overall

GOOD: dict[str, Any] = {
    "php": "8.4.11",
    "opcache": {"scripts": 31, "hit_percent": 96.2, "full": False, "restarts": 0},
    "apcu": {"entries": 3, "hits": 9, "misses": 2, "expunges": 0},
    "memcached": {
        "round_trip": True,
        "nodes": {"10.42.3.4:11211": {"get_hits": 12, "get_misses": 3, "evictions": 0, "curr_connections": 2}},
    },
    "database": {"version": "11.8.3-MariaDB", "isolation": "READ-COMMITTED", "tls": "TLS_AES_256", "milliseconds": 4.2},
    "fpm": {"listen queue": 0, "max children reached": 0, "active processes": 1},
}


def findings(**parts: Any) -> dict[str, Finding]:
    return {item.name: item for item in node.findings("web", json.dumps({**GOOD, **parts}))}


def test_all_is_well() -> None:
    seen = findings()
    assert overall(list(seen.values())) == "ok", seen
    assert seen["memcached.hits"].value == "12 hits, 3 misses, 0 evictions"
    assert seen["database.reachable"].value == "11.8.3-MariaDB, 4 ms"


@pytest.mark.parametrize(
    ("name", "part", "change", "status"),
    [
        ("opcache.filled", "opcache", {"scripts": 0}, "fail"),
        ("opcache.filled", "opcache", {"full": True}, "warn"),
        ("apcu.filled", "apcu", {"entries": 0}, "warn"),
        ("apcu.filled", "apcu", {"expunges": 4}, "warn"),
        ("database.reachable", "database", {"tls": ""}, "warn"),
        ("fpm.queue", "fpm", {"listen queue": 7}, "warn"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(name: str, part: str, change: dict[str, Any], status: str) -> None:
    seen = findings(**{part: {**GOOD[part], **change}})
    assert seen[name].status == status
    assert seen[name].remedy
    assert all(item.status == "ok" for other, item in seen.items() if other != name)


@pytest.mark.parametrize(("change", "words"), [({"evictions": 2}, "want of memory"), ({"get_hits": 0}, "Nothing was")])
def test_memcached_counters(change: dict[str, int], words: str) -> None:
    figures = {**GOOD["memcached"]["nodes"]["10.42.3.4:11211"], **change}
    seen = findings(memcached={"round_trip": True, "nodes": {"a": figures}})
    assert words in seen["memcached.hits"].why


def test_a_part_that_failed_says_why_without_terminal_escapes() -> None:
    seen = findings(database={"error": "SQLSTATE[HY000] [2002] \x1b]52;c;aGk=\x07Connection refused"})
    assert seen["database.reachable"].status == "fail"
    assert seen["database.reachable"].why == "SQLSTATE[HY000] [2002] Connection refused"
    assert seen["memcached.round-trip"].status == "ok"


@pytest.mark.parametrize("answer", ["", "[]", "not json", '{"error": "PHP-FPM does not answer"}'])
def test_an_unreadable_answer_fails_every_part(answer: str) -> None:
    assert {item.status for item in node.findings("web", answer)} == {"fail"}


def test_a_machine_that_cannot_be_asked_is_unknown() -> None:
    assert {item.status for item in node.unreachable("web", "no connection")} == {"unknown"}
