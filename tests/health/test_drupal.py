"""Drupal's own word: the program runs Drush as it should, and what Drush says is understood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from health import director, drupal, search
from health.report import Finding, overall
from health.visit import Visit

NOW = 1_790_000_000.0
GOOD: dict[str, Any] = {
    "status": {"drupal-version": "11.2.4", "drush-version": "13.7.1", "bootstrap": "Successful"},
    "requirements": [],
    "security": [],
    "cron": {"system.cron_last": int(NOW) - 300},
    "updates": [],
    "now": NOW,
}

DRUSH = """#!/bin/sh
shift  # --no-interaction
case "$1" in
    status)
        # As Drush does: without --fields the database's password is among them.
        case "$*" in
            *password*) exit 9;;
            *--fields=*) ;;
            *) echo '{"db-password": "hush"}'; exit;;
        esac
        echo '{"drupal-version": "11.2.4", "drush-version": "13.7.1", "bootstrap": "Successful"}';;
    core:requirements) echo 'PHP Fatal error' >&2; exit 255;;
    pm:security) echo '{"drupal/core": {"name": "drupal/core", "version": "11.2.4"}}'; exit 3;;
    state:get) echo '1789999700';;
    updatedb:status) echo '[success] No database updates required.' >&2;;
esac
"""


def findings(**parts: Any) -> dict[str, Finding]:
    return {item.name: item for item in drupal.findings("web server", json.dumps({**GOOD, **parts}))}


def test_all_is_well() -> None:
    seen = findings()
    assert overall(list(seen.values())) == "ok", seen
    assert seen["drupal.cron"].value == "5 min ago"


@pytest.mark.parametrize(
    ("name", "parts", "status", "words"),
    [
        ("drupal.status", {"status": {**GOOD["status"], "bootstrap": ""}}, "fail", "does not start"),
        ("drupal.requirements", {"requirements": {"x": {"title": "Trusted hosts"}}}, "fail", "Trusted hosts"),
        ("drupal.requirements", {"requirements": {"error": "Drush ended with code 255"}}, "unknown", "13.7.1"),
        ("drupal.requirements", {"status": {**GOOD["status"], "drush-version": "13.6.2"}}, "unknown", "13.6.2"),
        ("drupal.security", {"security": {"a": {"name": "drupal/core"}}}, "fail", "drupal/core"),
        ("drupal.security", {"security": {"error": "no JSON"}}, "unknown", "not known"),
        ("drupal.cron", {"cron": int(NOW) - 7200}, "warn", "120 minutes"),
        ("drupal.cron", {"cron": None}, "warn", "never"),
        ("drupal.updates", {"updates": {"system_1": {}}}, "warn", "wait"),
    ],
)
def test_what_is_wrong_is_named(name: str, parts: dict[str, Any], status: str, words: str) -> None:
    seen = findings(**parts)
    assert seen[name].status == status
    assert words in seen[name].why
    assert {other for other, item in seen.items() if item.status != "ok"} == {name}


def test_a_drupal_7_is_asked_itself_and_told_to_be_out_of_support() -> None:
    seen = findings(status={"drupal-version": "7.105", "bootstrap": "Successful"}, security=None)
    assert {name for name, item in seen.items() if item.status != "ok"} == {"drupal.security"}
    assert seen["drupal.security"].status == "warn"
    assert "2025-01-05" in seen["drupal.security"].why


def test_what_the_deployment_has_built_and_the_site_does_not_use() -> None:
    built = {"services": ["files", "mail", "purge", "search"], "mailer": False}
    answer = json.dumps({**GOOD, "built": built, "modules": ["node", "s3fs", "search_api_solr"]})
    seen = {item.subject: item for item in drupal.findings("web", answer) if item.name == "drupal.services"}
    assert {subject: item.status for subject, item in seen.items()} == {
        "web: files": "ok", "web: mail": "warn", "web: purge": "warn", "web: search": "ok",
    }  # fmt: skip
    assert "old page" in seen["web: purge"].why and "drupal/cloudfront_purger" in seen["web: purge"].remedy
    nothing = drupal.findings("web", json.dumps({**GOOD, "built": {"services": []}, "modules": []}))
    assert not [item for item in nothing if item.name == "drupal.services"]


def test_a_site_without_drupal_has_no_findings() -> None:
    assert drupal.findings("web server", "{}") == []
    assert drupal.findings("web server", "Traceback")[0].status == "unknown"


def test_the_program_names_its_fields_and_survives_drushs_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drush = tmp_path / "vendor" / "drush" / "drush" / "drush.php"
    drush.parent.mkdir(parents=True)
    drush.write_text(DRUSH)
    php = tmp_path / "php"  # plays PHP: runs the shell script that plays Drush
    php.write_text('#!/bin/sh\nexec sh "$@"\n')
    php.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    argv = [sys.executable, "-I", "-", "", str(tmp_path)]
    ran = subprocess.run(argv, input=drupal.program(), capture_output=True, check=True)
    assert b"hush" not in ran.stdout
    seen = {item.name: item for item in drupal.findings("web server", ran.stdout.decode())}
    assert {name: item.status for name, item in seen.items()} == {
        "drupal.status": "ok", "drupal.requirements": "unknown", "drupal.security": "fail",
        "drupal.cron": seen["drupal.cron"].status, "drupal.updates": "ok",
    }  # fmt: skip
    drush.unlink()
    empty = subprocess.run(argv, input=drupal.program(), capture_output=True, check=True)
    assert json.loads(empty.stdout) == {}


TABLE = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.42.0.9:80 wlc persistent 300
  -> 10.42.0.5:80                 Masq    1      3          12
  -> 10.42.16.5:80                Masq    {weight}      0          0
"""


