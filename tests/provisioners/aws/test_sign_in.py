"""Single sign-on from no token to an opened account, against a stand-in of IAM Identity Center over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore.session
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from profiles.errors import ReachError
from profiles.model import Aws as AwsWish
from profiles.model import Profile
from provisioners.aws import account
from provisioners.aws.sign_in import Portal as Where
from provisioners.aws.sign_in import portal_of
from provisioners.person import Nobody, SignIn
from provisioners.sandbox import client

from .sso_portal import Portal
from .stack import ACCOUNT, REGION

CONFIGURED = """
[profile agency]
sso_session = acme
sso_account_id = 123456789012
sso_role_name = Deploy
[sso-session acme]
sso_start_url = https://acme.awsapps.com/start
sso_region = eu-central-1
[profile old]
sso_start_url = https://acme.awsapps.com/start
sso_region = eu-central-1
sso_account_id = 123456789012
sso_role_name = Deploy
[profile by-role]
role_arn = arn:aws:iam::123456789012:role/Deploy
source_profile = agency
[profile round]
role_arn = arn:aws:iam::123456789012:role/Deploy
source_profile = round
"""


class Browser:
    """A person who confirms in a browser, or gives up."""

    present = True

    def __init__(self, *, gives_up: bool = False) -> None:
        self.shown: list[SignIn] = []
        self.gives_up = gives_up

    def code(self, prompt: str) -> str:
        raise AssertionError("no MFA here")

    @contextmanager
    def sign_in(self, waiting: SignIn) -> Iterator:
        self.shown.append(waiting)
        yield lambda: self.gives_up


@pytest.fixture
def portal(state: Path, sandbox: client.Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """A configuration that signs in here; a home of the test's own, where botocore looks for the token too."""
    operator = sandbox.target(REGION).aws.session.get_credentials()
    stand_in = Portal((operator.access_key, operator.secret_key))
    cache = str(state / ".aws" / "sso" / "cache")
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", cache)  # botocore asks for the home when it is imported
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", cache)
    for name, value in {
        "HOME": str(state),
        "AWS_CONFIG_FILE": str(state / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(state / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_ENDPOINT_URL_SSO": stand_in.url,
        "AWS_ENDPOINT_URL_SSO_OIDC": stand_in.url,
    }.items():
        monkeypatch.setenv(name, value)
    (state / "config").write_text(CONFIGURED)
    yield stand_in
    stand_in.close()


def wish(name: str) -> Profile:
    return Profile(target="aws", aws=AwsWish(region=REGION, profile=name))


def cached(state: Path) -> list[Path]:
    return sorted((state / ".aws" / "sso" / "cache").glob("*"))


@pytest.mark.parametrize(("name", "role"), [("agency", False), ("old", False), ("by-role", True)])
def test_a_profile_without_a_token_is_signed_in(portal: Portal, state: Path, name: str, role: bool) -> None:
    """Both forms of a profile, and a role that is assumed from one; the next process is signed in too."""
    portal.pending = ["AuthorizationPendingException"]
    person = Browser()
    target = account.open_aws(wish(name), person)
    assert target.account == ACCOUNT
    assert (":assumed-role/Deploy/" in target.mode_reason) is role
    assert person.shown == [
        SignIn(name, "https://acme.awsapps.com/start/#/device?user_code=ABCD-EFGH", "ABCD-EFGH", 10)
    ]
    assert portal.asked[:4] == ["/client/register", "/device_authorization", "/token", "/token"]
    assert portal.bodies[0] == {"clientName": "drucloud", "clientType": "public", "scopes": ["sso:account:access"]}
    assert portal.bodies[1]["startUrl"] == "https://acme.awsapps.com/start"
    assert len(cached(state)) == 1 and cached(state)[0].stat().st_mode & 0o077 == 0
    assert account.open_aws(wish(name), Nobody()).account == ACCOUNT


def expire(state: Path, **changed: str) -> None:
    """The token on disk ran out an hour ago."""
    path = cached(state)[0]
    token = json.loads(path.read_text())
    token["expiresAt"] = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(json.dumps({**token, **changed}))


def test_an_expired_token_is_renewed_without_the_user_while_that_works(portal: Portal, state: Path) -> None:
    """The cache holds all that botocore needs to renew it; when that is refused, the user signs in once more."""
    person = Browser()
    account.open_aws(wish("agency"), person)
    expire(state)
    account.open_aws(wish("agency"), Nobody())
    assert portal.bodies[-1]["grantType"] == "refresh_token" and len(person.shown) == 1
    expire(state)
    portal.pending = ["InvalidGrantException"]
    account.open_aws(wish("agency"), person)
    assert len(person.shown) == 2


def test_a_token_that_was_revoked_asks_again(portal: Portal) -> None:
    person = Browser()
    account.open_aws(wish("old"), person)
    portal.tokens = {"another"}
    account.open_aws(wish("old"), person)
    assert len(person.shown) == 2


def test_slow_down_is_heeded(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = []
    monkeypatch.setattr("provisioners.aws.sign_in._INTERVAL", 1)
    monkeypatch.setattr("provisioners.aws.sign_in.time.sleep", slept.append)
    moments = iter(range(100_000))  # a clock that a look moves by a second
    monkeypatch.setattr("provisioners.aws.sign_in.time.monotonic", lambda: next(moments) / 10)
    portal.pending = ["SlowDownException"]
    account.open_aws(wish("agency"), Browser())
    assert portal.asked.count("/token") == 2
    assert len(slept) > 10  # one second's worth of looks before the first question, two before the second


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("ExpiredTokenException", "Nobody confirmed the sign-in of profile 'agency' in time"),
        ("AccessDeniedException", "was refused in the browser"),
    ],
)
def test_what_did_not_come_to_a_sign_in_says_so(portal: Portal, state: Path, error: str, sentence: str) -> None:
    portal.pending = [error]
    with pytest.raises(ReachError, match=sentence):
        account.open_aws(wish("agency"), Browser())
    assert not cached(state)


def test_the_time_is_ours_to_keep_too(portal: Portal) -> None:
    portal.pending = ["AuthorizationPendingException"] * 50
    portal.expires_in = 1
    with pytest.raises(ReachError, match="in time") as caught:
        account.open_aws(wish("agency"), Browser())
    assert "aws sso login --profile agency" in caught.value.do


def test_the_user_may_give_up(portal: Portal) -> None:
    with pytest.raises(ReachError, match="You gave up signing in as profile 'agency'"):
        account.open_aws(wish("agency"), Browser(gives_up=True))
    assert "/token" not in portal.asked


def test_without_anybody_the_command_is_named_and_aws_is_not_asked(portal: Portal) -> None:
    with pytest.raises(ReachError, match="no terminal to sign in from") as caught:
        account.open_aws(wish("agency"))
    assert caught.value.do == "Run 'aws sso login --profile agency', then this command again."
    assert portal.asked == []


def test_an_unreachable_portal_is_told(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ReachError, match="Signing in to AWS: AWS could not be reached"):
        account.open_aws(wish("agency"), Browser())


@pytest.mark.usefixtures("portal")
def test_where_a_profile_signs_in() -> None:
    core = botocore.session.Session()
    acme = ("https://acme.awsapps.com/start", "eu-central-1")
    assert portal_of(core, "agency") == portal_of(core, "by-role") == Where(*acme, "acme")
    assert portal_of(core, "old") == Where(*acme)
    assert portal_of(core, "round") is None and portal_of(core, "nobody") is None
