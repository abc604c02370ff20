"""Every way to end has its code, and what is said holds no secret."""

import errno
import io
import signal

import click
import pytest

from drucloud_tui.exit_codes import MEANINGS, ExitCode, table
from drucloud_tui.failures import handle, write_log
from drucloud_tui.signals import SignalledError
from profiles.errors import CancelledError, DrucloudError, FailedError, ProfileError, ReachError, UsageError
from provisioners.engine.redaction import redact


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FailedError("It broke."), 1),
        (DrucloudError("It broke."), 1),
        (UsageError("No such thing."), 2),
        (ProfileError("starter.yaml, line 3: key 'nmae' is not known."), 2),
        (click.UsageError("No such option: --frob"), 2),
        (click.BadParameter("not a number"), 2),
        (ReachError("AWS cannot be reached."), 3),
        (CancelledError("Nothing was changed."), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (SignalledError(signal.SIGTERM), 143),
        (SignalledError(signal.SIGHUP), 129),
        (SignalledError(signal.SIGINT), 130),
        (OSError(errno.ENOSPC, "No space left on device", "base.tar"), 1),
    ],
)
def test_exit_code_of_each_error(error, code):
    assert handle(error, io.StringIO()) == code


def test_what_and_what_to_do_are_one_line_each():
    out = io.StringIO()
    handle(ReachError("AWS refuses the credentials.", "Run 'aws sso login'."), out)
    assert out.getvalue() == "drucloud: AWS refuses the credentials.\n  Run 'aws sso login'.\n"


def test_terminal_escapes_of_foreign_text_do_not_reach_the_terminal():
    out = io.StringIO()
    handle(FailedError("bad \x1b]52;c;cm0gLXJm\x07answer\x1b[31m"), out)
    assert "\x1b" not in out.getvalue()
    assert "bad answer" in out.getvalue()


def test_a_bug_is_one_line_and_a_log_without_text_or_locals(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUCLOUD_STATE", str(tmp_path))
    out = io.StringIO()
    try:
        database_password = "hunter2hunter2"
        raise KeyError(f"password={database_password}")
    except KeyError as error:
        assert handle(error, out) == ExitCode.FAILED
    assert "hunter2" not in out.getvalue()
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log) in out.getvalue()
    text = log.read_text()
    assert "KeyError" in text
    assert "hunter2" not in text
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_said_and_does_not_hide_the_error(tmp_path, monkeypatch):
    (tmp_path / "logs").write_text("a file where the folder should be")
    monkeypatch.setenv("DRUCLOUD_STATE", str(tmp_path))
    out = io.StringIO()
    assert handle(RuntimeError("boom"), out) == ExitCode.FAILED
    assert "RuntimeError" in out.getvalue()
    assert "could not be written" in out.getvalue()


def test_chained_errors_are_redacted_too(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUCLOUD_STATE", str(tmp_path))
    try:
        try:
            raise ValueError("git clone https://me:s3cr3t@example.org/x failed")
        except ValueError as cause:
            raise RuntimeError("outer") from cause
    except RuntimeError as error:
        text = write_log(error).read_text()
    assert "s3cr3t" not in text
    assert "example.org" in text


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_redaction(secret):
    assert secret not in redact(f"call failed with {secret}, sorry")


def test_redaction_keeps_ordinary_text():
    text = "The database is in state backing-up; see /root/.local/state/drucloud/deployments/sandbox-123/engine.log."
    assert redact(text) == text


def test_every_code_has_a_meaning_and_stands_in_the_table():
    assert set(MEANINGS) == set(ExitCode)
    for code in ExitCode:
        assert f"{code.value:>5}  {MEANINGS[code]}" in table()
