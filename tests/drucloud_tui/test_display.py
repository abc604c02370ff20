"""The display is decided by what the terminal can do, before Textual is imported."""

import os
import subprocess
import sys
import time

import pytest

from drucloud_tui.display import Terminal, decide
from profiles.errors import UsageError
from tests.drucloud_tui.terminal import Terminal as Pty
from tests.drucloud_tui.terminal import drucloud

FULL = Terminal(stdin_is_tty=True, stderr_is_tty=True, term="xterm-256color")
PIPED_IN = Terminal(stdin_is_tty=False, stderr_is_tty=True, term="xterm-256color")
PIPED_ERR = Terminal(stdin_is_tty=True, stderr_is_tty=False, term="xterm-256color")
DUMB = Terminal(stdin_is_tty=True, stderr_is_tty=True, term="dumb")
NO_TERM = Terminal(stdin_is_tty=True, stderr_is_tty=True, term="")
CI = Terminal(stdin_is_tty=True, stderr_is_tty=True, term="xterm", ci=True)
READER = Terminal(stdin_is_tty=True, stderr_is_tty=True, term="xterm", accessible=True)


@pytest.mark.parametrize(
    ("flag", "terminal", "environ", "display"),
    [
        (None, FULL, {}, "tui"),
        ("auto", FULL, {}, "tui"),
        (None, PIPED_IN, {}, "plain"),
        (None, PIPED_ERR, {}, "plain"),
        (None, DUMB, {}, "plain"),
        (None, NO_TERM, {}, "plain"),
        (None, CI, {}, "plain"),
        (None, READER, {}, "plain"),
        ("plain", FULL, {}, "plain"),
        ("json", FULL, {}, "json"),
        ("json", PIPED_ERR, {}, "json"),
        ("tui", FULL, {}, "tui"),
        ("tui", CI, {}, "tui"),
        ("tui", READER, {}, "tui"),
        (None, FULL, {"DRUCLOUD_DISPLAY": "plain"}, "plain"),
        (None, FULL, {"DRUCLOUD_DISPLAY": "json"}, "json"),
        (None, PIPED_IN, {"DRUCLOUD_DISPLAY": "tui"}, "plain"),
        ("tui", FULL, {"DRUCLOUD_DISPLAY": "plain"}, "tui"),
        ("auto", FULL, {"DRUCLOUD_DISPLAY": "plain"}, "tui"),
        (None, FULL, {"DRUCLOUD_DISPLAY": ""}, "tui"),
    ],
)
def test_decision_table(flag, terminal, environ, display):
    assert decide(flag, terminal, environ) == display


@pytest.mark.parametrize("terminal", [PIPED_IN, PIPED_ERR, DUMB, NO_TERM])
def test_tui_by_flag_is_an_error_where_it_cannot_draw(terminal):
    with pytest.raises(UsageError, match="needs a terminal") as caught:
        decide("tui", terminal, {})
    assert "--display plain" in caught.value.do


def test_unknown_display_in_the_environment_is_an_error():
    with pytest.raises(UsageError, match="'fancy'"):
        decide(None, FULL, {"DRUCLOUD_DISPLAY": "fancy"})


@pytest.mark.parametrize(
    ("terminal", "can_ask", "simple"),
    [
        (FULL, True, False),
        (PIPED_IN, False, False),
        (PIPED_ERR, False, False),
        (DUMB, True, True),
        (READER, True, True),
        (CI, False, False),
    ],
)
def test_who_can_be_asked_and_how(terminal, can_ask, simple):
    assert (terminal.can_ask, terminal.simple) == (can_ask, simple)


@pytest.mark.parametrize(("value", "set_"), [("1", True), ("true", True), ("0", False), ("false", False), ("", False)])
def test_ci_may_be_said_not_to_be(value, set_):
    assert Terminal.here({"CI": value, "ACCESSIBLE": value}).ci is set_
    assert Terminal.here({"CI": value, "ACCESSIBLE": value}).accessible is set_


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"ACCESSIBLE": "1"}])
def test_the_wizard_asks_in_numbered_lines_where_the_cursor_cannot_move(environ, tmp_path):
    folders = {"DRUCLOUD_STATE": str(tmp_path), "DRUCLOUD_CONFIG": str(tmp_path)}
    with Pty(drucloud(), environ={**folders, **environ}) as terminal:
        said = terminal.expect("Number 1 to", seconds=60)
        assert "1. " in said
        terminal.ctrl_c()
        rest, code = terminal.end(60)
        assert code == 130
        assert "\x1b" not in said + rest


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_crash(closed, tmp_path):
    folders = {"DRUCLOUD_STATE": str(tmp_path), "DRUCLOUD_CONFIG": str(tmp_path)}
    command = f"{sys.executable} -m drucloud_tui profile list {closed}"
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, **folders}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_wizard_draws_with_standard_output_closed(tmp_path):
    folders = {"DRUCLOUD_STATE": str(tmp_path), "DRUCLOUD_CONFIG": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    with Pty(["sh", "-c", f"exec {sys.executable} -m drucloud_tui >&-"], environ=folders) as terminal:
        terminal.expect("Express: starter", seconds=90)
        terminal.send("\x03\x03")
        _, code = terminal.end(60)
        assert code == 130


@pytest.mark.parametrize(("command", "environ"), [
    ("exec {} -m drucloud_tui", {"COLUMNS": "80", "LINES": "24"}),
    ("exec {} -m drucloud_tui >/dev/null", {}),
])  # fmt: skip
def test_the_terminal_tells_its_size_whatever_stands_in_between(command, environ, tmp_path):
    """A page that kept the size of COLUMNS and LINES stayed where the sentence belongs."""
    folders = {"DRUCLOUD_STATE": str(tmp_path), "DRUCLOUD_CONFIG": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    argv = ["sh", "-c", command.format(sys.executable)]
    with Pty(argv, environ={**folders, **environ}, size=(30, 100)) as terminal:
        terminal.expect("Express: starter", seconds=90)
        terminal.resize(12, 50)
        terminal.expect("needs at least 60 columns and 18 rows.", seconds=60)
        terminal.resize(30, 100)
        terminal.expect("Express: starter", seconds=60)
        terminal.send("\x03\x03")
        assert terminal.end(60)[1] == 130


@pytest.mark.parametrize("unread", [0, 100])
def test_a_closed_window_ends_the_wizard(unread, tmp_path, monkeypatch):
    """Also when it was in the middle of drawing: nobody reads while ``unread`` sizes are drawn."""
    for name in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"DRUCLOUD_{name}", str(tmp_path / name))
    with Pty(drucloud()) as terminal:
        terminal.expect("starter", 60)
        for number in range(unread):
            terminal.resize(24 + number % 30, 80 + number % 50)
            time.sleep(0.05)
        terminal.hang_up()
        assert terminal.process.wait(60) == 129
