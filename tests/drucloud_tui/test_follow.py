"""A view on a real engine process, in a pseudo-terminal: it may leave as it likes, the engine goes on."""

import os
import signal
import sys
import time

import pytest

from provisioners.engine.deployment import Deployment
from tests.drucloud_tui import toy
from tests.drucloud_tui.terminal import Terminal, drucloud


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"DRUCLOUD_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    yield
    if holder := Deployment(toy.ID).running():
        os.kill(holder.pid, signal.SIGKILL)


def view(seconds):
    return Terminal([sys.executable, toy.__file__, "--view"], {"TOY_SECONDS": str(seconds)})


def wait_for_end(seconds=15):
    until = time.monotonic() + seconds
    while Deployment(toy.ID).running():
        assert time.monotonic() < until, "the engine did not end"
        time.sleep(0.05)
    return Deployment(toy.ID).state().phase


def test_a_run_to_its_end():
    with view(0.1) as terminal:
        terminal.expect("Building 'toy': 2 steps")
        terminal.expect("first wait: waited")
        text, code = terminal.end()
    assert "'toy' stands." in text
    assert "2 changed" in text
    assert code == 0


def test_first_ctrl_c_stops_at_a_safe_point_and_says_how_to_go_on():
    with view(1.5) as terminal:
        terminal.expect("started   first wait")
        terminal.ctrl_c()
        terminal.expect("Ctrl-C again leaves at once")
        text, code = terminal.end()
    assert "first wait: waited" in text
    assert "drucloud resume toy" in text
    assert code == 130
    assert wait_for_end() == "stopped"


def test_second_ctrl_c_leaves_at_once_and_the_engine_goes_on():
    with view(3) as terminal:
        terminal.expect("started   first wait")
        terminal.ctrl_c()
        terminal.expect("Ctrl-C again leaves at once")
        terminal.ctrl_c()
        text, code = terminal.end(3)
        assert code == 130
        assert "drucloud resume toy" in text
        assert Deployment(toy.ID).running()
    assert wait_for_end() == "stopped"


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_view_that_is_ended_says_so_and_the_engine_goes_on(signum, code):
    with view(1.5) as terminal:
        terminal.expect("started   first wait")
        terminal.kill(signum)
        text, ended = terminal.end(3)
        assert ended == code
        assert "drucloud attach toy" in text
    assert wait_for_end() == "ok"


def test_a_killed_view_stops_nothing_and_attach_shows_the_run():
    with view(1.5) as terminal:
        terminal.expect("started   first wait")
        terminal.kill(signal.SIGKILL)
        terminal.end(3)
    with Terminal(drucloud("attach", "toy", "--display", "plain")) as terminal:
        terminal.expect("Building 'toy': 2 steps")
        text, code = terminal.end()
    assert code == 0
    assert "second wait: waited" in text
    assert Deployment(toy.ID).state().phase == "ok"


def test_a_killed_engine_is_noticed_and_the_way_on_is_named():
    with view(30) as terminal:
        terminal.expect("started   first wait")
        os.kill(Deployment(toy.ID).running().pid, signal.SIGKILL)
        text, code = terminal.end(5)
    assert code == 1
    assert "ended in the middle of its work" in text
    assert "drucloud resume toy" in text


def test_a_second_run_while_one_is_on_is_refused():
    with view(30) as first:
        first.expect("started   first wait")
        with view(0.1) as second:
            text, code = second.end()
        assert code == 2
        assert "toy" in text
        os.kill(Deployment(toy.ID).running().pid, signal.SIGKILL)
        first.end(5)


def test_attach_as_json_is_the_whole_newest_run():
    with view(0.1) as terminal:
        terminal.end()
    import json
    import subprocess

    done = subprocess.run(drucloud("attach", "toy", "--display", "json"), capture_output=True, text=True, timeout=60)
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert kinds[0] == "RunStarted"
    assert kinds[-1] == "RunFinished"
