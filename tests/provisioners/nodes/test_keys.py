"""Keys and pinned host keys."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from profiles.errors import ReachError
from provisioners.nodes import keys

A = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
B = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO"


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = keys.deployment_key(tmp_path / "deployment")
    assert first.path.stat().st_mode & 0o777 == 0o600
    assert first.path.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert keys.deployment_key(tmp_path / "deployment") == first
    assert keys.deploy_key(tmp_path / "deployment").public != first.public


def test_many_at_once_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {pair.public for pair in pool.map(lambda _: keys.deployment_key(tmp_path), range(8))}
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ssh_key"]


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_openssh_agrees(tmp_path: Path) -> None:
    pair = keys.deployment_key(tmp_path)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", pair.path], capture_output=True, text=True, check=True).stdout
    assert " ".join(shown.split()[:2]) == pair.public
    listed = subprocess.run(["ssh-keygen", "-lf", pair.path], capture_output=True, text=True, check=True).stdout
    assert listed.split()[1] == keys.fingerprint(pair.public)


def test_a_host_key_is_pinned_once_and_never_changed(tmp_path: Path) -> None:
    known = keys.KnownHosts(tmp_path)
    assert known.find("i-1") == ""
    known.pin("i-1", f"{A} a comment")
    known.pin("i-1", A)
    known.pin("i-2", B)
    assert (known.find("i-1"), known.find("i-2")) == (A, B)
    assert (tmp_path / "known_hosts").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ReachError, match="another host key"):
        known.pin("i-1", B)
    assert (tmp_path / "known_hosts").read_text() == f"i-1 {A}\ni-2 {B}\n"


def test_something_else_has_no_fingerprint() -> None:
    with pytest.raises(ValueError, match="not an SSH public key"):
        keys.fingerprint("hello")
