"""Addresses of Git repositories over SSH, and the host keys of the servers everyone uses."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

from profiles.errors import UsageError

KNOWN_SERVERS: dict[str, str] = {
    "github.com": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "gitlab.com": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
    "bitbucket.org": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
}
"""Host keys as their owners publish them.

- GitHub: ``ssh_keys`` of api.github.com/meta, quoted at github.blog/changelog/label/ssh (2022-01), fingerprint
  ``SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU``; the RSA change of March 2023 left it as it was.
- GitLab: "SSH known_hosts entries" of docs.gitlab.com/ee/user/gitlab_com (gitlab-org/gitlab!21098).
- Bitbucket: bitbucket.org/blog/ssh-host-key-changes (2023-05-15), fingerprint
  ``SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM``.
"""

_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9_.-]+)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^\s:].*)")
_PATH = re.compile(r"[A-Za-z0-9_.~/+-]+")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class GitAddress:
    """Where a repository is. ``path`` is what the server is asked for: relative to its home unless it begins with /."""

    user: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The address as Git takes it, unambiguous."""
        slash = "" if self.path.startswith("/") else "/"
        if slash:  # a path relative to the server's home has only the scp form, or ~ in the other
            return f"ssh://{self.user}@{self.host}:{self.port}/~/{self.path}" if self.port != 22 else self._scp
        return f"ssh://{self.user}@{self.host}:{self.port}{self.path}"

    @property
    def _scp(self) -> str:
        return f"{self.user}@{self.host}:{self.path}"


def parse(text: str) -> GitAddress:
    """``git@host:path`` or ``ssh://git@host[:port]/path``; raises ``UsageError`` for anything else."""
    text = text.strip()
    if text.startswith("ssh://"):
        address = _parse_url(text)
    elif "://" not in text and (match := _SCP.fullmatch(text)):
        address = GitAddress(match["user"] or "git", match["host"].lower(), 22, match["path"])
    else:
        raise _not_an_address(text)
    # A leading "-" would be an option to git or ssh; anything outside these letters has no place in a command.
    parts = ((_USER, address.user), (_HOST, address.host), (_PATH, address.path))
    if address.path.startswith("-") or not all(pattern.fullmatch(part) for pattern, part in parts):
        raise _not_an_address(text)
    return address


def _parse_url(text: str) -> GitAddress:
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port or 22
    except ValueError:
        raise _not_an_address(text) from None
    path = parts.path[1:].removeprefix("~/") if parts.path.startswith("/~/") else parts.path
    if not host or parts.password or parts.query or parts.fragment or path in ("", "/"):
        raise _not_an_address(text)
    return GitAddress(parts.username or "git", host, port, path)


def _not_an_address(text: str) -> UsageError:
    return UsageError(
        f"'{text[:120]}' is not the SSH address of a Git repository.",
        "Use git@host:owner/repository.git or ssh://git@host/owner/repository.git.",
    )
