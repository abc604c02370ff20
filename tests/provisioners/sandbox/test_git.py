"""The sandbox's Git server, read with the host's own git and with the deploy key test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from profiles.errors import ReachError, UsageError
from provisioners.nodes import git_access, keys
from provisioners.sandbox.git import GitServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    git = GitServer(tmp_path / "git")
    yield git
    git.close()


def url(server: GitServer, repository: str = "canary.git") -> str:
    return f"ssh://git@127.0.0.1:{server.port}/{repository}"


def test_a_stranger_is_refused_and_an_authorized_key_reads(server: GitServer, tmp_path: Path) -> None:
    key = keys.deploy_key(tmp_path)
    with pytest.raises(ReachError, match="key"):
        git_access.test(url(server), key.path, server.host_key)
    server.authorize(key.public)
    access = git_access.test(url(server), key.path, server.host_key)
    assert "main" in access.branches


def test_the_canary_has_the_same_commit_each_time(server: GitServer, tmp_path: Path) -> None:
    key = keys.deploy_key(tmp_path)
    again = GitServer(tmp_path / "other")
    try:
        for git in (server, again):
            git.authorize(key.public)
        commits = {git_access.test(url(git), key.path, git.host_key).commit for git in (server, again)}
    finally:
        again.close()
    assert len(commits) == 1


@pytest.mark.parametrize("repository", ["none.git", "../host_key", "../../etc"])
def test_only_repositories_under_the_root(server: GitServer, tmp_path: Path, repository: str) -> None:
    key = keys.deploy_key(tmp_path)
    server.authorize(key.public)
    with pytest.raises(ReachError, match="repository"):
        git_access.test(url(server, repository), key.path, server.host_key)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is not installed")
def test_the_hosts_git_clones_over_it(server: GitServer, tmp_path: Path) -> None:
    key = keys.deploy_key(tmp_path)
    server.authorize(key.public)
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
    ssh = f"ssh -i {key.path} -o UserKnownHostsFile={known} -o IdentitiesOnly=yes -o BatchMode=yes"
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "-c", f"core.sshCommand={ssh}", "clone", "-q", url(server), str(clone)], check=True, timeout=60
    )
    assert (clone / "web" / "index.php").is_file()
    pushed = subprocess.run(
        ["git", "-c", f"core.sshCommand={ssh}", "push", "-q", "origin", "main:other"],
        cwd=clone, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert pushed.returncode
    assert "not write" in pushed.stderr


def test_no_shell(server: GitServer, tmp_path: Path) -> None:
    key = keys.deploy_key(tmp_path)
    server.authorize(key.public)
    transport = paramiko.Transport(("127.0.0.1", server.port))
    try:
        transport.connect(username="git", pkey=paramiko.Ed25519Key(filename=str(key.path)))
        channel = transport.open_session()
        channel.exec_command("sh -c id")
        assert channel.recv_exit_status() == 1
        assert b"nothing else" in channel.recv_stderr(1000)
    finally:
        transport.close()


def test_a_port_in_use(server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in use"):
        GitServer(tmp_path / "second", server.port)
