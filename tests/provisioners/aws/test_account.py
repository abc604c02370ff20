"""Credentials: found without asking anybody, refused with one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.errors import ReachError
from profiles.model import Aws as AwsWish
from profiles.model import Profile
from provisioners.aws import account
from provisioners.person import Nobody
from provisioners.sandbox import client

from .stack import ACCOUNT, REGION


@pytest.fixture(autouse=True)
def own_files(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configuration files of the test's own, and no way to an EC2 machine's role."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(state / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(state / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return state


@pytest.fixture
def keys(sandbox: client.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's operator, as the environment gives it."""
    session = sandbox.target(REGION).aws.session.get_credentials()
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session.secret_key)


def profile(**aws: str) -> Profile:
    return Profile(target="aws", aws=AwsWish(region=REGION, **aws))


def test_none() -> None:
    assert not account.credentials_found() and account.logins_found() == []
    with pytest.raises(ReachError, match=r"No AWS credentials were found\."):
        account.open_aws(profile())


def test_found_in_files(own_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_files / "config").write_text("[default]\nregion = x\n[profile work]\nsso_session = w\n")
    assert not account.credentials_found() and [login.name for login in account.logins_found()] == ["default", "work"]
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert account.credentials_found()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert not account.credentials_found()
    (own_files / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.delenv("AWS_PROFILE")
    assert account.credentials_found()


@pytest.mark.usefixtures("keys")
def test_opened(sandbox: client.Sandbox) -> None:
    target = account.open_aws(profile(expected_account=ACCOUNT))
    assert (target.name, target.account, target.region, target.mode) == ("aws", ACCOUNT, REGION, "aws")
    assert account.credentials_found()


@pytest.mark.usefixtures("keys")
def test_another_account_than_expected() -> None:
    with pytest.raises(ReachError, match="belong to account 123456789012, but 999999999999 is expected"):
        account.open_aws(profile(expected_account="999999999999"))


@pytest.mark.usefixtures("keys")
def test_wrong_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ReachError, match=r"AWS does not accept the credentials \(SignatureDoesNotMatch\)"):
        account.open_aws(profile())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    with pytest.raises(ReachError, match=r"AWS does not accept the credentials \(InvalidClientTokenId\)"):
        account.open_aws(profile())


def test_profile_that_is_not_there() -> None:
    with pytest.raises(ReachError, match="no profile of that name"):
        account.open_aws(profile(profile="nobody"))


@pytest.mark.usefixtures("keys")
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("provisioners.aws.session.READING", account_without_retries())
    with pytest.raises(ReachError, match="could not be reached"):
        account.open_aws(profile())


def account_without_retries() -> object:
    from provisioners.aws.session import CREATING

    return CREATING


@pytest.mark.usefixtures("keys")
def test_root_is_refused(sandbox: client.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Root:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}

    monkeypatch.setattr("provisioners.aws.session.Aws.client", lambda self, service: Root())
    with pytest.raises(ReachError, match="root user"):
        account.open_aws(profile())


CONFIGURED = """
[default]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
[profile agency]
sso_start_url = https://agency.example/start
[profile deploy]
role_arn = arn:aws:iam::123456789012:role/Deploy
source_profile = default
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile tool]
credential_process = /bin/true
"""


@pytest.fixture
def configured(own_files: Path, sandbox: client.Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with every way in; the home is the test's own, for temporary credentials are kept there."""
    operator = sandbox.target(REGION).aws.session.get_credentials()
    text = CONFIGURED.format(key=operator.access_key, secret=operator.secret_key)
    (own_files / "config").write_text(text)
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
    monkeypatch.setenv("HOME", str(own_files))
    return own_files


@pytest.mark.usefixtures("configured")
def test_each_way_in_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {login.name: login.how for login in account.logins_found()} == {
        "agency": "single sign-on",
        "default": "access key",
        "deploy": "role Deploy by default, with MFA",
        "tool": "a program of yours",
    }
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    assert account.logins_found()[0] == account.Login("", "environment (AWS_ACCESS_KEY_ID)")


def test_a_role_is_assumed_with_a_code_that_is_asked_for_once(configured: Path) -> None:
    asked = []

    class Owner(Nobody):
        def code(self, prompt: str) -> str:  # type: ignore[override]
            asked.append(prompt)
            return "123456"

    first = account.open_aws(profile(profile="deploy"), Owner())
    assert "arn:aws:iam::123456789012:mfa/me" in asked[0]
    assert ":assumed-role/Deploy/" in first.mode_reason
    again = account.open_aws(profile(profile="deploy"))  # the engine: another process with nobody to ask
    assert ":assumed-role/Deploy/" in again.mode_reason and len(asked) == 1
    kept = list((configured / ".aws" / "cli" / "cache").iterdir())
    assert len(kept) == 1 and kept[0].stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("configured")
def test_without_anybody_to_ask_a_role_says_so() -> None:
    with pytest.raises(ReachError, match="asks for an MFA code, and there is no terminal"):
        account.open_aws(profile(profile="deploy"))


@pytest.mark.usefixtures("keys")
def test_the_alias_is_told_and_its_absence_is_no_obstacle(sandbox: client.Sandbox) -> None:
    assert account.open_aws(profile()).alias == ""
    iam = sandbox.target(REGION).aws.client("iam")
    iam.create_account_alias(AccountAlias="acme-prod")
    try:
        assert account.open_aws(profile()).alias == "acme-prod"
    finally:
        iam.delete_account_alias(AccountAlias="acme-prod")
