"""What only a person can answer while an account is being opened, as one object that each front end gives.

Light: the screens give one too, and are drawn before boto3 is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from profiles.errors import ReachError

GivenUp = Callable[[], bool]
"""Whether the person no longer wants what is being waited for; asked a few times a second."""


@dataclass(frozen=True)
class SignIn:
    """A sign-in that waits to be confirmed in a browser.

    :param profile: the AWS profile it is for; empty: the usual one.
    :param url: the address to open, from AWS, cleaned.
    :param code: what the page shows, or asks for, so that nobody confirms somebody else's sign-in.
    """

    profile: str
    url: str
    code: str
    minutes: int


class Person(Protocol):
    """Who is asked, from the thread that opens the account; ``ReachError`` where no answer is to be had."""

    @property
    def present(self) -> bool:
        """Whether a question would reach anybody."""
        ...

    def code(self, prompt: str) -> str:
        """A code of an MFA device that ``prompt`` names."""
        ...

    def sign_in(self, waiting: SignIn) -> AbstractContextManager[GivenUp]:
        """Show where to sign in for as long as the context lasts."""
        ...


class Nobody:
    """The :class:`Person` of a process without a terminal: says what to do beforehand."""

    present = False

    def code(self, prompt: str) -> NoReturn:
        """There is no code."""
        raise ReachError(
            "The AWS role asks for an MFA code, and there is no terminal to ask you in.",
            "Run the command in a terminal; a code lets drucloud in for as long as the role's session lasts.",
        )

    def sign_in(self, waiting: SignIn) -> NoReturn:
        """There is no browser."""
        raise signed_out(waiting.profile)


def signed_out(profile: str) -> ReachError:
    """Somebody must sign in, and cannot here."""
    return ReachError(
        f"The AWS single sign-on of {named(profile)} has run out, and there is no terminal to sign in from.",
        f"Run '{login_command(profile)}', then this command again.",
    )


def named(profile: str) -> str:
    """An AWS profile in a sentence."""
    return f"profile '{profile}'" if profile else "the default profile"


def login_command(profile: str) -> str:
    """What signs ``profile`` in by AWS's own command line."""
    return f"aws sso login --profile {profile}" if profile else "aws sso login"
