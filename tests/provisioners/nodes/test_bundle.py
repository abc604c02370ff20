"""Rendering: the same each time, as the golden files say, and never with a secret or a gap."""

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import jinja2
import pytest

from provisioners.nodes import bundle, role
from tests.provisioners.nodes.settings import SETTINGS

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_role_renders_as_its_golden_files(name: str) -> None:
    assert_golden(bundle.render(name, SETTINGS[name]), name)


@pytest.mark.parametrize("name", ["web", "site"])
def test_a_role_renders_as_its_golden_files_for_drupal_7(name: str) -> None:
    assert_golden(bundle.render(name, {**SETTINGS[name], "docroot": ".", "drupal": "7"}), f"{name}7")


def test_only_drupal_7_runs_another_debian() -> None:
    for name in ("web", "site", "image"):
        texts = [str(bundle.render(name, {**SETTINGS[name], "drupal": drupal}).manifest) for drupal in ("", "7")]
        assert ["8.2" in text for text in texts] == [False, True]
        assert ["8.4" in text for text in texts] == [True, False]


def assert_golden(made: bundle.Bundle, name: str) -> None:
    texts = {"manifest.json": json.dumps(made.manifest, indent=1, sort_keys=True) + "\n"}
    texts |= {path: content.decode() for path, content in made.files.items() if not _is_copied(path)}
    if os.environ.get("UPDATE_GOLDEN"):
        for path, text in texts.items():
            (GOLDEN / name / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name / path).write_text(text)
    kept = {
        str(path.relative_to(GOLDEN / name)): path.read_text() for path in (GOLDEN / name).rglob("*") if path.is_file()
    }
    assert texts == kept


def _is_copied(path: str) -> bool:
    """Programs and files that are shipped as they are need no second copy in the tests."""
    return "/usr/lib/drucloud/" in path or path.endswith(
        ("settings.php", "services.php", "static-headers.conf", "fastcgi.conf")
    )


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_equal_settings_give_equal_bytes(name: str) -> None:
    first, second = (bundle.render(name, dict(SETTINGS[name])) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()
    assert first.digest == second.digest


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_outline_is_the_rendering(name: str) -> None:
    assert bundle.outline(name) == bundle.render(name, SETTINGS[name]).steps


def test_every_role_has_settings_here() -> None:
    assert {path.name for path in role.ROLES.iterdir() if (path / "role.yaml").exists()} - {"base"} == set(SETTINGS)


def test_the_tar_holds_manifest_and_files_and_nothing_of_this_machine() -> None:
    made = bundle.render("web", SETTINGS["web"])
    with tarfile.open(fileobj=io.BytesIO(made.to_bytes())) as tar:
        members = tar.getmembers()
    assert {member.name for member in members} == {"manifest.json", *made.files}
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(0, 0, "")}


def test_what_a_template_lacks_is_an_error() -> None:
    less = {key: value for key, value in SETTINGS["web"].items() if key != "docroot"}
    with pytest.raises(jinja2.UndefinedError, match="docroot"):
        bundle.render("web", less)


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError, match="no role called varnish"):
        bundle.render("varnish", {})


@pytest.mark.parametrize(
    "step",
    [
        {"id": "a", "label": "A"},
        {"id": "a", "label": "A", "service": "x.service", "run": ["true"]},
        {"id": "a", "label": "A", "files": [{"path": "/a"}]},
        {"id": "a", "label": "A", "files": [{"path": "relative", "copy": "x"}]},
        {"id": "a", "label": "A", "pakages": ["x"]},
        {"id": "A b", "label": "A", "service": "x.service"},
        {"id": "a", "service": "x.service"},
        {"id": "a", "label": 1, "service": "x.service"},
        {"id": "a", "label": "A", "run": "true"},
        {"id": "a", "label": "A", "absent": ["relative"]},
        {"id": "a", "label": "A", "links": [{"path": "relative", "to": "x"}]},
        {"id": "a", "label": "A", "directories": [{"path": "/a", "mode": "755"}]},
        {"id": "a", "label": "A", "files": ["/a"]},
        ["id", "label"],
    ],
)
def test_a_step_that_is_not_exactly_one_thing_is_refused(step: Any) -> None:
    with pytest.raises(role.RoleError):
        role.Role.of({"purpose": "x", "steps": [step]})


def test_what_a_setting_was_rendered_into_is_checked_like_what_was_read() -> None:
    data = {"id": "a", "label": "A", "files": [{"path": "{{ path }}", "template": "x"}]}
    with pytest.raises(role.RoleError, match="path }}' is not an absolute path"):
        role.Role.of({"purpose": "x", "steps": [data]})
    data["files"] = [{"path": "/{{ path }}", "template": "x"}]
    (step,) = role.Role.of({"purpose": "x", "steps": [data]}).steps
    assert role.rendered(step, lambda text: text.replace("{{ path }}", "b")).files[0].path == "/b"
    with pytest.raises(role.RoleError, match="'b' is not an absolute path"):
        role.rendered(step, lambda text: text.replace("/{{ path }}", "b"))
