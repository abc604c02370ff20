"""The documentation names every command, every exit code and every test of the checklist as they are."""

import re
from pathlib import Path

import click
import pytest

from drucloud_tui.cli import cli
from drucloud_tui.exit_codes import MEANINGS

TESTS = Path(__file__).resolve().parents[1]
CHECKLIST = TESTS.parent / "docs" / "wizard-checklist.md"
DOCS = (TESTS.parent / "docs" / "commands.md").read_text(encoding="utf-8")


def test_exit_codes_are_documented_exactly():
    documented = dict(re.findall(r"^\| (\d+) \| (.*) \|$", DOCS, re.MULTILINE))
    assert documented == {str(code.value): meaning for code, meaning in MEANINGS.items()}


def commands(group, path="drucloud"):
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), list(commands(cli)))
def test_every_command_has_help_and_an_example(path, command):
    assert command.help
    assert f"\n  {path}" in command.epilog


def test_every_command_is_documented():
    for name, command in cli.commands.items():
        assert f"`drucloud {name}" in DOCS
        for below in getattr(command, "commands", {}):
            assert re.search(rf"`drucloud {name} [a-z|\\]*\b{below}\b", DOCS)


def test_every_item_of_the_checklist_names_tests_that_are_there():
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", CHECKLIST.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 45))
    for number, tests in rows:
        for named in tests.split("; "):
            file, *words = re.split(r",? ", named)
            if file.startswith("bench/"):
                assert (TESTS.parent / file).is_file()
                continue
            names = re.findall(r"^(?:async )?def (test_\w+)", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE)
            assert words, f"{number}: {file} without a test"
            for word in words:
                assert any(word in name for name in names), f"{number}: no test of {file} is named {word}"
