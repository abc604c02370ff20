"""Looking changes nothing on a machine, takes one connection to each, and tells no secret to anybody."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioners.nodes import keys
from tests.acceptance.operator import Operator

from .faults import Machines
from .rounds import watching

pytestmark = [pytest.mark.machines, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("machines")]

ROUNDS = 4
PATIENCE = 180
"""Seconds until what a timer had begun has to be done."""

EVERY_FILE = (
    r"find / -xdev \( -path /var/log -o -path /run -o -path /etc/drucloud-sandbox \) -prune "
    r"-o -printf '%p %y %m %s %C@ %l\n' | sort"
)
"""Every file of the root file system: kind, mode, size, and when anything of it was last changed (ctime).

But logs, what is gone after a boot, and the sandbox's own folder, in which its host writes.
"""

HOLD = (
    "systemctl list-units --plain --no-legend --state=active '*.timer' | cut -d' ' -f1 | tee /run/held "
    "| xargs systemctl stop"
)
BUSY = "systemctl list-units --plain --no-legend --state=activating '*.service' | wc -l"
RELEASE = "xargs systemctl start </run/held"
"""Ends the timers of a machine; counts the services that one of them still has at work (oneshots); and the way back.

What a machine does of its own accord, such as warming caches or asking apt for updates, writes files too; whether it
does so while somebody looks is chance.
"""

ACCEPTED = "journalctl -q --no-pager -o cat -g 'Accepted publickey' | wc -l"


def changed(before: str, after: str) -> list[str]:
    return sorted(set(before.splitlines()) ^ set(after.splitlines()))


@pytest.fixture
def still(lab: Machines) -> Iterator[tuple[str, ...]]:
    """The machines that are looked into, doing nothing of their own accord meanwhile."""
    both = ("web", "admin")
    for name in both:
        lab.run(name, HOLD)
    try:
        deadline = time.monotonic() + PATIENCE
        while busy := [name for name in both if int(lab.run(name, BUSY))]:
            assert time.monotonic() < deadline, [lab.run(name, "systemctl list-jobs") for name in busy]
            time.sleep(1)
        yield both
    finally:
        for name in both:
            lab.run(name, RELEASE)


def test_nothing_is_changed_and_one_connection_is_used(
    watched: Operator, lab: Machines, still: tuple[str, ...]
) -> None:
    both = still
    files = {name: lab.run(name, EVERY_FILE) for name in both}
    logins = {name: int(lab.run(name, ACCEPTED)) for name in both}
    with watching(watched) as rounds:
        seen = [rounds.next(0)]
        while len(seen) < ROUNDS:
            seen.append(rounds.next(seen[-1]["at"]))
        assert "machine.updates" in {item["name"] for item in seen[0]["findings"]}  # apt was asked, too
        assert {name: int(lab.run(name, ACCEPTED)) - logins[name] for name in both} == {"web": 1, "admin": 1}
    assert {name: changed(files[name], lab.run(name, EVERY_FILE)) for name in both} == {"web": [], "admin": []}


def secrets(watched: Operator, lab: Machines) -> list[str]:
    """The deployment's real secrets: of the site's database user, and its private keys line by line."""
    site = json.loads(lab.run("web", "cat /etc/drucloud/site.json"))
    found = [site["database"]["password"], site["hash_salt"]]
    (folder,) = (watched.home / "state" / "deployments").glob("*-starter")
    for pair in (keys.deployment_key(folder), keys.deploy_key(folder)):
        found += [line for line in Path(pair.path).read_text().splitlines() if not line.startswith("-----")]
    assert all(len(one) > 8 for one in found), "these are no secrets"
    return found


def test_no_secret_is_told_or_kept(watched: Operator, lab: Machines) -> None:
    with watching(watched) as rounds:
        rounds.next(time.time())
        told = "".join(rounds.printed)
    prometheus = watched.home / "drucloud.prom"
    for options in (["--once", "--prometheus", str(prometheus)], ["--nagios"], ["--since", "1h"]):
        ran = watched.run("health", "starter", *options)
        told += ran.out + ran.err
    told += prometheus.read_text()
    (folder,) = (watched.home / "state" / "deployments").glob("*-starter")
    with sqlite3.connect(folder / "health.db") as database:
        told += "\n".join(database.iterdump())
    assert "memcached.round-trip" in told
    assert [one for one in secrets(watched, lab) if one in told] == []
