"""Bad input: one clear sentence, what to do, and the documented exit code; never a traceback."""

import os
import socket
import subprocess
import sys

import pytest

from tests.drucloud_tui.terminal import Terminal, drucloud


@pytest.fixture
def environ(tmp_path):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DRUCLOUD_"))}
    places = {f"DRUCLOUD_{name}": str(tmp_path / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
    return {**clean, **places, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def run(environ, *arguments, stdin=subprocess.DEVNULL):
    done = subprocess.run(drucloud(*arguments), capture_output=True, text=True, env=environ, stdin=stdin, timeout=60)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def profile(tmp_path, text):
    path = tmp_path / "mysite.yaml"
    path.write_text("version: 1\nname: mysite\n" + text)
    return str(path)


def test_unknown_key_names_file_line_and_nearest_key(environ, tmp_path):
    path = profile(tmp_path, "web:\n  instance_clas: t4g.small\n")
    code, said = run(environ, "replay", path, "--yes")
    assert code == 2
    assert "mysite.yaml" in said
    assert "4" in said
    assert "instance_clas" in said
    assert "instance_class" in said


def test_wrong_type_names_file_line_and_key(environ, tmp_path):
    code, said = run(environ, "replay", profile(tmp_path, "web:\n  volume_gib: plenty\n"), "--yes")
    assert code == 2
    assert "mysite.yaml" in said
    assert "web.volume_gib" in said
    assert "plenty" in said


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["replay", "nosuch", "--yes"], "nosuch"),
        (["replay", "starter", "--yes", "--set", "web.instance_clas=x"], "web.instance_class"),
        (["replay", "starter", "--yes", "--set", "web.volume_gib"], "KEY=VALUE"),
        (["replay", "starter", "--yes", "--set", "web.volume_gib=many"], "whole number"),
        (["replay", "starter", "--display", "fancy"], "fancy"),
        (["replay", "starter", "--display", "tui", "--yes"], "needs a terminal"),
        (["replay", "starter"], "--yes"),
        (["replay"], "PROFILE"),
        (["attach", "nosuch"], "nosuch"),
        (["resume", "nosuch", "--yes"], "nosuch"),
        (["destroy", "nosuch", "--yes"], "nosuch"),
        (["health", "nosuch", "--once"], "nosuch"),
        (["frobnicate"], "frobnicate"),
        (["--frobnicate"], "--frobnicate"),
        ([], "drucloud replay PROFILE --display plain --yes"),
    ],
)
def test_usage_errors_exit_2_and_say_what_to_do(environ, arguments, wanted):
    code, said = run(environ, *arguments)
    assert code == 2
    assert wanted in said


def test_a_file_that_is_no_yaml(environ, tmp_path):
    code, said = run(environ, "profile", "check", profile(tmp_path, "web: [\n"))
    assert code == 2
    assert "mysite.yaml" in said


def test_aws_that_cannot_be_reached(environ):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    aws = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x" * 40,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_MAX_ATTEMPTS": "1",
    }
    code, said = run({**environ, **aws}, "replay", "starter", "--target", "aws", "--yes")
    assert code == 3
    assert "AKIA" not in said


def test_no_aws_credentials(environ):
    aws = {"AWS_EC2_METADATA_DISABLED": "true"}
    code, said = run({**environ, **aws}, "plan", "starter", "--target", "aws")
    assert code == 3
    assert "credentials" in said.lower()


def test_state_folder_that_cannot_be_made(environ, tmp_path):
    (tmp_path / "file").write_text("")
    code, said = run({**environ, "DRUCLOUD_STATE": str(tmp_path / "file" / "state")}, "attach", "starter")
    assert code == 1
    assert str(tmp_path / "file") in said


def test_bare_drucloud_with_only_standard_input_redirected(environ):
    with Terminal(drucloud(), environ, stdin=subprocess.DEVNULL) as terminal:
        text, code = terminal.end()
    assert code == 2
    assert "drucloud replay PROFILE --display plain --yes" in text


def test_a_reader_that_goes_away_is_met_with_silence(environ):
    command = " ".join(drucloud("profile", "schema"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"], capture_output=True, text=True, env=environ, timeout=60
    )
    assert done.stderr == ""
    assert done.returncode in (0, 1)
