"""The program's exit codes: one table, printed by ``drucloud --help`` and by the documentation."""

from __future__ import annotations

from enum import IntEnum

from profiles.errors import CancelledError, DrucloudError, ReachError, UsageError


class ExitCode(IntEnum):
    """What the program tells the shell when it ends; a signal ends it with 128 + its number."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REACH = 3
    CANCELLED = 4
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done; for 'health': nothing has failed",
    ExitCode.FAILED: "the work failed after it had begun, or a check failed, or the output's reader went away",
    ExitCode.USAGE: "wrong command line or profile; nothing was changed",
    ExitCode.REACH: "AWS, the Git server or a machine cannot be reached or refuses the key",
    ExitCode.CANCELLED: "you said no before anything was changed",
    ExitCode.HANGUP: "the terminal went away; the engine goes on",
    ExitCode.INTERRUPTED: "Ctrl-C",
    ExitCode.TERMINATED: "terminated (SIGTERM); the engine goes on",
}
"""What each code means, in one clause."""


def of_error(error: DrucloudError) -> ExitCode:
    """The exit code of an error that is meant for a person."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, ReachError):
        return ExitCode.REACH
    if isinstance(error, CancelledError):
        return ExitCode.CANCELLED
    return ExitCode.FAILED


def table() -> str:
    """The table as aligned text lines."""
    return "\n".join(f"{code.value:>5}  {meaning}" for code, meaning in MEANINGS.items())
