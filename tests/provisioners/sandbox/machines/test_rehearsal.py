"""The rehearsal: what it does, and above all what it does not do."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.errors import FailedError, ReachError
from provisioners.nodes import apply, bundle
from provisioners.nodes.keys import KeyPair, deployment_key
from provisioners.nodes.ssh import Connection
from provisioners.sandbox.machines.host import MachineSpec
from provisioners.sandbox.machines.rehearsal import RehearsalHost
from provisioners.sandbox.machines.rehearsed import is_converge

VPC = "vpc-0rehearsed"
REPOSITORY = Path(__file__).parents[4]


class Rehearsal:
    """A host with two rehearsed machines."""

    def __init__(self, folder: Path) -> None:
        self.key: KeyPair = deployment_key(folder / "keys")
        self.root = folder / "rehearsal"
        self.host = RehearsalHost(self.root)
        self.host.network_up(VPC, "10.0.0.0/16")
        for name, ip, public in (("i-admin", "10.0.0.10", "203.0.113.3"), ("i-web", "10.0.1.10", "")):
            spec = MachineSpec(name, VPC, ip, public, name, b"#!/bin/sh\ntouch /tmp/never", 1024, 2)
            self.host.start(MachineSpec(**{**spec.__dict__, "public_key": self.key.public}))

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        return self.host.dial("", host, port, timeout)

    def host_key(self, name: str) -> str:
        match = re.search(r"^DRUCLOUD-HOSTKEY (.+)$", self.host.console(name), re.MULTILINE)
        assert match
        return match[1]

    def connect(self, name: str = "i-admin", host: str = "203.0.113.3", via: Connection | None = None) -> Connection:
        return Connection.open(self, host, self.host_key(name), self.key.path, via=via)


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    made = Rehearsal(tmp_path)
    yield made
    made.host.close()
    assert not made.root.exists()


def _cache_bundle() -> bundle.Bundle:
    return bundle.render("cache", {"memory_mib": 512, "vcpu": 1, "region": "eu-central-1", "endpoint": ""})


def test_the_converge_program_says_what_it_would_do_and_changes_nothing(rehearsal: Rehearsal) -> None:
    with rehearsal.connect() as admin, rehearsal.connect("i-web", "10.0.1.10", via=admin) as web:
        for check in (True, False):
            done = apply.apply(web, _cache_bundle(), check=check)
            assert done.would_change, "it says that nothing would have to be done"
            assert not done.changed, "it says that something was done"
    assert not any((rehearsal.root / "i-web" / "root").iterdir())
    assert not (rehearsal.root / "i-admin" / "root").exists()


@pytest.mark.parametrize("command", ["id", "sudo -n sh -c 'touch /tmp/never'", "python3 -c 'print(1)'", "'", ""])
def test_other_commands_are_refused(rehearsal: Rehearsal, command: str) -> None:
    assert not is_converge(command)
    with rehearsal.connect() as admin:
        result = admin.run(command or "true", check=False)
    assert (result.code, result.out) == (126, b"")
    assert b"rehearsed" in result.err


def test_another_program_is_not_run(rehearsal: Rehearsal, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    program = f"open({str(trap)!r}, 'w')\n".encode().ljust(len(apply.program()), b"#")
    with rehearsal.connect() as admin:
        result = admin.run(["sudo", "-n", *apply.command()], program, check=False)
    assert result.code == 126
    assert not trap.exists()


def test_only_the_instances_key_gets_in_and_only_its_host_key_is_taken(rehearsal: Rehearsal, tmp_path: Path) -> None:
    other = deployment_key(tmp_path / "other")
    with pytest.raises(ReachError):
        Connection.open(rehearsal, "203.0.113.3", rehearsal.host_key("i-admin"), other.path)
    with pytest.raises(ReachError):
        Connection.open(rehearsal, "203.0.113.3", rehearsal.host_key("i-web"), rehearsal.key.path)


def test_the_admin_node_leads_to_what_is_rehearsed_and_nowhere_else(rehearsal: Rehearsal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as of_the_host, rehearsal.connect() as admin:
        with pytest.raises(ReachError):
            admin.channel("127.0.0.1", of_the_host.getsockname()[1])
        with pytest.raises(ReachError):
            admin.channel("10.0.1.10", 80)


def test_names_relays_and_listeners_lead_to_loopback(rehearsal: Rehearsal) -> None:
    with rehearsal.host.listen(VPC, "169.254.169.254", 80) as listener:
        rehearsal.host.set_names(VPC, {"imds.example": "169.254.169.254"})
        with rehearsal.dial("imds.example", 80) as connection:
            accepted, _ = listener.accept()
            accepted.close()
            assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        rehearsal.dial("imds.example", 81)


def test_stop_and_start_keep_the_host_key_and_a_removed_machine_is_gone(rehearsal: Rehearsal) -> None:
    key = rehearsal.host_key("i-web")
    rehearsal.host.stop("i-web")
    assert rehearsal.host.states()["i-web"] == "stopped"
    with pytest.raises(ConnectionRefusedError):
        rehearsal.dial("10.0.1.10", 22)
    spec = MachineSpec("i-web", VPC, "10.0.1.10", "", "i-web", b"", 1024, 2)
    rehearsal.host.start(spec)
    assert rehearsal.host_key("i-web") == key
    with pytest.raises(FailedError, match="i-web"):
        rehearsal.host.network_down(VPC)
    rehearsal.host.remove("i-web")
    assert "i-web" not in rehearsal.host.states()
    with pytest.raises(FailedError, match="no machine"):
        rehearsal.host.console("i-web")


AS_NOBODY = """
    import os, sys
    from pathlib import Path
    assert os.getuid() != 0
    sys.path[:0] = [sys.argv[1]]
    from tests.provisioners.sandbox.machines.test_rehearsal import Rehearsal, _cache_bundle, apply
    from provisioners.sandbox.machines import choose
    print(choose("auto"))
    rehearsal = Rehearsal(Path(sys.argv[2]))
    with rehearsal.connect() as admin, rehearsal.connect("i-web", "10.0.1.10", via=admin) as web:
        print(apply.apply(web, _cache_bundle()).would_change)
    rehearsal.host.close()
