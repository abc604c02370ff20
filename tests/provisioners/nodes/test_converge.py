"""The on-node program, run as it runs on a node: streamed to a fresh Python, below a scratch root."""

import grp
import io
import json
import os
import pwd
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provisioners.nodes import apply

CONF = "/etc/site.conf"
OWNER = pwd.getpwuid(os.geteuid()).pw_name
GROUP = grp.getgrgid(os.getegid()).gr_name


def tar_of(steps: list[dict[str, Any]], files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    manifest = json.dumps({"format": 1, "role": "test", "steps": steps}).encode()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in {"manifest.json": manifest, **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def files_step(content: str, validate: list[str] | None = None, path: str = CONF, **more: Any) -> dict[str, Any]:
    return {
        "id": "conf",
        "label": "Configuration",
        "kind": "files",
        "directories": [],
        "files": [{"path": path, "source": "files/conf", "owner": OWNER, "group": GROUP, "mode": "0640"}],
        "links": [],
        "absent": [],
        "validate": validate or [],
        "reload": [],
        "restart": [],
        **more,
    }


def program(root: Path, *options: str) -> list[str]:
    command = apply.command()
    return [sys.executable, *command[1:], "--root", str(root), *options]


def converge(root: Path, steps: list[dict[str, Any]], content: str = "", *options: str) -> list[dict[str, Any]]:
    bundle = tar_of(steps, {"files/conf": content.encode()})
    done = subprocess.run(program(root, *options), input=apply.program() + bundle, capture_output=True, timeout=60)
    events = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.stderr == b""
    assert events[-1]["done"] is True
    assert done.returncode == (1 if events[-1]["failed"] else 0)
    return [event for event in events if event.get("status") not in (None, "running")]


def only(events: list[dict[str, Any]]) -> tuple[str, str]:
    (event,) = events
    return event["status"], event["text"]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    assert only(converge(tmp_path, [files_step("")], "one"))[0] == "changed"
    written = tmp_path / CONF[1:]
    before = written.stat()
    assert written.read_text() == "one"
    assert before.st_mode & 0o7777 == 0o640
    assert only(converge(tmp_path, [files_step("")], "one")) == ("ok", "as wanted")
    assert written.stat().st_mtime_ns == before.st_mtime_ns


def test_a_changed_mode_is_put_right(tmp_path: Path) -> None:
    converge(tmp_path, [files_step("")], "one")
    (tmp_path / CONF[1:]).chmod(0o666)
    assert only(converge(tmp_path, [files_step("")], "one"))[0] == "changed"
    assert (tmp_path / CONF[1:]).stat().st_mode & 0o7777 == 0o640


def test_check_changes_nothing_and_says_what_would(tmp_path: Path) -> None:
    status, text = only(converge(tmp_path, [files_step("")], "one", "--check"))
    assert (status, text) == ("skipped", f"would change {CONF}")
    assert list(tmp_path.iterdir()) == []


def test_what_its_server_refuses_is_put_back(tmp_path: Path) -> None:
    written = tmp_path / CONF[1:]
    server = ["grep", "-q", "good", str(written)]
    assert only(converge(tmp_path, [files_step("", server)], "good"))[0] == "changed"
    later = {"id": "later", "label": "Later", "kind": "command", "run": ["false"], "unless": [], "seconds": 5}
    events = converge(tmp_path, [files_step("", server), {**later, "reload": [], "restart": []}], "bad")
    assert [event["status"] for event in events] == ["failed", "skipped"]
    assert "last good" in events[0]["text"]
    assert written.read_text() == "good"
    assert written.stat().st_mode & 0o7777 == 0o640


def test_a_refused_new_file_is_taken_away_again(tmp_path: Path) -> None:
    events = converge(tmp_path, [files_step("", ["false"])], "bad")
    assert events[0]["status"] == "failed"
    assert not (tmp_path / CONF[1:]).exists()


def test_a_killed_run_is_put_back_by_the_next(tmp_path: Path) -> None:
    written = tmp_path / CONF[1:]
    converge(tmp_path, [files_step("")], "good")
    # The validator stands for a kill between writing and judging: it ends the program that called it.
    killer = ["sh", "-c", "kill -9 $PPID"]
    bundle = tar_of([files_step("", killer)], {"files/conf": b"bad"})
    done = subprocess.run(program(tmp_path), input=apply.program() + bundle, capture_output=True, timeout=60)
    assert done.returncode == -9
    assert written.read_text() == "bad"
    refuse = ["false"]
    converge(tmp_path, [files_step("", refuse)], "bad")
    assert written.read_text() == "good"


def test_services_to_be_told_are_remembered_over_a_failure(tmp_path: Path) -> None:
    broken = {"id": "x", "label": "X", "kind": "command", "run": ["false"], "unless": [], "seconds": 5}
    steps = [files_step("", reload=["nginx.service"]), {**broken, "reload": [], "restart": []}]
    converge(tmp_path, steps, "new")
    pending = json.loads((tmp_path / "var/lib/drucloud/pending.json").read_text())
    assert pending == {"nginx.service": "reload"}


def fake_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: list[tuple[str, str]]) -> Path:
    """A systemctl that knows ``units`` (file state and activity, in the order asked) and logs its verbs; the log."""
    program_folder, log = tmp_path / "bin", tmp_path / "log"
    program_folder.mkdir()
    log.touch()
    known = "\\n\\n".join(f"UnitFileState={enabled}\\nActiveState={state}" for enabled, state in units)
    fake = program_folder / "systemctl"
    fake.write_text(f"#!/bin/sh\necho $1 >> {log}\ncase $1 in show) printf '{known}\\n' ;; esac\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program_folder}:/usr/bin:/bin")
    return log


def test_services_are_asked_about_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_systemctl(tmp_path, monkeypatch, [("enabled", "active"), ("static", "active"), ("enabled", "active")])
    steps = [{"id": name, "label": name, "kind": "service", "unit": f"{name}.service"} for name in "abc"]
    assert [event["status"] for event in converge(tmp_path, steps)] == ["ok", "ok", "ok"]
    assert log.read_text().split() == ["show"]


def test_a_unit_that_is_not_enabled_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_systemctl(tmp_path, monkeypatch, [("disabled", "active")])
    assert only(converge(tmp_path, [{"id": "s", "label": "S", "kind": "service", "unit": "s.service"}]))[0] == "changed"
    assert log.read_text().split() == ["show", "daemon-reload", "enable"]


@pytest.mark.parametrize(
    ("state", "told", "verbs"),
    [
        ("active", "", []),
        ("active", "reload", ["reload"]),
        ("active", "restart", ["restart"]),
        ("inactive", "", ["start"]),
        ("inactive", "restart", ["start"]),
        ("activating", "restart", ["start", "restart"]),  # "start" waits for the start that may have read the old files
        ("activating", "reload", ["start", "reload"]),
    ],
)
def test_a_service_is_told_once_what_it_must_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, told: str, verbs: list[str]
) -> None:
    log = fake_systemctl(tmp_path, monkeypatch, [("enabled", state)])
    service = {"id": "s", "label": "S", "kind": "service", "unit": "x.service"}
    steps = [files_step("", **({told: ["x.service"]} if told else {})), service]
    converge(tmp_path, steps, "new")
    assert [verb for verb in log.read_text().split() if verb not in ("show", "daemon-reload")] == verbs
    assert converge(tmp_path, [service])[0]["status"] == ("ok" if state == "active" else "changed")
    pending = tmp_path / "var/lib/drucloud/pending.json"
    assert json.loads(pending.read_text() if told else "{}") == {}


