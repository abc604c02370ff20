"""What a command imports is what it waits for: help and version load neither Textual nor boto3."""

import subprocess
import sys

import pytest

HEAVY = ("textual", "boto3", "botocore", "paramiko", "moto", "questionary", "pydantic")

PROGRAM = """
import sys
from drucloud_tui.cli import run
code = run({arguments!r})
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["replay", "--help"], ["profile", "--help"], ["completion", "zsh"]]
)
def test_nothing_heavy_is_imported(arguments):
    program = PROGRAM.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_the_plain_display_imports_no_textual():
    program = (
        "import sys, drucloud_tui.plain, drucloud_tui.jsonl, drucloud_tui.summary; assert 'textual' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
