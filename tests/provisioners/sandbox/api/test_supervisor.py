"""The sandbox's process: it outlives who started it, is found again, stopped, and swept after a kill."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import pytest

from profiles.errors import FailedError, UsageError
from provisioners.sandbox import client, record
from tests.provisioners.sandbox.api.conftest import PROGRAM
from tests.provisioners.sandbox.api.waiting import until


def gone(pid):
    return record.process_start(pid) == ""


def start(**more):
    return client.ensure("rehearsal", program=PROGRAM, **more)


def test_it_outlives_who_started_it(own_state):
    code = (
        "from provisioners.sandbox import client\n"
        "from tests.provisioners.sandbox.api.conftest import PROGRAM\n"
        "print(client.ensure('rehearsal', program=PROGRAM).pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    found = client.running()
    assert found is not None
    assert found.pid == int(done.stdout)
    assert os.getsid(found.pid) == found.pid


def test_ensure_twice_is_one_sandbox_and_stop_ends_it(own_state):
    first = start()
    assert start().pid == first.pid
    assert client.ensure("auto").pid == first.pid
    assert client.stop() is True
    assert client.running() is None
    assert client.stop() is False
    until(lambda: gone(first.pid))
    assert not (own_state / "sandbox" / "sandbox.json").exists()
    assert not record.control_path().exists()


def test_nobody_else_can_read_the_key_or_use_the_socket(own_state):
    start()
    for path in (own_state / "sandbox" / "sandbox.json", record.control_path(), record.log_path()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert client.running().secret_key not in record.log_path().read_text()
    assert client.running().secret_key not in repr(client.running())


def test_another_mode_is_a_clear_error(own_state):
    start()
    with pytest.raises(UsageError, match="already running in mode rehearsal, not machines"):
        client.ensure("machines", program=PROGRAM)


def test_a_port_in_use_is_a_clear_error(own_state):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} on 127.0.0.1 is in use"):
            start(port=port)
    assert client.running() is None
    found = start(port=port)
    assert found.endpoint == f"http://127.0.0.1:{port}"
    with pytest.raises(UsageError, match="already running at"):
        start(port=port + 1)


def test_a_second_supervisor_gives_way(own_state):
    first = start()
    done = subprocess.run([*PROGRAM, "--mode", "rehearsal"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "already running" in done.stdout
    assert client.running().pid == first.pid


def test_a_killed_one_is_noticed_and_swept(own_state):
    first = start()
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: gone(first.pid))
    # its children, which hold the lock too, die a moment later
    until(lambda: client.running() is None and not (own_state / "sandbox" / "sandbox.json").exists())
    second = start()
    assert second.pid != first.pid
    assert second.access_key != first.access_key


def test_a_reused_pid_is_never_signalled(own_state):
    """The state file names this very process; with no sandbox alive, stop must not touch it."""
    start()
    client.stop()
    record.save(record.Record(os.getpid(), "0", "http://127.0.0.1:1", "rehearsal", "", "", ""))
    assert client.stop() is False


def test_a_program_that_dies_is_reported(own_state):
    with pytest.raises(FailedError, match="exit code 3"):
        client.ensure("rehearsal", program=(sys.executable, "-c", "import sys; sys.exit(3)"))


def test_sigterm_is_a_clean_stop(own_state):
    first = start()
    os.kill(first.pid, signal.SIGTERM)
    until(lambda: gone(first.pid))
    assert "stopped" in record.log_path().read_text().splitlines()[-1]


def test_the_site_opens_on_loopback_under_a_url_that_stays(sandbox):
    url = sandbox.site_url("echo")
    assert sandbox.site_url("echo") == url
    for _ in range(2):
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.read() == b"hello"


def test_a_long_state_root_still_has_a_control_socket(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setenv("DRUCLOUD_STATE", str(deep))
    assert len(os.fsencode(record.control_path())) < 108
