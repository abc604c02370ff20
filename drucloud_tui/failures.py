"""The single handler at the top: what happened, what to do, where the log is, and the exit code.

An error that is meant for a person (:class:`profiles.errors.DrucloudError`) is two sentences. Anything else is a bug:
the terminal gets its type and place, never its text or its locals; the traceback goes, redacted, to a log file.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import TextIO

import click

from drucloud_tui.exit_codes import ExitCode, of_error
from drucloud_tui.signals import SignalledError
from profiles.errors import DrucloudError
from profiles.places import state_root
from provisioners.engine.redaction import redact
from provisioners.foreign_text import clean, clean_line

_DISK = {
    errno.ENOSPC: "Make room there and run the command again.",
    errno.EDQUOT: "Make room in your quota and run the command again.",
    errno.EACCES: "Give yourself access, or set DRUCLOUD_STATE, DRUCLOUD_CONFIG or DRUCLOUD_CACHE to other folders.",
    errno.EROFS: "Set DRUCLOUD_STATE, DRUCLOUD_CONFIG or DRUCLOUD_CACHE to folders that can be written.",
}
"""Advice for the troubles of a disk, which are the operator's to solve and no bugs."""


def handle(error: BaseException, out: TextIO | None = None) -> ExitCode:
    """Say what happened on ``out`` (standard error) and give the exit code."""
    out = sys.stderr if out is None else out
    match error:
        case DrucloudError():
            _say(out, error.what, error.do)
            return of_error(error)
        case click.UsageError():
            _say(out, *_usage(error))
            return ExitCode.USAGE
        case click.ClickException():
            _say(out, error.format_message())
            return ExitCode.USAGE
        case SignalledError():
            return ExitCode(128 + error.signum)
        case KeyboardInterrupt() | click.Abort():
            _say(out, "Stopped by Ctrl-C.")
            return ExitCode(128 + signal.SIGINT)
        case OSError() if error.errno in _DISK and error.filename:
            _say(out, f"{error.filename}: {error.strerror}.", _DISK[error.errno])
            return ExitCode.FAILED
    return _unexpected(error, out)


def _say(out: TextIO, what: str, do: str = "") -> None:
    """One sentence a line; text from outside loses its control characters."""
    print(f"drucloud: {clean(redact(what))}", file=out)
    if do:
        print(f"  {clean(redact(do))}", file=out)
    out.flush()


def _usage(error: click.UsageError) -> tuple[str, str]:
    message = error.format_message()
    path = error.ctx.command_path if error.ctx else "drucloud"
    return message, f"See '{path} --help'."


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _unexpected(error: BaseException, out: TextIO) -> ExitCode:
    kind = type(error).__name__
    what = f"Something failed inside drucloud that should not have ({kind} at {_place(error.__traceback__)})."
    try:
        log = write_log(error)
    except (OSError, DrucloudError) as trouble:
        _say(out, what, f"Its log could not be written: {clean_line(str(trouble))}.")
        return ExitCode.FAILED
    _say(out, what, f"This is a bug: please report it with the log {log}.")
    return ExitCode.FAILED


def write_log(error: BaseException) -> Path:
    """The traceback of ``error``, redacted and without locals, in a new 0600 file; returns its path."""
    folder = state_root() / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = redact("".join(traceback.format_exception(error)))
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
    return path
