"""Keys of a deployment, in its own folder: its SSH key pair, the site's deploy key, and the pinned host keys.

Private keys are OpenSSH's format, mode 0600, made once and never overwritten. The user's own keys, agent and
known_hosts are never touched.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from profiles.errors import ReachError

DEPLOYMENT_KEY = "ssh_key"
DEPLOY_KEY = "deploy_key"
KNOWN_HOSTS = "known_hosts"


@dataclass(frozen=True)
class KeyPair:
    """A key pair on disk: where the private part is, and the public part as one OpenSSH line without comment."""

    path: Path
    public: str


def deployment_key(folder: Path | str) -> KeyPair:
    """The key pair with which drucloud enters the deployment's machines; made at the first call."""
    return _key(Path(folder) / DEPLOYMENT_KEY)


def deploy_key(folder: Path | str) -> KeyPair:
    """The key pair with which the machines read the site's repository; made at the first call."""
    return _key(Path(folder) / DEPLOY_KEY)


def _key(path: Path) -> KeyPair:
    if not path.exists():
        _make(path)
    private = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(path, public.decode())


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(fresh, path)  # unlike a rename it never replaces a key that another process made meanwhile
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def fingerprint(public_key: str) -> str:
    """``SHA256:…`` of a public key line, as ``ssh-keygen -lf`` shows it; raises ``ValueError`` for anything else."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise ValueError("not an SSH public key") from error
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class KnownHosts:
    """The deployment's own known_hosts: one pinned host key a machine, by its instance id."""

    def __init__(self, folder: Path | str) -> None:
        self._path = Path(folder) / KNOWN_HOSTS

    def find(self, name: str) -> str:
        """The pinned key of ``name`` (``type base64``), or an empty string."""
        if not self._path.exists():
            return ""
        for line in self._path.read_text(encoding="ascii").splitlines():
            known, _, key = line.partition(" ")
            if known == name:
                return key
        return ""

    def pin(self, name: str, key: str) -> None:
        """Remember ``key`` for ``name``; raises ``ReachError`` when another one is pinned already."""
        key = " ".join(key.split()[:2])
        handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "a") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            known = self.find(name)
            if known and known != key:
                raise ReachError(
                    f"{name} shows another host key ({fingerprint(key)}) than the one that was pinned "
                    f"({fingerprint(known)}).",
                    "If the machine was not rebuilt behind drucloud's back, someone may be in the way: do not go on.",
                )
            if not known:
                out.write(f"{name} {key}\n")
                out.flush()
                os.fsync(out.fileno())
