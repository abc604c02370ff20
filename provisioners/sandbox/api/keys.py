"""Access keys of the sandbox: whose they are, and the secret that goes with them.

moto's own IAM and STS hold them, so that ``GetCallerIdentity`` and the tagging of sessions follow: the operator is an
IAM user made at the start, a machine's key is a session of its instance role, and both kinds can be made through the
API as well.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from provisioners.sandbox.api.world import ACCOUNT, PARTITION

OPERATOR = "drucloud-operator"
"""Name of the IAM user whose key the wizard is given."""

_SESSION_SECONDS = 6 * 3600
"""Life of a role's credentials as EC2 hands them out (docs: IAM roles for Amazon EC2)."""
_RENEW_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True)
class AccessKey:
    """One key. ``session_token`` is empty for a user's key, ``expires`` is ``None`` then."""

    id: str
    secret: str
    session_token: str = ""
    expires: datetime | None = None

    def __repr__(self) -> str:
        return f"AccessKey({self.id})"


def make_operator() -> AccessKey:
    """Make the operator and its key; called once, at the start."""
    iam = iam_backends[ACCOUNT][PARTITION]
    iam.create_user(region_name="us-east-1", user_name=OPERATOR)
    key = iam.create_access_key(OPERATOR)
    key.secret_access_key = secrets.token_urlsafe(30)
    return AccessKey(key.access_key_id, key.secret_access_key)


def find(key_id: str) -> AccessKey | None:
    """The key called ``key_id``; ``None`` if AWS would not know it or holds it inactive."""
    session = sts_backends[ACCOUNT][PARTITION].get_assumed_role_from_access_key(key_id)
    if session is not None:
        return AccessKey(key_id, session.secret_access_key, session.session_token, session.expiration)
    for user in iam_backends[ACCOUNT][PARTITION].users.values():
        for key in user.access_keys:
            if key.access_key_id == key_id and key.status == "Active":
                return AccessKey(key_id, key.secret_access_key)
    return None


def role_session(role_arn: str, instance_id: str, region: str) -> AccessKey:
    """Credentials of an instance's role, the same ones until shortly before they expire."""
    sts = sts_backends[ACCOUNT][PARTITION]
    now = utcnow()
    sts.assumed_roles = [session for session in sts.assumed_roles if session.expiration > now]
    for session in sts.assumed_roles:
        if (session.role_arn, session.session_name) == (role_arn, instance_id) and (
            session.expiration > now + _RENEW_BEFORE
        ):
            return _session_key(session)
    session = sts.assume_role(
        region_name=region,
        role_session_name=instance_id,
        role_arn=role_arn,
        policy="",
        duration=_SESSION_SECONDS,
        external_id="",
    )
    session.secret_access_key = session.access_key.secret_access_key = secrets.token_urlsafe(30)
    session.session_token = secrets.token_urlsafe(96)
    return _session_key(session)


def _session_key(session: Any) -> AccessKey:
    return AccessKey(session.access_key_id, session.secret_access_key, session.session_token, session.expiration)
