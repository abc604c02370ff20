"""Can the deploy key read the repository? Every "no" has its own sentence."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from profiles.errors import ReachError, UsageError
from provisioners.nodes import git_access, git_address, keys
from provisioners.nodes.ssh import HostKeyError
from tests.provisioners.nodes.ssh_server import SshServer, ssh_server

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def pair(tmp_path: Path) -> keys.KeyPair:
    return keys.deploy_key(tmp_path)


@pytest.fixture
def server(pair: keys.KeyPair, tmp_path: Path) -> Iterator[SshServer]:
    work = tmp_path / "work"
    author = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "main", work], check=True)
    subprocess.run(["git", "-C", work, *author, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run(["git", "-C", work, "branch", "feature/x"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, tmp_path / "site.git"], check=True)
    with ssh_server(pair.public, tmp_path) as serving:
        yield serving


def url(server: SshServer, path: str) -> str:
    return f"ssh://git@127.0.0.1:{server.port}{path}"


@needs_git
def test_a_readable_repository_gives_its_commit(server: SshServer, pair: keys.KeyPair, tmp_path: Path) -> None:
    found = git_access.test(url(server, f"{tmp_path}/site.git"), pair.path, server.host_key, "feature/x")
    head = subprocess.run(
        ["git", "-C", tmp_path / "site.git", "rev-parse", "main"], capture_output=True, text=True, check=True
    )
    assert found == git_access.Access(head.stdout.strip(), ("feature/x", "main"))


@needs_git
def test_an_unknown_host_key_is_shown_for_confirmation(server: SshServer, pair: keys.KeyPair) -> None:
    with pytest.raises(git_access.UnknownHostKeyError) as caught:
        git_access.test(url(server, "/site.git"), pair.path)
    assert caught.value.key == server.host_key
    assert caught.value.fingerprint == keys.fingerprint(server.host_key)
    assert caught.value.fingerprint in caught.value.what


@needs_git
def test_a_changed_host_key_stops_everything(server: SshServer, pair: keys.KeyPair) -> None:
    other = paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyError, match="shows another host key than the pinned one"):
        git_access.test(url(server, "/site.git"), pair.path, f"{other.get_name()} {other.get_base64()}")
    with pytest.raises(HostKeyError, match="no ssh-ed25519 key"):
        git_access.test(url(server, "/site.git"), pair.path, git_address.KNOWN_SERVERS["github.com"])


@needs_git
def test_a_refused_key(server: SshServer, tmp_path: Path) -> None:
    with pytest.raises(ReachError, match="refused the deploy key"):
        git_access.test(url(server, "/site.git"), keys.deployment_key(tmp_path).path, server.host_key)


@needs_git
def test_a_missing_repository(server: SshServer, pair: keys.KeyPair) -> None:
    with pytest.raises(ReachError, match=r"has no repository /elsewhere\.git"):
        git_access.test(url(server, "/elsewhere.git"), pair.path, server.host_key)


@needs_git
def test_a_missing_branch(server: SshServer, pair: keys.KeyPair, tmp_path: Path) -> None:
    with pytest.raises(ReachError, match="no branch called develop") as caught:
        git_access.test(url(server, f"{tmp_path}/site.git"), pair.path, server.host_key, "develop")
    assert "feature/x, main" in caught.value.do


@needs_git
def test_nobody_there(server: SshServer, pair: keys.KeyPair) -> None:
    server.close()
    with pytest.raises(ReachError, match="cannot be reached"):
        git_access.test(url(server, "/site.git"), pair.path, server.host_key)


@pytest.mark.parametrize(
    ("text", "host", "port", "path", "again"),
    [
        ("git@github.com:o/r.git", "github.com", 22, "o/r.git", "git@github.com:o/r.git"),
        ("GitHub.com:o/r", "github.com", 22, "o/r", "git@github.com:o/r"),
        ("ssh://git@h.example:2222/o/r.git", "h.example", 2222, "/o/r.git", "ssh://git@h.example:2222/o/r.git"),
        ("ssh://git@h.example/~/r.git", "h.example", 22, "r.git", "git@h.example:r.git"),
        ("me@10.0.0.1:/srv/git/r.git", "10.0.0.1", 22, "/srv/git/r.git", "ssh://me@10.0.0.1:22/srv/git/r.git"),
    ],
)
def test_addresses(text: str, host: str, port: int, path: str, again: str) -> None:
    address = git_address.parse(text)
    assert (address.host, address.port, address.path) == (host, port, path)
    assert address.url == again


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://github.com/o/r.git",
        "/srv/git/r.git",
        "ssh://git@h/",
        "ssh://git:secret@h/o/r.git",
        "ssh://git@h:99999/o/r.git",
        "git@h:-upload-pack=x",
        "git@-oProxyCommand=x:o/r.git",
        "git@h:o/r.git; id",
        "git@h:$(id)",
        "git@h:o/r.git\nx",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not the SSH address"):
        git_address.parse(text)


def test_shipped_keys_have_their_owners_fingerprints() -> None:
    shipped = {host: keys.fingerprint(key) for host, key in git_address.KNOWN_SERVERS.items()}
    assert shipped == {
        "github.com": "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "gitlab.com": "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
        "bitbucket.org": "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    }
