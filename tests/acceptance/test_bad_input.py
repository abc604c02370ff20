"""Bad input as a user gives it: one clear sentence, what to do, the documented exit code, and no traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioners.nodes import keys
from provisioners.sandbox.git import GitServer
from tests.acceptance.operator import Operator, Ran

LAUGHS = 'a: &a ["lol","lol"]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n'
MINE = "version: 1\nname: mysite\n"


def refused(ran: Ran, code: int, *wanted: str) -> None:
    """``ran`` ended with ``code``, a sentence that holds everything ``wanted``, and one that says what to do."""
    said = ran.err.splitlines()
    start = next(index for index, line in enumerate(said) if line.startswith("drucloud: "))
    assert ran.code == code, ran.err
    assert len(said) == start + 2, ran.err
    assert said[start].endswith("."), said[start]
    assert said[start + 1].startswith("  "), said[start + 1]
    for words in wanted:
        assert words in ran.err
    assert "Traceback" not in ran.err
    assert "inside drucloud" not in ran.err


@pytest.fixture
def someone(home: Path) -> Operator:
    """An operator who has no sandbox and starts none."""
    return Operator(home, sandbox="rehearsal")


@pytest.fixture
def rehearsing(home: Path) -> Iterator[Operator]:
    """An operator whose sandbox rehearses."""
    operator = Operator(home, sandbox="rehearsal")
    operator.run("sandbox", "start", "--sandbox", "rehearsal").ok()
    yield operator
    operator.stop_sandbox()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (MINE + "web:\n  instance_clas: t4g.small\n", ("line 4", "web.instance_clas'", "web.instance_class")),
        (MINE + "web:\n  volume_gib: plenty\n", ("line 4", "web.volume_gib", "whole number")),
        (MINE + "web: [\n", ("line", "not YAML")),
        (LAUGHS, ("line 2", "aliases")),
        ("a: " + "[" * 30000, ("nested too deeply",)),
        (b"\x7fELF\x00\xff\xfe", ("not a text file",)),
    ],
)
def test_profiles(someone: Operator, content: str | bytes, wanted: tuple[str, ...]) -> None:
    path = someone.home / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(someone.replay(profile=str(path)), 2, "mine.yaml", *wanted)


def test_a_profile_of_a_gigabyte_and_a_folder(someone: Operator) -> None:
    path = someone.home / "big.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    ran = someone.replay(profile=str(path))
    refused(ran, 2, "big.yaml is larger than 64 KiB")
    refused(someone.replay(profile=str(someone.home)), 2, "is a folder")


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [("web.nosuch=1", "no key 'web.nosuch'"), ("web.volume_gib=x", "whole number"), ("web.volume_gib", "KEY=VALUE")],
)
def test_settings(someone: Operator, setting: str, wanted: str) -> None:
    refused(someone.replay("--set", setting), 2, wanted)


@pytest.mark.parametrize("command", [["attach"], ["resume", "--yes"], ["destroy", "--yes"], ["health", "--once"]])
def test_unknown_deployment(someone: Operator, command: list[str]) -> None:
    refused(someone.run(command[0], "nosuch", *command[1:]), 2, "'nosuch'")


def test_without_a_terminal(someone: Operator) -> None:
    refused(someone.run(), 2, "drucloud replay PROFILE --display plain --yes")
    refused(someone.run("replay", "starter", "--display", "tui", "--yes"), 2, "needs a terminal", "--display plain")


@pytest.mark.parametrize("state", ["/proc/none", "/dev/null"])
def test_a_state_folder_that_cannot_be(someone: Operator, state: str) -> None:
    someone.extra = {"DRUCLOUD_STATE": state}
    refused(someone.replay(), 1, state, "DRUCLOUD_STATE")


@pytest.mark.parametrize("damage", [b"not a database " * 4096, b""])
def test_a_damaged_journal(someone: Operator, damage: bytes) -> None:
    folder = someone.home / "state" / "deployments" / "sandbox-123456789012-us-east-1-starter"
    folder.mkdir(parents=True)
    (folder / "journal.db").write_bytes(damage)
    for command in (("attach", "starter"), ("resume", "starter", "--yes"), ("destroy", "starter", "--yes")):
        ran = someone.run(*command)
        refused(ran, 1 if damage else 2, "journal.db" if damage else "'starter'")


def test_aws_credentials(rehearsing: Operator) -> None:
    known = json.loads((rehearsing.home / "state" / "sandbox" / "sandbox.json").read_text())
    ask = ("plan", "starter", "--target", "aws")
    refused(rehearsing.run(*ask), 3, "credentials")
    right = {"AWS_ENDPOINT_URL": known["endpoint"], "AWS_ACCESS_KEY_ID": known["access_key"]}
    rehearsing.extra = {**right, "AWS_SECRET_ACCESS_KEY": "wrong"}
    refused(rehearsing.run(*ask), 3, "does not accept the credentials", "aws sso login")
    rehearsing.extra = {**right, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    refused(rehearsing.run(*ask), 3, "does not accept the credentials")
    rehearsing.extra = {**right, "AWS_SECRET_ACCESS_KEY": known["secret_key"]}
    refused(rehearsing.run("replay", "starter", "--target", "aws", "--yes"), 2, "canary", "site.repository")


def test_the_sandbox_runs_already_and_ports(rehearsing: Operator) -> None:
    rehearsing.sandbox = "machines"
    refused(rehearsing.replay(), 2, "already running in mode rehearsal")
    refused(rehearsing.run("sandbox", "start", "--port", "1"), 2, "already running at")
    rehearsing.stop_sandbox()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(rehearsing.run("sandbox", "start", "--sandbox", "rehearsal", "--port", port), 2, port)


def test_git_servers(rehearsing: Operator) -> None:
    def replay(port: int, *more: str) -> Ran:
        return rehearsing.replay("--set", f"site.repository=ssh://git@localhost:{port}/canary.git", *more)

    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    refused(replay(nobody), 3, f"localhost:{nobody}", "cannot be reached")
    server = GitServer(rehearsing.home / "git")
    try:
        refused(replay(server.port), 3, "localhost", server.host_key)
        pinned = f"site.git_host_key={server.host_key}"
        refused(replay(server.port, "--set", pinned), 3, "key")
        other = keys.deployment_key(rehearsing.home).public
        refused(replay(server.port, "--set", f"site.git_host_key={other}"), 3, "host key")
    finally:
        server.close()


def test_a_second_replay_while_one_runs(rehearsing: Operator) -> None:
    first = rehearsing.start(*rehearsing.replay_arguments(profile="starter"))
    engine = rehearsing.engine_pid()
    os.kill(engine, signal.SIGSTOP)  # on a busy machine it would be done before the second one asks
    try:
        ran = rehearsing.replay()
    finally:
        os.kill(engine, signal.SIGCONT)
    first.communicate(timeout=120)
    refused(ran, 2, "already at work on 'starter'", "drucloud attach starter")


@pytest.mark.machines
@pytest.mark.slow
@pytest.mark.xdist_group("machines")
def test_no_disk_space_for_the_base_image(home: Path) -> None:
    cache = home / "cache"
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", cache], check=True)
    operator = Operator(home, sandbox="machines", extra={"DRUCLOUD_CACHE": str(cache)})
    try:
        began = time.monotonic()
        refused(operator.replay(), 1, str(cache), "DRUCLOUD_CACHE")
        assert time.monotonic() - began < 60, "found out before anything was downloaded"
    finally:
        operator.stop_sandbox()
        subprocess.run(["umount", "--lazy", cache], check=True)


def test_what_the_account_does_not_have_is_said_before_anything_is_made(rehearsing: Operator) -> None:
    """A region without the chosen class, a quota too small, a hosted zone that another account has."""

    def replay(*settings: str) -> Ran:
        arguments = [word for setting in settings for word in ("--set", setting)]
        return rehearsing.replay(*arguments)

    refused(replay("aws.region=ca-west-1"), 2, "ca-west-1 does not offer MariaDB on db.t4g.micro", "another")
    many = replay("web.servers=6", "balancer.kind=alb")
    refused(many, 2, "The quota for Elastic IPs is 5: 0 are in use and 7 more are needed.", "L-0263D0A3")
    zone = replay("names.dns=route53", "site.domain=www.elsewhere.test", "balancer.kind=alb")
    refused(zone, 2, "no public zone for www.elsewhere.test in this account", "If another account has the zone")
    assert rehearsing.run("sandbox", "status", "--json").ok()
    assert not list((rehearsing.home / "state" / "deployments").glob("*/journal.db")), "nothing was begun"
