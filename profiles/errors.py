"""Errors a user can act on: one sentence that says what happened, one that says what to do.

Every error that is meant for a person derives from :class:`DrucloudError`. The program's single handler
(``drucloud_tui``) prints ``what``, then ``do``, and exits with the code of the error's class. Anything else that
escapes is a bug and is reported as one.
"""

from __future__ import annotations


class DrucloudError(Exception):
    """Something a person can act on.

    :param what: what happened, one sentence, no trailing newline, never holding a secret.
    :param do: what to do about it, one sentence; may be empty where ``what`` already says it.
    """

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        """``what`` and ``do`` as one line."""
        return f"{self.what} {self.do}".strip()


class UsageError(DrucloudError):
    """The command was given something it cannot take (exit code 2)."""


class ProfileError(UsageError):
    """A profile is not valid: names file, line, key and the nearest valid key (exit code 2)."""


class ReachError(DrucloudError):
    """AWS, a Git server or a machine could not be reached or did not accept us (exit code 3)."""


class CancelledError(DrucloudError):
    """The user said no before anything was changed (exit code 4)."""


class FailedError(DrucloudError):
    """The work itself failed after it had begun (exit code 1)."""
