"""The documentation of the command line names every command and every exit code as they are."""

import re
from pathlib import Path

import click
import pytest

from drucloud_tui.cli import cli
from drucloud_tui.exit_codes import MEANINGS

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


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
