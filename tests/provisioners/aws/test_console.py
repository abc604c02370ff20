"""The host key from the console: whole, newest, or nothing."""

from __future__ import annotations

import base64

import pytest

from profiles.errors import ReachError
from provisioners.aws import console

from . import test_lifecycle as cases
from .stack import Stack


def key(octet: int) -> str:
    raw = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + bytes([octet]) * 32
    return f"ssh-ed25519 {base64.b64encode(raw).decode()}"


def test_newest_whole_marker() -> None:
    text = (
        f"boot\r\nDRUCLOUD-HOSTKEY {key(1)}\r\n[ 3.1] x\r\nDRUCLOUD-HOSTKEY {key(2)}\r\nDRUCLOUD-HOSTKEY {key(3)[:40]}"
    )
    assert console.find(text) == key(2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519 AAAA",
        f"DRUCLOUD-HOSTKEY {key(1)}AAAA\n",
        f"DRUCLOUD-HOSTKEY {key(1)[:-4]}\n",
        "DRUCLOUD-HOSTKEY ssh-rsa AAAA\n",
    ],
)
def test_nothing_else_is_taken(text: str) -> None:
    assert console.find(text) == ""


def test_a_silent_console_is_given_up_with_a_sentence(stack: Stack) -> None:
    machine = stack.make("Machine", "AWS::EC2::Instance", **cases._instance(stack))["Ref"]
    with pytest.raises(ReachError, match=f"console of {machine} has not told"):
        console.host_key(stack.aws, machine, wait=0.3, poll=0.1)
