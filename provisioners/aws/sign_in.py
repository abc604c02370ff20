"""Single sign-on (IAM Identity Center): the device authorization of RFC 8628, as ``aws sso login --use-device-code``.

drucloud registers as a public client, shows an address and a code, and asks for the token until the user has confirmed
it in a browser. The token is kept where botocore and AWS's command line look for it (``~/.aws/sso/cache``, 0600), so
that the engine, which is another process, and every other tool are signed in too.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import JSONFileCache
from botocore.exceptions import BotoCoreError, ClientError, SSOError, TokenRetrievalError

from profiles.errors import ReachError
from provisioners.aws.errors import explain
from provisioners.foreign_text import clean_line
from provisioners.person import GivenUp, Person, SignIn, login_command, named, signed_out

SIGNED_OUT = (SSOError, TokenRetrievalError)
"""What botocore raises when the token is missing, has expired and cannot be renewed, or was revoked."""

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SCOPE = "sso:account:access"
"""What AWS's command line asks for: with it comes a refresh token, which botocore renews the token by."""

_INTERVAL = 5
"""Seconds between two questions for the token when AWS does not say (RFC 8628 §3.2), and what is added for each
``slow_down`` (§3.5)."""

_LOOK = 0.1
"""Seconds between two looks at whether the user has given up."""


@dataclass(frozen=True)
class Portal:
    """Where a profile signs in.

    :param session: name of its ``[sso-session]`` section; empty for the older form without one.
    """

    start_url: str
    region: str
    session: str = ""

    @property
    def cache_key(self) -> str:
        """The token's name in the cache (botocore's ``SSOTokenLoader``)."""
        return hashlib.sha1((self.session or self.start_url).encode(), usedforsecurity=False).hexdigest()


def portal_of(core: botocore.session.Session, profile: str) -> Portal | None:
    """Where ``profile``, or the profile that its role is assumed from, signs in; ``None`` if it does not."""
    profiles = core.full_config.get("profiles", {})
    sessions = core.full_config.get("sso_sessions", {})
    looked_at: set[str] = set()
    while profile in profiles and profile not in looked_at:
        looked_at.add(profile)
        keys = profiles[profile]
        session = str(keys.get("sso_session", ""))
        found = {**sessions.get(session, {}), **keys}
        if "sso_start_url" in found and "sso_region" in found:
            return Portal(str(found["sso_start_url"]), str(found["sso_region"]), session)
        profile = str(keys.get("source_profile", ""))
    return None


def sign_in(wish: str, person: Person) -> None:
    """Sign the AWS profile ``wish`` (empty: the usual one) in; raises ``ReachError`` unless it comes to that."""
    if not person.present:  # before anything is asked of AWS
        raise signed_out(wish)
    core = botocore.session.Session(profile=wish or None)
    portal = portal_of(core, wish or core.get_config_variable("profile") or "default")
    if portal is None:
        raise ReachError(f"The AWS sign-in of {named(wish)} has run out.", f"Run '{login_command(wish)}'.")
    client = core.create_client("sso-oidc", region_name=portal.region, config=Config(signature_version=UNSIGNED))
    try:
        token = _authorized(client, portal, wish, person)
    except (BotoCoreError, ClientError) as error:
        raise explain(error, "Signing in to AWS") from error
    keep(portal, token)


def keep(portal: Portal, token: dict[str, Any]) -> None:
    """Write the token where botocore reads it, in a file that only its owner can read."""
    folder = Path.home() / ".aws" / "sso" / "cache"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    JSONFileCache(str(folder))[portal.cache_key] = token  # written beside it by mkstemp (0600), then put in place


def _authorized(client: Any, portal: Portal, profile: str, person: Person) -> dict[str, Any]:
    """Register, have the user confirm, and give the token as botocore keeps it (``botocore.tokens``)."""
    own = client.register_client(clientName="drucloud", clientType="public", scopes=[_SCOPE])
    credentials = {"clientId": own["clientId"], "clientSecret": own["clientSecret"]}
    device = client.start_device_authorization(**credentials, startUrl=portal.start_url)
    seconds = int(device["expiresIn"])
    shown = SignIn(
        profile,
        clean_line(device.get("verificationUriComplete") or device["verificationUri"]),
        clean_line(device["userCode"]),
        max(1, seconds // 60),
    )
    with person.sign_in(shown) as given_up:
        wait = _Waiting(given_up, int(device.get("interval") or _INTERVAL), time.monotonic() + seconds, profile)
        answer = wait.for_token(client, {**credentials, "deviceCode": device["deviceCode"], "grantType": _GRANT})
    token = {
        "startUrl": portal.start_url,
        "region": portal.region,
        "accessToken": answer["accessToken"],
        "expiresAt": _written(datetime.now(UTC) + timedelta(seconds=int(answer["expiresIn"]))),
        **credentials,
        "registrationExpiresAt": _written(datetime.fromtimestamp(int(own["clientSecretExpiresAt"]), UTC)),
    }
    return {**token, "refreshToken": answer["refreshToken"]} if "refreshToken" in answer else token


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class _Waiting:
    """For the user to confirm."""

    given_up: GivenUp
    interval: float
    end: float
    profile: str

    def for_token(self, client: Any, request: dict[str, str]) -> dict[str, Any]:
        """Ask for the token until there is one."""
        while True:
            self._rest()
            try:
                return dict(client.create_token(**request))
            except client.exceptions.AuthorizationPendingException:
                continue
            except client.exceptions.SlowDownException:
                self.interval += _INTERVAL
            except client.exceptions.ExpiredTokenException as error:
                raise self._too_late() from error
            except client.exceptions.AccessDeniedException as error:
                raise ReachError(
                    f"The sign-in of {named(self.profile)} was refused in the browser.",
                    "Confirm it there, or choose another AWS profile.",
                ) from error

    def _rest(self) -> None:
        until = time.monotonic() + self.interval
        while time.monotonic() < until:
            if self.given_up():
                raise ReachError(
                    f"You gave up signing in as {named(self.profile)}.",
                    "Choose another AWS profile, or go on to be asked again.",
                )
            if time.monotonic() > self.end:
                raise self._too_late()
            time.sleep(_LOOK)

    def _too_late(self) -> ReachError:
        return ReachError(
            f"Nobody confirmed the sign-in of {named(self.profile)} in time.",
            f"Try again, or run '{login_command(self.profile)}' first.",
        )
