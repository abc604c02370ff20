"""The sandbox's Git server: read-only, over SSH, with deploy keys, as a hosting service would have it.

It serves the bare repositories of one folder; ``canary.git`` is made from the canary site that drucloud ships. Git
itself (``git-upload-pack``) speaks to the client; this module decides who may read what.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import threading
from pathlib import Path

import paramiko

from profiles.errors import FailedError
from provisioners.foreign_text import clean_line
from provisioners.sandbox.ssh_server import SshServer, host_key

CANARY = "canary.git"
BRANCH = "main"
_CANARY_SITE = Path(__file__).parent / "canary"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.git")
_CHUNK = 32768
# Git reads no configuration of the user or the host, and the canary's first commit is the same in every sandbox: a
# second deploy of it finds nothing to do.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "drucloud",
    "GIT_AUTHOR_EMAIL": "drucloud@sandbox.internal",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00+0000",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00+0000",
    "GIT_COMMITTER_NAME": "drucloud",
    "GIT_COMMITTER_EMAIL": "drucloud@sandbox.internal",
}


class GitServer:
    """Serves the repositories below ``root`` on 127.0.0.1 until :meth:`close`.

    :param root: folder of ``*.git``; ``canary.git`` in it is brought up to date with the shipped site.
    :param port: 0 for any free port; the one taken is :attr:`port`.
    :raises FailedError: Git is missing or could not make the canary's repository.
    """

    def __init__(self, root: Path, port: int = 0) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root.resolve()
        self._readers: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        publish(_CANARY_SITE, self._root / CANARY)
        self._server = SshServer(host_key(self._root / "ssh_host_ed25519_key"), lambda: _Reader(self), port)
        self.port = self._server.port
        self.host_key = self._server.host_key
        """The public host key, ``ssh-ed25519 AAAA…``."""

    def authorize(self, public_key: str, repository: str = CANARY) -> None:
        """Let the owner of ``public_key`` (an OpenSSH line) read ``repository``."""
        with self._lock:
            self._readers.setdefault(" ".join(public_key.split()[:2]), set()).add(repository)

    def may_read(self, public_key: str) -> frozenset[str]:
        """The repositories the owner of ``public_key`` may read."""
        with self._lock:
            return frozenset(self._readers.get(public_key, ()))

    def path(self, repository: str) -> Path | None:
        """The folder of a repository; ``None`` if there is none of that name."""
        path = self._root / repository
        return path if _NAME.fullmatch(repository) and path.is_dir() else None

    def close(self) -> None:
        """Stop serving."""
        self._server.close()


class _Reader:
    """One connection."""

    def __init__(self, server: GitServer) -> None:
        self._server = server
        self._allowed: frozenset[str] = frozenset()

    def accepts(self, public_key: str) -> bool:
        self._allowed = self._server.may_read(public_key)
        return bool(self._allowed)

    def connect(self, host: str, port: int) -> None:
        return None

    def run(self, command: str, channel: paramiko.Channel, environment: dict[str, str]) -> int:
        try:
            program, *arguments = shlex.split(command)
        except ValueError:
            program, arguments = "", []
        if program not in ("git-upload-pack", "git-receive-pack") or len(arguments) != 1:
            channel.sendall_stderr(b"This server speaks Git and nothing else.\n")
            return 1
        if program == "git-receive-pack":
            channel.sendall_stderr(b"ERROR: This deploy key may read the repository and not write to it.\n")
            return 1
        name = arguments[0].removeprefix("/").removeprefix("~/")
        path = self._server.path(name)
        if path is None or name not in self._allowed:  # the same words for both: a key learns of no other repository
            channel.sendall_stderr(b"ERROR: Repository not found, or this key may not read it.\n")
            return 128
        return _upload_pack(path, channel, environment.get("GIT_PROTOCOL", ""))


def publish(site: Path, repository: Path) -> None:
    """Bring the bare ``repository``'s branch ``main`` up to date with the files of ``site``, one commit a change."""
    if not (repository / "HEAD").exists():
        _git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
    where = (f"--git-dir={repository}", f"--work-tree={site}", "-c", "core.bare=false", "-c", "core.fileMode=false")
    _git(*where, "add", "--all", "--force", ".", cwd=site)
    if _git(*where, "status", "--porcelain", "--untracked-files=no", cwd=site):
        _git(*where, "commit", "--quiet", "--message=The canary site as drucloud ships it", cwd=site)


def _git(*arguments: str, cwd: Path | None = None) -> str:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=cwd, env=_ENVIRONMENT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise FailedError("The sandbox's Git server needs Git, which is not installed.", "Install git.") from None
    if result.returncode != 0:
        raise FailedError(f"The canary site's repository could not be made: {clean_line(result.stderr)}")
    return result.stdout


def _upload_pack(path: Path, channel: paramiko.Channel, protocol: str) -> int:
    """Let Git answer over the channel; its exit code."""
    version = {"GIT_PROTOCOL": protocol} if re.fullmatch(r"version=[012]", protocol) else {}
    with subprocess.Popen(
        ["git-upload-pack", "--strict", "--timeout=60", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**_ENVIRONMENT, **version},
        bufsize=0,
    ) as process:
        feeder = threading.Thread(target=_feed, args=(channel, process), daemon=True)
        feeder.start()
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        while data := process.stdout.read(_CHUNK):
            channel.sendall(data)
        return process.wait()


def _feed(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        while data := channel.recv(_CHUNK):
            process.stdin.write(data)
    except OSError:
        return  # one side is gone: Git ends by itself or has ended
    finally:
        process.stdin.close()
