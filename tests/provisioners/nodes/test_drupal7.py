"""What the install program of Drupal 7 decides; core itself answers on a real site only (docs/real-drupal.md)."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from provisioners.nodes import role
from tests.provisioners.nodes.test_node_programs import load

COMMIT = "c" * 40


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program on a Drupal 7 release, with all its paths in a folder of the test's."""
    made = load(role.ROLES / "web" / "install7.py")
    release = tmp_path / "releases" / COMMIT
    (release / "includes").mkdir(parents=True)
    (release / "includes/bootstrap.inc").write_text("<?php\ndefine('VERSION', '7.105');\n")
    (tmp_path / "current").symlink_to(release)
    (tmp_path / "settings.json").write_text(json.dumps({"docroot": ".", "domain": "", "deployment": "old"}))
    paths = {"SETTINGS": "settings.json", "SITE": "site.json", "CURRENT": "current", "READY": "ready"}
    for name, path in {**paths, "BEGUN": "begun", "PURGE": "purge"}.items():
        monkeypatch.setattr(made, name, tmp_path / path)
    return made


def answering(program: ModuleType, monkeypatch: pytest.MonkeyPatch, state: str, failing: str = "") -> list[Any]:
    """Let core answer; gives the list of what it is asked to do."""
    asked: list[Any] = []

    def core(self: object, action: str, told: dict[str, str] | None = None, seconds: float = 0) -> str:
        if action == "state":
            return "ready 1700000000" if [name for name, _ in asked] == ["install"] else state
        asked.append((action, told or {}))
        if action == failing:
            raise program.InstallError(f"Drupal's {action} failed: it broke")
        return f"{action} done"

    monkeypatch.setattr(program.Site, "core", core)
    return asked


def test_an_empty_database_gets_drupal_once(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(program, monkeypatch, "empty")
    assert program.main(check=True, cron=False) == 1
    assert asked == []
    assert program.main(check=False, cron=False) == 0
    assert asked == [("install", {"name": "old", "mail": "admin@example.org"})]
    assert program.PURGE.exists() and not program.BEGUN.exists()
    assert program.main(check=True, cron=False) == 0


def test_an_imported_site_is_updated(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(program, monkeypatch, "empty")
    program.main(check=False, cron=False)
    asked = answering(program, monkeypatch, "ready 1300000000")  # the dump of a site that is older than ours
    assert program.main(check=True, cron=False) == 1
    assert program.main(check=False, cron=False) == 0
    assert asked == [("update", {})]
    assert program.main(check=True, cron=False) == 0


@pytest.mark.parametrize("state", ["other", "broken"])
def test_what_is_no_whole_drupal_7_is_left_alone(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    asked = answering(program, monkeypatch, state)
    with pytest.raises(program.InstallError, match="no whole Drupal 7"):
        program.main(check=False, cron=False)
    assert asked == []
    assert not program.READY.exists()


def test_an_installation_that_was_cut_off_is_begun_again(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(program, monkeypatch, "empty", failing="install")
    with pytest.raises(program.InstallError, match="it broke"):
        program.main(check=False, cron=False)
    assert program.BEGUN.exists() and program.main(check=True, cron=False) == 1
    asked = answering(program, monkeypatch, "broken")
    assert program.main(check=False, cron=False) == 0
    assert asked[0][1]["again"] == "yes" and not program.BEGUN.exists()


def test_cron_waits_for_a_site_and_then_asks_core(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answering(program, monkeypatch, "ready 1")
    assert program.main(check=False, cron=True) == 0
    assert asked == []
    program.SITE.touch()
    assert program.main(check=False, cron=True) == 0
    assert asked == [("cron", {})]
    assert capsys.readouterr().out == "there is no site yet\ncron done\n"


@pytest.mark.parametrize("version", ["8.9.20", "6.38"])
def test_what_is_not_drupal_7_needs_nothing(program: ModuleType, version: str) -> None:
    (program.CURRENT / "includes/bootstrap.inc").write_text(f"<?php\ndefine('VERSION', '{version}');\n")
    assert program.main(check=True, cron=False) == 0
    assert not program.READY.exists()
