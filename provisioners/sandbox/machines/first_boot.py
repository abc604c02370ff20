"""What cloud-init does on EC2, for a sandbox machine: host keys, the key pair's public key, user data.

Copied into the base image and run there by two systemd units, so it needs nothing but the standard library::

    first_boot.py keys        before sshd starts: make the host key, authorize the key pair for user ``admin``
    first_boot.py user-data   once sshd runs: run the user data if it is a script

Each does its work once in a machine's life and leaves a ``.done`` file that its unit looks for. Everything it says
goes to the console.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

METADATA = "http://169.254.169.254"
DONE = Path("/var/lib/drucloud-sandbox")
HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key")
USER = "admin"
PATIENCE = 20.0
"""Seconds to wait for a metadata service that does not answer yet."""

# The machine's environment never has a say in how the metadata service is reached.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _request(method: str, path: str, headers: dict[str, str]) -> bytes | None:
    """The answer's body; ``None`` if there is no such item; ``URLError`` if nobody answers within the patience."""
    deadline = time.monotonic() + PATIENCE
    while True:
        request = urllib.request.Request(METADATA + path, method=method, headers=headers)  # noqa: S310 - fixed http
        try:
            with _opener.open(request, timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            if error.code < 500 or time.monotonic() > deadline:
                raise
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def metadata(path: str) -> bytes | None:
    """One item below ``/latest/`` through IMDSv2; ``None`` if the instance has no such item."""
    token = _request("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    return _request("GET", f"/latest/{path}", {"X-aws-ec2-metadata-token": (token or b"").decode()})


def make_host_key() -> None:
    """An Ed25519 host key, unless there is one."""
    if not HOST_KEY.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(HOST_KEY)], check=True)


def authorize(public_key: bytes, home: Path, uid: int, gid: int) -> None:
    """Let the key pair's owner in as the cloud user."""
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "authorized_keys"
    file.write_bytes(public_key.strip() + b"\n")
    file.chmod(0o600)
    for path in (folder, file):
        os.chown(path, uid, gid)


def keys() -> None:
    """Step 1: host key and authorized key."""
    import pwd

    make_host_key()
    public_key = metadata("meta-data/public-keys/0/openssh-key")
    if public_key is None:
        print("drucloud: the instance has no key pair", flush=True)
        return
    user = pwd.getpwnam(USER)
    authorize(public_key, Path(user.pw_dir), user.pw_uid, user.pw_gid)


def user_data() -> None:
    """Step 2: run the user data if it starts with ``#!``; raises ``CalledProcessError`` if the script fails."""
    script = metadata("user-data")
    if script is None or not script.startswith(b"#!"):
        return
    file = DONE / "user-data"
    file.touch(mode=0o700)
    file.write_bytes(script)
    subprocess.run([str(file)], check=True, cwd="/", stdin=subprocess.DEVNULL)


def main(step: str) -> int:
    """Run one step and note that it is done, also when it failed: it is never repeated, as on EC2."""
    DONE.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        {"keys": keys, "user-data": user_data}[step]()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"drucloud: {step} failed at first boot: {error}", flush=True)
        return 1
    finally:
        (DONE / f"{step}.done").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
