"""The way in: port 22 of the admin node, open for the operator's own address and only while it is needed.

The rule carries a tag of its own that names the process which opened it. It is taken away when the last user in that
process leaves, and what a killed process left is taken over by the next one on the same machine or closed on resume.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from profiles.errors import ReachError
from provisioners.aws.ec2_security import authorize, revoke, rules_of
from provisioners.aws.errors import classify
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict
from provisioners.target import Target

TAG = "drucloud:entrance"
"""On the rule: ``host:pid`` of the process that opened it."""

SSH_PORT = 22

WHO_AM_I = "https://checkip.amazonaws.com"
"""AWS's own service that answers with the caller's public address."""

ADDRESS_VARIABLE = "DRUCLOUD_OPERATOR_ADDRESS"
"""Overrides what that service says, for networks whose way to EC2 is another one (a VPN, several exits)."""

SANDBOX_ADDRESS = "127.0.0.1"
"""In the sandbox the operator is this very machine."""

_lock = threading.Lock()
_users: Counter[tuple[str, str]] = Counter()
"""How many in this process use the entrance of a group (endpoint, group id)."""
_opened: dict[tuple[str, str], str] = {}
"""The rules this process has to take away."""


@contextmanager
def open_entrance(target: Target, security_group_id: str) -> Iterator[None]:
    """Port 22 of the group is open for the operator's address inside this block."""
    key = (target.aws.endpoint_url, security_group_id)
    with _lock:
        if _users[key] == 0:
            rule = _open(target.aws, security_group_id, f"{operator_address(target)}/32")
            if rule:
                _opened[key] = rule
        _users[key] += 1
    try:
        yield
    finally:
        with _lock:
            _users[key] -= 1
            if _users[key] == 0 and (rule := _opened.pop(key, "")):
                _close(target.aws, security_group_id, [rule])


def close_leftovers(target: Target, security_group_id: str) -> int:
    """Close every entrance of the group that no living process of this machine uses; how many there were."""
    with _lock:
        left = [
            str(row["SecurityGroupRuleId"])
            for row in _entrances(target.aws, security_group_id)
            if not _is_alive_here(as_dict(row["Tags"])[TAG])
        ]
        if left:
            _close(target.aws, security_group_id, left)
    return len(left)


def operator_address(target: Target) -> str:
    """The operator's public IPv4 address as EC2 sees it; raises ``ReachError`` when it cannot be learnt."""
    if target.name == "sandbox":
        return SANDBOX_ADDRESS
    said = os.environ.get(ADDRESS_VARIABLE) or _ask_for_address()
    try:
        address = ipaddress.IPv4Address(said.strip())
    except ValueError:
        address = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - not an address to bind to; it fails the test below
    if not address.is_global:
        raise ReachError(
            "Your public IPv4 address could not be learnt, so the admin node cannot be opened for it.",
            f"Set {ADDRESS_VARIABLE} to the address from which this machine reaches the Internet.",
        )
    return str(address)


def _ask_for_address() -> str:
    try:
        with urllib.request.urlopen(WHO_AM_I, timeout=10) as answer:
            return str(answer.read(64).decode("ascii", "replace"))
    except (urllib.error.URLError, OSError):
        return ""


def _open(aws: Aws, group: str, cidr: str) -> str:
    """The id of the rule that this process now owns; empty where another living process has opened it."""
    rule = {"IpProtocol": "tcp", "FromPort": SSH_PORT, "ToPort": SSH_PORT}
    ranges = [{"CidrIp": cidr, "Description": "drucloud: operator, for this command only"}]
    tags = [{"Key": TAG, "Value": _process()}]
    specification = [{"ResourceType": "security-group-rule", "Tags": tags}]
    try:
        (made,) = authorize(aws, "ingress", group, [{**rule, "IpRanges": ranges}], specification)
    except ClientError as error:
        if classify(error) != "exists":
            raise
        return _take_over(aws, group, cidr)
    return made


def _take_over(aws: Aws, group: str, cidr: str) -> str:
    for row in _entrances(aws, group):
        owner = as_dict(row["Tags"])[TAG]
        if row.get("CidrIpv4") == cidr and (owner == _process() or _is_dead(owner)):
            return str(row["SecurityGroupRuleId"])
    return ""


def _entrances(aws: Aws, group: str) -> list[dict[str, Any]]:
    return [row for row in rules_of(aws, group) if TAG in as_dict(row.get("Tags", ()))]


def _close(aws: Aws, group: str, rules: list[str]) -> None:
    try:
        revoke(aws, "ingress", group, rules)
    except ClientError as error:
        if classify(error) != "gone":
            raise


def _process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_here(owner: str) -> bool:
    return owner.rpartition(":")[0] == socket.gethostname()


def _is_dead(owner: str) -> bool:
    """Whether it is a process of this machine that has ended; of other machines nobody knows."""
    return _is_here(owner) and not _is_alive_here(owner)


def _is_alive_here(owner: str) -> bool:
    pid = owner.rpartition(":")[2]
    if not _is_here(owner) or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process: it lives
    return True