"""


AS_USER = ("setpriv", "--reuid=nobody", "--clear-groups", "--no-new-privs", "--")


def _python_for_everybody() -> str:
    """A Python of our version that an ordinary user may run: ours may stand in root's own home."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if subprocess.run([*AS_USER, "sh", "-c", f"{python} -c 0"], capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("an ordinary user may run no Python of this version here")


@pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user already: the tests above show it")
def test_it_works_for_an_ordinary_user() -> None:
    python = _python_for_everybody()
    if subprocess.run([*AS_USER, "test", "-r", str(REPOSITORY / "tests")], check=False).returncode:
        pytest.skip("the checkout is where only its owner may read")
    folder = Path("/var/tmp") / f"drucloud-nobody-{os.getpid()}"
    folder.mkdir()
    try:
        shutil.chown(folder, "nobody")
        result = subprocess.run(
            [*AS_USER, python, "-c", textwrap.dedent(AS_NOBODY), str(REPOSITORY), str(folder)],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(pytest.__file__).parents[1]),
                "DRUCLOUD_STATE": str(folder / "state"),
                "HOME": str(folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines() == ["('rehearsal', 'booting machines needs root')", "True"]
    finally:
        shutil.rmtree(folder)


def test_many_connections_are_forwarded_at_once(rehearsal: Rehearsal) -> None:
    with rehearsal.connect() as admin:
        channels = [admin.channel("10.0.1.10", 22) for _ in range(20)]
        assert [channel.recv(4) for channel in channels] == [b"SSH-"] * 20
