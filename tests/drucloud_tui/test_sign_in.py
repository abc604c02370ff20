"""Single sign-on by the plain twin: shown on a real pseudo-terminal, refused with the command where there is none."""

import os
import subprocess
import sys

import pytest

from tests.drucloud_tui.terminal import Terminal
from tests.provisioners.aws.sso_portal import Portal

PROGRAM = """
import sys
from drucloud_tui import failures
from drucloud_tui.services import LiveServices
from profiles.store import loads
try:
    profile = loads("version: 1\\ntarget: aws\\naws: {profile: agency}\\n", source="test")
    print("OPENED", LiveServices().open_target(profile, print).account)
except BaseException as error:
    sys.exit(failures.handle(error))
"""
ARGV = [sys.executable, "-c", PROGRAM]

CONFIGURED = """
[profile agency]
sso_start_url = https://acme.awsapps.com/start
sso_region = eu-central-1
sso_account_id = 123456789012
sso_role_name = Deploy
"""


@pytest.fixture
def portal(tmp_path, monkeypatch):
    """A home whose only way into AWS is the stand-in's."""
    stand_in = Portal(("AKIAEXAMPLE", "secret"))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"):
        monkeypatch.setenv(name, stand_in.url)
    for name, value in {"HOME": tmp_path, "DRUCLOUD_STATE": tmp_path, "AWS_CONFIG_FILE": tmp_path / "config"}.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "config").write_text(CONFIGURED)
    yield stand_in
    stand_in.close()


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}])
def test_address_and_code_are_told_and_the_account_is_opened(portal, tmp_path, environ):
    portal.pending = ["AuthorizationPendingException"]
    with Terminal(ARGV, environ) as terminal:
        terminal.expect("https://acme.awsapps.com/start/#/device?user_code=ABCD-EFGH\n", 60)
        terminal.expect("Confirm only if it shows the code ABCD-EFGH.")
        terminal.expect("Signed in.", 60)
        text, code = terminal.end(60)
    assert (code, text.strip()) == (0, "OPENED 123456789012")
    kept = list((tmp_path / ".aws" / "sso" / "cache").iterdir())
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600]
    with Terminal(ARGV, {"TERM": "dumb"}) as again:
        assert again.end(60) == ("OPENED 123456789012\n", 0)


def test_ctrl_c_gives_up(portal):
    portal.pending = ["AuthorizationPendingException"] * 100
    with Terminal(ARGV) as terminal:
        terminal.expect("Ctrl+C gives up.", 60)
        terminal.ctrl_c()
        text, code = terminal.end(60)
    assert code == 130 and "Signed in" not in text


def test_a_replay_without_a_terminal_names_the_command(portal, tmp_path):
    (tmp_path / "p.yaml").write_text("version: 1\nname: shop\ntarget: aws\naws: {profile: agency}\n")
    argv = [sys.executable, "-m", "drucloud_tui", "replay", str(tmp_path / "p.yaml"), "--yes"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "there is no terminal to sign in from" in done.stderr
    assert "aws sso login --profile agency" in done.stderr
    assert portal.asked == []
