"""What the site's install program decides; Drush itself answers on a real site only (docs/real-drupal.md)."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from provisioners.nodes import role
from tests.provisioners.nodes.test_node_programs import load

COMMIT = "c" * 40


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program on a Drupal release, with all its paths in a folder of the test's."""
    made = load(role.ROLES / "web" / "install.py")
    release = tmp_path / "releases" / COMMIT
    (release / "web/core/lib").mkdir(parents=True)
    (release / "web/core/lib/Drupal.php").touch()
    (tmp_path / "current").symlink_to(release)
    (tmp_path / "settings.json").write_text(json.dumps({"docroot": "web", "domain": "", "deployment": "starter"}))
    paths = {"SETTINGS": "settings.json", "CURRENT": "current", "READY": "ready", "BEGUN": "begun", "PURGE": "purge"}
    for name, path in paths.items():
        monkeypatch.setattr(made, name, tmp_path / path)
    return made


def answering(program: ModuleType, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], failing: str = "") -> list:
    """Let Drush answer; gives the list of what it is asked."""
    asked: list[tuple[str, ...]] = []

    def try_drush(self: object, *arguments: str, seconds: float = 0) -> tuple[int, str, str]:
        asked.append(arguments)
        if arguments[0] == failing:
            return 1, "User name: admin  User password: s3cret\n", "it broke"
        return 0, answers.get(arguments[0], ""), ""

    monkeypatch.setattr(program.Site, "try_drush", try_drush)
    return asked


def test_an_empty_database_gets_drupal_once(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(program, monkeypatch, {})
    assert program.main(check=True) == 1
    assert asked == []
    assert program.main(check=False) == 0
    assert [words[0] for words in asked] == ["status", "sql:query", "site:install", "cache:rebuild"]
    assert asked[2][1] == "standard"
    assert program.PURGE.exists() and not program.BEGUN.exists()
    assert program.main(check=True) == 0


def building(program: ModuleType, *modules: str) -> None:
    """A deployment that has built everything, and these modules in the code."""
    told = json.loads(program.SETTINGS.read_text())
    program.SETTINGS.write_text(json.dumps({**told, "services": {"files": {}, "mail": {}, "purge": {}, "search": {}}}))
    for module in modules:
        (program.CURRENT / "web/modules/contrib" / module).mkdir(parents=True)


def test_modules_for_what_was_built_are_installed_when_they_are_in_the_code(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    building(program, "s3fs", "cloudfront_purger")
    asked = answering(program, monkeypatch, {})
    program.main(check=False)
    assert asked[3:-1] == [
        ("pm:install", "s3fs"),
        ("s3fs:refresh-cache",),
        ("pm:install", "cloudfront_purger_tags,purge_processor_lateruntime,purge_processor_cron,purge_drush"),
        ("p:purger-add", "cloudfront_tags", "--if-not-exists"),
    ]


def test_a_site_that_has_files_already_does_not_get_the_bucket_by_itself(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    building(program, "s3fs", "search_api_solr")
    asked = answering(program, monkeypatch, {"status": "Successful"})
    program.main(check=False)
    assert [words for words in asked if words[0] == "pm:install"] == [("pm:install", "search_api_solr")]


def test_a_site_with_configuration_says_itself_what_is_installed(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    building(program, "search_api_solr")
    configured(program, "minimal")
    asked = answering(program, monkeypatch, {"status": "Successful"})
    program.main(check=False)
    assert "pm:install" not in [words[0] for words in asked]


def test_a_module_that_cannot_be_installed_does_not_stop_the_site(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    building(program, "search_api_solr")
    answering(program, monkeypatch, {}, failing="pm:install")
    assert program.main(check=False) == 0
    assert "without search_api_solr" in capsys.readouterr().out


def configured(program: ModuleType, profile: str) -> None:
    folder = program.CURRENT / "config/sync"
    folder.mkdir(parents=True)
    (folder / "core.extension.yml").write_text(f"module:\n  node: 0\nprofile: {profile}\n")
    (folder / "system.site.yml").write_text("langcode: en\nuuid: aaee-22\n")


def test_the_repositorys_configuration_is_installed(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(program, "minimal")
    asked = answering(program, monkeypatch, {})
    program.main(check=False)
    assert "--existing-config" in next(words for words in asked if words[0] == "site:install")


def test_a_profile_that_core_refuses_with_configuration_is_installed_first(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(program, "standard")
    folder = program.CURRENT / "web/core/profiles/standard"
    folder.mkdir(parents=True)
    (folder / "standard.install").write_text("<?php\nfunction standard_install() {\n}\n")
    asked = answering(program, monkeypatch, {})
    program.main(check=False)
    assert asked[2][:2] == ("site:install", "standard")
    assert asked[3:6] == [
        ("config:set", "system.site", "uuid", "aaee-22"),
        ("entity:delete", "shortcut_set"),
        ("config:import",),
    ]


def test_a_database_of_someone_elses_is_left_alone(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(program, monkeypatch, {"sql:query": "node"})
    with pytest.raises(program.InstallError, match="the database has tables"):
        program.main(check=False)
    assert "site:install" not in [words[0] for words in asked]
    program.BEGUN.touch()  # an installation of ours was cut off here
    assert program.main(check=False) == 0


def test_an_installed_site_is_updated(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    (program.CURRENT / "web/modules/contrib/memcache").mkdir(parents=True)
    asked = answering(program, monkeypatch, {"status": "Successful"})
    program.main(check=False)
    assert [words[0] for words in asked] == ["status", "updatedb", "pm:install", "cache:rebuild"]


def test_a_failure_is_told_without_the_password_and_tried_again(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(program, monkeypatch, {}, failing="site:install")
    with pytest.raises(program.InstallError, match="site:install failed: it broke") as caught:
        program.main(check=False)
    assert "s3cret" not in str(caught.value)
    assert program.main(check=True) == 1
    assert program.BEGUN.exists()


def test_without_drush_it_says_what_to_do(program: ModuleType) -> None:
    with pytest.raises(program.InstallError, match="require drush/drush"):
        program.main(check=False)


def test_what_is_not_drupal_needs_nothing(program: ModuleType) -> None:
    (program.CURRENT / "web/core/lib/Drupal.php").unlink()
    assert program.main(check=True) == 0
