"""One login at the admin node for all machines that are reached through it at the same time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from profiles.errors import ReachError
from provisioners.nodes import keys
from provisioners.nodes.reach import through
from provisioners.nodes.ssh import Connection
from provisioners.target import DirectDialer
from tests.provisioners.nodes.ssh_server import SshServer, ssh_server


class Admin:
    """A real SSH server and how often it was logged in to."""

    def __init__(self, server: SshServer, key: Path) -> None:
        self._server, self._key = server, key
        self.logins: list[Connection] = []

    def connect(self) -> Connection:
        server = self._server
        made = Connection.open(DirectDialer(), "127.0.0.1", server.host_key, self._key, port=server.port, timeout=5)
        self.logins.append(made)
        return made


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    pair = keys.deployment_key(tmp_path)
    with ssh_server(pair.public, tmp_path) as serving:
        yield Admin(serving, pair.path)


def test_sixteen_at_once_share_one_login(admin: Admin) -> None:
    together = threading.Barrier(16)

    def go(number: int) -> str:
        with through("admin", admin.connect) as connection:
            together.wait(30)
            return connection.run(["echo", str(number)]).text.strip()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(go, range(16))) == [str(number) for number in range(16)]
    assert len(admin.logins) == 1
    assert not admin.logins[0].alive


def test_it_is_open_until_the_last_one_leaves_and_made_anew_for_the_next(admin: Admin) -> None:
    with through("admin", admin.connect) as outer:
        with through("admin", admin.connect) as inner:
            assert inner is outer
        assert outer.alive
    assert not outer.alive
    with through("admin", admin.connect) as later:
        assert later.alive
    assert len(admin.logins) == 2


def test_two_admin_nodes_are_two(admin: Admin) -> None:
    with through("one", admin.connect) as one, through("other", admin.connect) as other:
        assert one is not other


def test_a_dead_one_is_not_handed_on(admin: Admin) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(through("admin", admin.connect))
        first.close()
        second = stack.enter_context(through("admin", admin.connect))
        assert second.alive
        third = stack.enter_context(through("admin", admin.connect))
        assert third is second
    assert not second.alive


def test_what_cannot_be_reached_is_said_to_all_who_wait_and_tried_again_by_the_next(admin: Admin) -> None:
    waiting, begun = threading.Event(), threading.Event()

    def fail() -> Connection:
        begun.set()
        waiting.wait(30)
        raise ReachError("no way", "wait")

    def go() -> str:
        with pytest.raises(ReachError, match="no way") as caught, through("admin", fail):
            raise AssertionError("was let in")
        return caught.value.what

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(go) for _ in range(3)]
        begun.wait(30)
        waiting.set()
        assert [one.result(30) for one in asked] == ["no way"] * 3
    with through("admin", admin.connect) as connection:
        assert connection.alive