@pytest.mark.parametrize(
    ("text", "status", "value"),
    [
        (TABLE.format(weight=1), "ok", "10.42.0.9:80 wlc: 2 of 2"),
        (TABLE.format(weight=0), "warn", "10.42.0.9:80 wlc: 1 of 2"),
        ("TCP  10.42.0.9:80 wlc\n", "fail", "10.42.0.9:80 wlc: 0 of 2"),
        ("IP Virtual Server version 1.2.1 (size=4096)\n", "fail", "empty"),
    ],
)
def test_a_directors_table(text: str, status: str, value: str) -> None:
    (seen,) = director.findings("director server", {"table": text}, web_servers=2)
    assert (seen.status, seen.value) == (status, value)


def test_a_director_without_ipvs_says_so() -> None:
    listing = "FWM  1 wlc\n  -> 10.42.0.5:0  Masq  100  0  0\n  -> 10.42.0.6:0  Masq  0  0  0\n"
    (seen,) = director.findings("director server", {"table": listing, "ipvs": False}, 2)
    assert (seen.status, seen.value) == ("warn", "1 wlc: 1 of 2")
    assert "IPVS was not run" in seen.why


def test_a_director_that_cannot_be_asked() -> None:
    (seen,) = director.findings("director server", {"error": "FileNotFoundError: ipvsadm"}, 2)
    assert (seen.status, "ipvsadm" in seen.why) == ("unknown", True)


class Solr:
    """Answers of a Solr server, by path."""

    subject, host = "search server", "10.42.0.7:8983"

    def __init__(self, ping: Visit, documents: int = 0) -> None:
        self._ping = ping
        self._luke = Visit("", 200, {}, 0.01, json.dumps({"index": {"numDocs": documents}}).encode())

    def get(self, path: str, headers: Any = None) -> Visit:
        return self._ping if "/admin/ping" in path else self._luke

    def get_all(self, requests: Any) -> list[Visit]:
        raise NotImplementedError


PONG = Visit("", 200, {}, 0.004, b'{"status": "OK"}')


@pytest.mark.parametrize(
    ("solr", "statuses"),
    [
        (Solr(PONG, 12), ["ok", "ok"]),
        (Solr(PONG, 0), ["ok", "warn"]),
        (Solr(Visit("", 404, {}, 0.004, b"<html>")), ["fail"]),
        (Solr(Visit("", 401, {}, 0.004, b"")), ["unknown"]),
        (Solr(Visit("", error="no answer")), ["fail"]),
        (Solr(Visit("", 503, {}, 0.1, b'{"status": "DISABLED"}')), ["fail"]),
    ],
)
def test_search(solr: Solr, statuses: list[str]) -> None:
    assert [item.status for item in search.solr(solr)] == statuses
