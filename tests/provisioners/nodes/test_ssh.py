"""The connection: one pinned key, both streams, time-outs, jumps."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from profiles.errors import FailedError, ReachError
from provisioners.nodes import bundle, keys
from provisioners.nodes.apply import apply
from provisioners.nodes.ssh import WEAK, Connection, HostKeyError
from provisioners.target import DirectDialer
from tests.provisioners.nodes.settings import SETTINGS
from tests.provisioners.nodes.ssh_server import SshServer, ssh_server


@pytest.fixture
def pair(tmp_path: Path) -> keys.KeyPair:
    return keys.deployment_key(tmp_path)


@pytest.fixture
def server(pair: keys.KeyPair, tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(pair.public, tmp_path) as serving:
        yield serving


def connect(server: SshServer, pair: keys.KeyPair, host_key: str = "", via: Connection | None = None) -> Connection:
    return Connection.open(
        DirectDialer(), "127.0.0.1", host_key or server.host_key, pair.path, port=server.port, via=via, timeout=5
    )


@pytest.fixture
def connection(server: SshServer, pair: keys.KeyPair) -> Iterator[Connection]:
    with connect(server, pair) as opened:
        yield opened


def test_a_command_gives_code_and_both_streams(connection: Connection) -> None:
    result = connection.run(["sh", "-c", "cat; echo wrong >&2; exit 3"], b"fed", check=False)
    assert (result.code, result.out, result.err) == (3, b"fed", b"wrong\n")


def test_small_packets_do_not_wait_for_each_other(connection: Connection) -> None:
    transport = connection._client.get_transport()
    assert transport is not None
    assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("word", ["$(id)", "a'b", 'a"b', "a\nb", "; rm -rf x", "`id`", "*", ""])
def test_words_arrive_as_they_are(connection: Connection, word: str) -> None:
    assert connection.run(["printf", "%s", word]).text == word


def test_a_failing_command_is_one_sentence(connection: Connection) -> None:
    with pytest.raises(FailedError, match=r"exit code 2: it hurts$"):
        connection.run(["sh", "-c", "echo it hurts >&2; exit 2"])


def test_five_megabytes_on_stderr_do_not_deadlock(connection: Connection) -> None:
    result = connection.run("head -c 5000000 /dev/zero >&2; echo done")
    assert result.text == "done\n"


def test_five_megabytes_go_in_and_come_back(connection: Connection) -> None:
    sent = bytes(range(256)) * 20000
    assert connection.run(["cat"], sent).out == sent


def test_paramiko_is_given_small_parts(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sendall copies all that is left with each packet: a release of 270 MiB in one piece took minutes of CPU."""
    parts: list[int] = []
    sendall = paramiko.Channel.sendall
    monkeypatch.setattr(paramiko.Channel, "sendall", lambda self, part: parts.append(len(part)) or sendall(self, part))
    assert connection.run(["wc", "-c"], bytes(5_000_000)).text.strip() == "5000000"
    assert sum(parts) >= 5_000_000  # the server's own answer is among them
    assert max(parts) <= 32768


def test_input_made_while_it_is_sent_may_take_longer_than_a_silence(connection: Connection) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(8):
            time.sleep(0.1)
            yield b"x" * 100_000

    assert connection.run(["wc", "-c"], blocks(), timeout=0.4).text.strip() == "800000"


def test_what_making_the_input_raises_ends_the_command(connection: Connection) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"half"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        connection.run(["sh", "-c", "cat; sleep 20"], blocks())
    assert connection.run(["echo", "still there"]).text == "still there\n"


def test_a_silent_command_is_given_up(connection: Connection) -> None:
    with pytest.raises(ReachError, match="nothing heard for 0 s"):
        connection.run(["sleep", "5"], timeout=0.3)


def test_a_dropped_connection_is_not_a_success(connection: Connection, server: SshServer) -> None:
    threading.Timer(0.3, server.drop).start()
    with pytest.raises(ReachError, match="was lost"):
        connection.run(["sleep", "5"])


def test_a_connection_dropped_in_the_middle_of_a_converge_is_a_reach_error(
    server: SshServer, pair: keys.KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "sudo").write_text('#!/bin/sh\ncat >/dev/null\necho \'{"step": "a", "status": "running"}\'\nsleep 5\n')
    (fake / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:/usr/bin:/bin")
    with connect(server, pair) as opened, pytest.raises(ReachError, match="lost"):
        apply(opened, bundle.render("cache", SETTINGS["cache"]), on_event=lambda event: server.drop())


def test_another_host_key_is_refused(server: SshServer, pair: keys.KeyPair) -> None:
    other = paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyError, match="another host key"):
        connect(server, pair, f"{other.get_name()} {other.get_base64()}")


def test_a_host_key_of_another_kind_is_refused(server: SshServer, pair: keys.KeyPair) -> None:
    with pytest.raises(HostKeyError, match="host key"):
        connect(server, pair, pair.public)


def test_a_refused_key_says_so(server: SshServer, tmp_path: Path) -> None:
    with pytest.raises(ReachError, match="does not accept the deployment's key"):
        connect(server, keys.deploy_key(tmp_path))


def test_nobody_there_says_so(server: SshServer, pair: keys.KeyPair) -> None:
    server.close()
    with pytest.raises(ReachError, match="cannot be reached"):
        connect(server, pair)


def test_a_jump_leads_through_the_first_machine(server: SshServer, pair: keys.KeyPair, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with (
        ssh_server(pair.public, inner) as second,
        connect(server, pair) as first,
        connect(second, pair, via=first) as through,
    ):
        assert through.run(["pwd"]).text.strip() == str(inner)


def test_a_jump_to_nowhere_says_so(server: SshServer, pair: keys.KeyPair, connection: Connection) -> None:
    with ssh_server(pair.public, Path("/")) as second:
        second.close()
        with pytest.raises(ReachError):
            connect(second, pair, via=connection)


def test_nothing_weak_is_offered(connection: Connection) -> None:
    transport = connection._transport()
    offered = {
        *transport._filter_algorithm("ciphers"),
        *transport._filter_algorithm("macs"),
        *transport._filter_algorithm("kex"),
        *transport._filter_algorithm("keys"),
    }
    assert offered
    assert not [name for name in offered if any(weak in name for weak in ("3des", "cbc", "md5", "sha1"))]
    assert offered.isdisjoint({name for names in WEAK.values() for name in names})
