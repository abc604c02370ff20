"""The user's AWS account: whether there are credentials, whose they are, and whether they may be used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.credentials import JSONFileCache
from botocore.exceptions import BotoCoreError, ClientError

from profiles.errors import ReachError
from profiles.model import Profile
from profiles.sections import Aws as AwsWish
from provisioners.aws.errors import explain
from provisioners.aws.session import Aws
from provisioners.aws.sign_in import SIGNED_OUT, sign_in
from provisioners.foreign_text import clean_line
from provisioners.person import Nobody, Person
from provisioners.target import DirectDialer, Target

_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)

_CONFIGURED = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
)
"""Keys of a profile in AWS's configuration files from which boto3 gets credentials."""


def credentials_found() -> bool:
    """Whether environment or AWS configuration files hold credentials that boto3 would try; asks nobody.

    An EC2 machine's own role is not looked for, for that is a network call: ``target: aws`` uses it all the same.
    """
    if any(os.environ.get(name) for name in _ENVIRONMENT):
        return True
    chosen = _configured().get(os.environ.get("AWS_PROFILE", "default"), {})
    return any(key in chosen for key in _CONFIGURED)


@dataclass(frozen=True)
class Login:
    """One profile of AWS's configuration files, or the environment (without a name).

    :param how: how it gets its credentials, a few words.
    """

    name: str
    how: str


def logins_found() -> list[Login]:
    """The ways in that are configured on this machine, the environment first; asks nobody."""
    found = [Login(name, _how(name, keys)) for name, keys in sorted(_configured().items())]
    environment = [name for name in _ENVIRONMENT if os.environ.get(name)]
    return [Login("", f"environment ({environment[0]})"), *found] if environment else found


def _how(name: str, keys: Mapping[str, Any]) -> str:
    if "role_arn" in keys:
        by_way = f" by {keys['source_profile']}" if "source_profile" in keys else ""
        code = ", with MFA" if "mfa_serial" in keys else ""
        return clean_line(f"role {str(keys['role_arn']).rpartition('/')[2]}{by_way}{code}")
    if "sso_session" in keys or "sso_start_url" in keys:
        return "single sign-on"
    if "credential_process" in keys:
        return "a program of yours"
    return "access key" if "aws_access_key_id" in keys else "no credentials of its own"


def _configured() -> dict[str, dict[str, Any]]:
    # A fresh session without a profile: one that AWS_PROFILE names but no file holds is no error here.
    try:
        return dict(botocore.session.Session(profile="default").full_config.get("profiles", {}))
    except BotoCoreError as error:
        raise ReachError(f"Your AWS configuration cannot be read: {error}", "Correct ~/.aws/config.") from error


def _session(wish: AwsWish, person: Person) -> boto3.Session:
    """A session whose assumed roles ask ``person`` for MFA codes.

    A role's temporary credentials are kept where the AWS command line keeps them (``~/.aws/cli/cache``, 0600), so that
    the engine, which is a process of its own, need not ask for a code again while they are good.
    """
    core = botocore.session.Session(profile=wish.profile or None)
    roles = core.get_component("credential_provider").get_provider("assume-role")
    roles.cache = JSONFileCache(str(Path.home() / ".aws" / "cli" / "cache"))
    roles._prompter = person.code
    return boto3.Session(botocore_session=core, region_name=wish.region)


def _identified(wish: AwsWish, person: Person) -> tuple[Aws, dict[str, str]]:
    """The account behind ``wish`` and whose credentials they are, by whatever they are got from."""
    aws = Aws(_session(wish, person), wish.region)
    return aws, aws.client("sts").get_caller_identity()


def _alias(aws: Aws) -> str:
    """The account's alias; empty when it has none, or when these credentials may not ask."""
    try:
        aliases = aws.client("iam").list_account_aliases()["AccountAliases"]
    except (BotoCoreError, ClientError):  # a name to recognise the account by, never a reason to stop
        return ""
    return clean_line(str(aliases[0])) if aliases else ""


def open_aws(profile: Profile, person: Person | None = None) -> Target:
    """The account that the profile's credentials belong to; raises ``ReachError`` unless they may be used.

    ``AWS_ENDPOINT_URL`` and all else that boto3 reads from environment and configuration holds here too.

    :param person: who is asked for MFA codes and to sign in; by default nobody is there.
    """
    wish, person = profile.aws, person or Nobody()
    try:
        try:
            aws, identity = _identified(wish, person)
        except SIGNED_OUT:
            sign_in(wish.profile, person)
            aws, identity = _identified(wish, person)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise explain(error, "Asking AWS who you are") from error
    account, arn = str(identity["Account"]), str(identity["Arn"])
    if arn.endswith(":root"):
        raise ReachError(
            f"These are the root user's keys of account {account}, which drucloud refuses.",
            "Use a role or an IAM user of that account, and delete the root user's access keys.",
        )
    if wish.expected_account and account != wish.expected_account:
        raise ReachError(
            f"These credentials belong to account {account}, but {wish.expected_account} is expected.",
            "Choose another AWS profile (aws.profile), or correct aws.expected_account.",
        )
    reason = f"account {account}, {arn}"
    return Target("aws", account, wish.region, aws, DirectDialer(), "aws", reason, alias=_alias(aws))
