"""Whether the deploy key can read the site's repository, found out without Git: paramiko speaks git-upload-pack.

Each thing that can be wrong has its own sentence: not reached, host key unknown (shown for confirmation), host key
changed, key refused, repository missing, branch missing.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from profiles.errors import ReachError
from provisioners.foreign_text import clean_line
from provisioners.lean_paramiko import paramiko
from provisioners.nodes import git_address, keys
from provisioners.nodes.git_address import GitAddress
from provisioners.nodes.ssh import WEAK, HostKeyError
from provisioners.target import Dialer, DirectDialer

SECONDS = 15.0
_MOST_REFS = 20000


class UnknownHostKeyError(HostKeyError):
    """The Git server's host key is not known yet: show :attr:`fingerprint`, and keep :attr:`key` if it is confirmed."""

    def __init__(self, host: str, key: str) -> None:
        self.key = key
        self.fingerprint = keys.fingerprint(key)
        super().__init__(
            f"The host key of {host} is not known: {key.split()[0]} {self.fingerprint}.",
            "Compare it with what the server's owner publishes, then confirm it (site.git_host_key).",
        )


@dataclass(frozen=True)
class Access:
    """The repository can be read: the commit at the branch's head, and all branches."""

    commit: str
    branches: tuple[str, ...]


def test(url: str, key: Path, host_key: str = "", branch: str = "main", dialer: Dialer | None = None) -> Access:
    """Read the repository's branches as the machines will.

    :param url: SSH address of the repository.
    :param key: path of the deploy key's private part.
    :param host_key: the server's pinned host key; empty for a server whose key we ship.

    Raises ``UsageError`` for something that is no address, :class:`UnknownHostKeyError`, and ``ReachError``.
    """
    address = git_address.parse(url)
    pinned = host_key or git_address.KNOWN_SERVERS.get(address.host, "")
    with _connected(address, pinned, dialer or DirectDialer()) as transport:
        _log_in(transport, address, key)
        branches = _branches(transport, address)
    if branch not in branches:
        have = ", ".join(sorted(branches)[:5]) or "none"
        raise ReachError(
            f"The repository has no branch called {branch}.", f"Its branches: {clean_line(have)}. Correct site.branch."
        )
    return Access(branches[branch], tuple(sorted(branches)))


@contextlib.contextmanager
def _connected(address: GitAddress, pinned: str, dialer: Dialer) -> Iterator[paramiko.Transport]:
    """A transport whose host key was checked before anything was said; closed at the end."""
    try:
        sock = dialer.dial(address.host, address.port, SECONDS)
    except OSError as error:
        raise ReachError(
            f"The Git server {address.host}:{address.port} cannot be reached "
            f"({clean_line(error.strerror or str(error))}).",
            "Check the address and your network.",
        ) from error
    transport = paramiko.Transport(sock, disabled_algorithms=WEAK)
    try:
        _shake_hands(transport, address, pinned)
        yield transport
    finally:
        transport.close()


def _shake_hands(transport: paramiko.Transport, address: GitAddress, pinned: str) -> None:
    kind = pinned.split()[0] if pinned else ""
    if kind:
        options = transport.get_security_options()
        wanted = ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)
        options.key_types = [name for name in options.key_types if name in wanted]
    try:
        transport.start_client(timeout=SECONDS)
        shown = transport.get_remote_server_key()  # start_client returns silently when its time is up
    except paramiko.ssh_exception.IncompatiblePeer as error:
        if kind:
            raise _changed(address, f"no {kind} key") from error
        raise _no_ssh(address, str(error)) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _no_ssh(address, str(error)) from error
    line = f"{shown.get_name()} {shown.get_base64()}"
    if not pinned:
        raise UnknownHostKeyError(address.host, line)
    if line != " ".join(pinned.split()[:2]):
        raise _changed(address, keys.fingerprint(line))


def _changed(address: GitAddress, shown: str) -> HostKeyError:
    return HostKeyError(
        f"The Git server {address.host} shows another host key than the pinned one ({shown}).",
        "If its owner has not announced a new key, someone may be in the way: do not go on.",
    )


def _no_ssh(address: GitAddress, said: str) -> ReachError:
    return ReachError(
        f"{address.host}:{address.port} does not speak SSH with us ({clean_line(said) or 'it hung up'}).",
        "Check the address and the port.",
    )


def _log_in(transport: paramiko.Transport, address: GitAddress, key: Path) -> None:
    transport.auth_timeout = SECONDS
    try:
        transport.auth_publickey(address.user, paramiko.Ed25519Key.from_private_key_file(str(key)))
    except (paramiko.SSHException, EOFError) as error:
        raise ReachError(
            f"{address.host} refused the deploy key.",
            "Add the deployment's public key to the repository's deploy keys (reading is enough), then test again.",
        ) from error


def _branches(transport: paramiko.Transport, address: GitAddress) -> dict[str, str]:
    """Commit by branch, from the server's own list of references."""
    try:
        channel = transport.open_session(timeout=SECONDS)
        channel.settimeout(SECONDS)
        channel.exec_command(f"git-upload-pack {shlex.quote(address.path)}")
        with cast(BinaryIO, channel.makefile("rb")) as stream:
            refs = list(_packets(stream))
        channel.sendall(b"0000")  # we want nothing: the server ends in peace
    except (paramiko.SSHException, EOFError, OSError, ValueError) as error:
        raise _missing(address, clean_line(str(error))) from error
    if not refs or refs[0].startswith("ERR "):
        raise _missing(address, _said(channel, refs))
    return {
        match[2]: match[1] for line in refs if (match := re.match(r"([0-9a-f]{40,64}) refs/heads/([^\0\n]+)", line))
    }


def _packets(stream: BinaryIO) -> Iterator[str]:
    """Git's pkt-lines up to the first flush packet or the end."""
    for _ in range(_MOST_REFS):
        head = stream.read(4)
        if len(head) < 4 or head == b"0000":
            return
        yield stream.read(int(head, 16) - 4).decode("utf-8", "replace")


def _said(channel: paramiko.Channel, refs: list[str]) -> str:
    if refs:
        return clean_line(refs[0].removeprefix("ERR "))
    with contextlib.suppress(OSError):  # a silent server is no reason to say less than we know
        return clean_line(channel.recv_stderr(4096).decode("utf-8", "replace"))
    return ""


def _missing(address: GitAddress, said: str) -> ReachError:
    return ReachError(
        f"{address.host} has no repository {address.path} for this key{f' ({said})' if said else ''}.",
        "Check the path, and that the deploy key was added to this very repository.",
    )
