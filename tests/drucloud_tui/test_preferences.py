"""The user's config.yaml: what it may say, and how a mistake is told."""

from pathlib import Path

import pytest

from drucloud_tui import preferences
from profiles.errors import UsageError


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRUCLOUD_CONFIG", str(tmp_path))
    return tmp_path / "config.yaml"


def test_without_a_file_everything_is_the_default() -> None:
    assert preferences.load()[0].theme == "dark"


def test_theme_marks_and_keys(config: Path) -> None:
    config.write_text("theme: light\nascii: true\nkeys:\n  deploy.follow: f5\n")
    wishes, glyphs = preferences.load()
    assert (wishes.theme, dict(wishes.keys), glyphs.ascii_only) == ("light", {"deploy.follow": "f5"}, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("thme: dark", "Did you mean 'theme'?"),
        ("theme: pink", "Use one of: dark, light, terminal."),
        ("keys: {deploy.folow: x}", "Did you mean 'deploy.follow'?"),
        ("keys: [a]", "no table"),
        ("- a", "not a table"),
        ("a: [", "not YAML"),
    ],
)
def test_a_mistake_is_told(config: Path, text: str, sentence: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError, match=sentence.replace("?", "[?]").replace(".", "[.]")):
        preferences.load()