def test_a_guarded_command_runs_once(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    step = {"id": "c", "label": "C", "kind": "command", "seconds": 5, "reload": [], "restart": []}
    guarded = {**step, "run": ["sh", "-c", f"echo made; touch {mark}"], "unless": ["test", "-e", str(mark)]}
    assert only(converge(tmp_path, [guarded])) == ("changed", "made")
    assert only(converge(tmp_path, [guarded])) == ("ok", "done already")


@pytest.mark.parametrize(("options", "status"), [((), "failed"), (("--check",), "unknown")])
def test_a_proof_that_fails(tmp_path: Path, options: tuple[str, ...], status: str) -> None:
    proof = {"id": "p", "label": "P", "kind": "check", "run": ["false"], "within": 0.0}
    assert only(converge(tmp_path, [proof], "", *options))[0] == status


def test_a_link_is_moved_in_one_step(tmp_path: Path) -> None:
    link = {"path": "/current", "to": "releases/2"}
    (tmp_path / "current").symlink_to("releases/1")
    step = files_step("", files=[], links=[link])
    assert only(converge(tmp_path, [step])) == ("changed", "changed /current")
    assert (tmp_path / "current").readlink() == Path("releases/2")
    assert only(converge(tmp_path, [step]))[0] == "ok"


def test_two_runs_never_overlap_and_a_deaf_one_finishes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    slow = {
        "id": "slow",
        "label": "Slow",
        "kind": "command",
        "run": ["sh", "-c", f"echo in >> {log}; sleep 1.5; echo out >> {log}"],
        "unless": [],
        "seconds": 20,
        "reload": [],
        "restart": [],
    }
    stdin = apply.program() + tar_of([slow], {})
    first = subprocess.Popen(program(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdin is not None and first.stdout is not None
    first.stdin.write(stdin)
    first.stdin.close()
    first.stdout.close()  # the connection drops: nobody listens any more
    while not log.exists():
        time.sleep(0.05)
    assert only(converge(tmp_path, [slow]))[0] == "changed"
    assert first.wait(timeout=20) == 0
    assert log.read_text().split() == ["in", "out", "in", "out"]
