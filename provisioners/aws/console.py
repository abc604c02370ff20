"""A machine's host key, read from its console before anyone connects to it.

Our user data prints one marker line (``DRUCLOUD-HOSTKEY ssh-ed25519 AAAA…``) to the console, which only the account's
owner can read: so the first SSH connection already knows whom it talks to.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Any

from botocore.exceptions import ClientError

from profiles.errors import ReachError
from provisioners.aws.errors import code
from provisioners.aws.session import Aws

_MARKER = re.compile(r"DRUCLOUD-HOSTKEY (ssh-ed25519) ([A-Za-z0-9+/]+={0,2})(?:\s|$)")
_NAME = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
_LENGTH = len(_NAME) + 32
"""An Ed25519 key on the wire: its name and its 32 octets, each with its length before it (RFC 8709)."""

POLL_SECONDS = 5.0


def host_key(aws: Aws, instance_id: str, wait: float, poll: float = POLL_SECONDS) -> str:
    """The machine's public host key (``ssh-ed25519 AAAA…``).

    :param wait: seconds until it is given up (real consoles lag by minutes); asked at least once.
    :raises ReachError: the marker did not appear in time.
    """
    until = time.monotonic() + wait
    while True:
        found = find(_output(aws.client("ec2"), instance_id))
        if found:
            return found
        if time.monotonic() + poll > until:
            raise ReachError(
                f"The console of {instance_id} has not told the machine's host key within {wait:.0f} seconds.",
                "Look at the instance's system log in EC2: the machine may not have booted. Then resume.",
            )
        time.sleep(poll)


def find(text: str) -> str:
    """The host key of the last whole marker in ``text`` (the newest boot's), or the empty string."""
    keys = [f"{kind} {blob}" for kind, blob in _MARKER.findall(text) if _is_key(blob)]
    return keys[-1] if keys else ""


def _is_key(blob: str) -> bool:
    """Whether the line was read whole: a console that is cut in the middle must not pin half a key."""
    try:
        raw = base64.b64decode(blob, validate=True)
    except (ValueError, binascii.Error):
        return False
    return raw.startswith(_NAME) and len(raw) == _LENGTH


def _output(client: Any, instance_id: str) -> str:
    """What the console shows now; machines that are not Nitro only give what EC2 took down some time ago."""
    try:
        answer = client.get_console_output(InstanceId=instance_id, Latest=True)
    except ClientError as error:
        if code(error) != "UnsupportedOperation":
            raise
        answer = client.get_console_output(InstanceId=instance_id)
    return str(answer.get("Output") or "")
