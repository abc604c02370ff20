"""Real machines, booted here: what an EC2 instance's life looks like from the outside."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from profiles.errors import FailedError, ReachError
from provisioners.nodes.ssh import Connection
from provisioners.sandbox.machines import cgroups
from provisioners.sandbox.machines.names_on_host import prefix
from tests.provisioners.sandbox.machines.conftest import VPC, World

pytestmark = pytest.mark.machines
PUBLIC = "203.0.113.7"


class _Dialer:
    def __init__(self, world: World) -> None:
        self._world = world

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        return self._world.host.dial("", host, port, timeout)


def _until(said: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.05)


def _host_key(world: World, name: str) -> str:
    pattern = re.compile(r"^DRUCLOUD-HOSTKEY (ssh-ed25519 \S+)$", re.MULTILINE)
    _until(lambda: pattern.search(world.host.console(name)), f"the host key on the console of {name}")
    match = pattern.search(world.host.console(name))
    assert match
    return match[1]


@pytest.fixture(scope="module")
def pair(world: World) -> World:
    """Two machines: ``i-1`` with a public address, ``i-2`` without."""
    world.host.start(world.spec("i-1", 10, PUBLIC))
    world.host.start(world.spec("i-2", 11))
    return world


def _run(world: World, name: str, script: str) -> str:
    code, output = world.host.execute(name, ["sh", "-c", script])
    assert code == 0, output.decode()
    return output.decode().strip()


def test_a_private_machine_is_reached_through_the_public_one_with_the_host_keys_of_their_consoles(pair: World) -> None:
    dialer, key = _Dialer(pair), pair.key.path
    with (
        Connection.open(dialer, PUBLIC, _host_key(pair, "i-1"), key) as admin,
        Connection.open(dialer, "10.77.0.11", _host_key(pair, "i-2"), key, via=admin) as second,
    ):
        assert second.run("hostname; sudo -n id -un").text.split() == ["i-2.ec2.internal", "root"]


def test_another_host_key_is_refused(pair: World) -> None:
    with pytest.raises(ReachError):
        Connection.open(_Dialer(pair), PUBLIC, _host_key(pair, "i-2"), pair.key.path)


def test_each_machine_has_host_keys_and_an_id_of_its_own(pair: World) -> None:
    assert _host_key(pair, "i-1") != _host_key(pair, "i-2")
    ids = {_run(pair, name, "cat /etc/machine-id") for name in ("i-1", "i-2")}
    assert len(ids) == 2


def test_it_boots_without_a_failed_unit(pair: World) -> None:
    _until(lambda: pair.host.execute("i-1", ["systemctl", "is-system-running"])[1].strip() == b"running", "running")


def test_names_and_addresses_resolve_and_unknown_ones_are_refused_at_once(pair: World) -> None:
    pair.host.set_names(VPC, {"db.example.internal": "10.77.0.11"})
    _until(lambda: b"10.77.0.11" in pair.host.execute("i-1", ["getent", "hosts", "db.example.internal"])[1], "the name")
    assert "198.51.100.10" in _run(pair, "i-1", "getent hosts git.sandbox.internal")
    assert "db.example.internal" in _run(pair, "i-2", "getent hosts 10.77.0.11")
    assert "i-1.ec2.internal" in _run(pair, "i-2", "getent hosts 10.77.0.10")
    started = time.monotonic()
    assert pair.host.execute("i-1", ["getent", "hosts", "deb.debian.org"])[0] != 0
    assert pair.host.execute("i-1", ["getent", "hosts", "10.77.0.99"])[0] != 0
    assert time.monotonic() - started < 2.0, "a look-up without an answer stalls"


def test_dialling_a_name_leads_into_the_vpc(pair: World) -> None:
    with pair.host.dial("", "i-2.ec2.internal", 22, 5.0) as connection:
        assert connection.recv(4) == b"SSH-"
    with pytest.raises(OSError, match=r"nothing\.example"):
        pair.host.dial("", "nothing.example", 22, 5.0)


def test_a_public_address_moves_and_goes(world: World, pair: World) -> None:
    world.host.start(world.spec("i-move", 12))
    try:
        world.host.set_public_addresses("i-move", ("203.0.113.8",))
        reach = "exec 3<>/dev/tcp/203.0.113.8/22; head -c4 <&3"
        until = time.monotonic() + 60  # its first boot makes host keys before sshd says anything
        while (seen := world.host.execute("i-2", ["timeout", "5", "bash", "-c", reach])[1]) != b"SSH-":
            assert time.monotonic() < until, f"port 22 of the public address said {seen!r}"
            time.sleep(0.5)
        world.host.set_public_addresses("i-move", ())
        assert world.host.execute("i-2", ["timeout", "5", "bash", "-c", reach])[0] != 0
    finally:
        world.host.remove("i-move")


def test_metadata_sees_the_machines_own_address(pair: World) -> None:
    assert ("10.77.0.11", "/latest/user-data") in pair.metadata.seen


def test_a_relay_leads_out_of_the_vpc(pair: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair.host.relay(VPC, "169.254.169.252", 80, *listener.getsockname())
        with pair.host.dial(VPC, "169.254.169.252", 80, 5.0) as inside:
            outside, _ = listener.accept()
            with outside:
                inside.sendall(b"ping")
                assert outside.recv(4) == b"ping"
                outside.sendall(b"pong")
                assert inside.recv(4) == b"pong"


def test_packages_come_through_the_cache_and_there_is_no_other_way_out(pair: World) -> None:
    install = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get -qq -y install memcached"
    _run(pair, "i-2", install)
    assert _run(pair, "i-2", "systemctl is-active memcached") == "active"
    assert pair.host.execute("i-2", ["timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/1.1.1.1/80"])[0] != 0


def test_it_has_the_memory_of_its_instance_type(pair: World) -> None:
    if not cgroups.limited():
        pytest.skip("this host has no memory controller")
    rows = dict(line.split(":") for line in _run(pair, "i-1", "cat /proc/meminfo").splitlines())
    assert int(rows["MemTotal"].split()[0]) == 512 * 1024
    assert 0 < int(rows["MemAvailable"].split()[0]) < 512 * 1024
    code, _ = pair.host.execute("i-1", ["systemd-run", "--wait", "--quiet", "python3", "-c", "'x' * 900_000_000"])
    assert code != 0, "it took more memory than it has"


def test_a_reboot_from_inside_comes_back_with_its_disk_and_its_host_key(pair: World) -> None:
    before = _run(
        pair, "i-2", "touch /etc/kept; cat /etc/machine-id; systemctl show -P InactiveExitTimestampMonotonic -- -.mount"
    )
    pair.host.execute("i-2", ["systemctl", "reboot"])
    probe = ["systemctl", "show", "-P", "InactiveExitTimestampMonotonic", "--", "-.mount"]
    booted = before.splitlines()[1].encode()

    def again() -> bool:
        try:
            code, output = pair.host.execute("i-2", probe, seconds=5)
        except (FailedError, OSError):
            return False
        return code == 0 and output.strip() != booted

    _until(again, "the second boot")
    pair.host.start(pair.spec("i-2", 11))
    assert _run(pair, "i-2", "test -e /etc/kept; cat /etc/machine-id") == before.splitlines()[0]
    assert pair.host.console("i-2").count("DRUCLOUD-HOSTKEY") == 1, "user data ran again"


def test_a_crash_leaves_the_disk_and_no_process(world: World, pair: World) -> None:
    world.host.start(world.spec("i-crash", 13))
    _run(world, "i-crash", "echo safe > /etc/kept; sync")
    world.host.crash("i-crash")
    assert world.host.states()["i-crash"] == "stopped"
    assert not any(cgroups.processes(top / prefix(world.root) / "i-crash") for top in cgroups.hierarchies())
    with pytest.raises(OSError, match=r"refused|unreachable|No route|timed out"):
        world.host.dial("", "10.77.0.13", 22, 2.0)
    world.host.start(world.spec("i-crash", 13))
    assert _run(world, "i-crash", "cat /etc/kept") == "safe"
    world.host.remove("i-crash")


def test_a_halt_from_inside_is_noticed(world: World, pair: World) -> None:
    world.host.start(world.spec("i-halt", 14))
    world.host.execute("i-halt", ["systemctl", "poweroff"])
    _until(lambda: world.host.states()["i-halt"] == "stopped", "stopped")
    world.host.remove("i-halt")


def test_a_removed_machine_leaves_nothing(world: World, pair: World) -> None:
    world.host.start(world.spec("i-gone", 15, "203.0.113.9"))
    world.host.remove("i-gone")
    name = f"{prefix(world.root)}-i-gone"
    assert not (world.root / "i-gone").exists()
    assert not Path(f"/run/netns/{name}").exists()
    assert not list(Path("/run/systemd/nspawn").glob(f"*/{name}"))
    assert not any((top / prefix(world.root) / "i-gone").exists() for top in cgroups.hierarchies())
    assert str(world.root / "i-gone") not in Path("/proc/self/mountinfo").read_text()
    assert "i-gone" not in world.host.states()


def test_a_network_with_machines_in_it_stays(pair: World) -> None:
    with pytest.raises(FailedError, match="i-1"):
        pair.host.network_down(VPC)


def test_a_layer_is_baked_once_and_starts_with_its_services(world: World, pair: World) -> None:
    layer = world.host.ensure_layer(["nginx"])
    assert world.host.ensure_layer(["nginx"]) == layer
    world.host.start(world.spec("i-layer", 16, layer=layer))
    _until(lambda: world.host.execute("i-layer", ["systemctl", "is-active", "nginx"])[1].strip() == b"active", "nginx")
    assert _run(world, "i-layer", "cat /etc/machine-id") != _run(world, "i-1", "cat /etc/machine-id")
    world.host.remove("i-layer")


def test_packages_that_do_not_exist_are_named(pair: World) -> None:
    with pytest.raises(FailedError, match="no-such-package"):
        pair.host.ensure_layer(["no-such-package"])
