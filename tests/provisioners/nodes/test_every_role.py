"""Every role on a real machine: a second converge changes nothing; a changed value touches what carries it, no more.

What is expected follows from the two bundles; what happened is read from the machine itself, not from the program's
words: the bytes of the files, and systemd's journal for the services.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from provisioners.nodes import bundle, role, solr
from provisioners.nodes.bundle import Bundle
from provisioners.sandbox.machines.choice import choose
from tests.provisioners.nodes.test_fleet import SOLR

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

pytestmark = [
    pytest.mark.machines,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("fleet-machines"),
]

PARTS = {"base", "image", "site", "site-code", "site-database", "site-install", "site-release", "warmer"}
"""Roles that are applied on another role's machine; ``test_machines.py`` and ``test_fleet.py`` have their part."""
NEEDS_INSTANCE = {"director"}
"""It takes an address by EC2's API for the instance it runs on: ``tests/acceptance/test_directors.py`` replays it."""
ROLES = sorted({path.parent.name for path in role.ROLES.glob("*/role.yaml")} - PARTS - NEEDS_INSTANCE)
PAIRED = {"files": "files2"}
"""Roles whose machine does not converge alone, and the other one."""

OTHER: dict[str, Any] = {
    "deployment": "other",
    "distribution": "d2",
    "domain_name": "other.example.org",
    "health_path": "/robots.txt",
    "memory_mib": 4096,
    "micro_cache_seconds": 7,
    "region": "eu-central-1",
    "vcpu": 1,
}
"""Another value of settings that several roles have. None of them moves a machine or its data."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """A machine for each role, converged once."""
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from tests.provisioners.nodes.lab import lab as made

    machines = [*ROLES, *(PAIRED[name] for name in ROLES if name in PAIRED)]
    with made(tmp_path_factory.mktemp("every"), machines) as standing, ThreadPoolExecutor(len(machines)) as pool:
        standing.sh("search", f"install -D -m 600 /dev/stdin {ARCHIVE}", archive())
        for done in pool.map(lambda name: standing.converge(name, plain(name)), machines):
            assert done.changed
        yield standing


ARCHIVE = f"/var/cache/drucloud/solr-{solr.VERSION}.tgz"


@cache
def archive() -> bytes:
    """What stands for Solr's release (see ``test_fleet.py``)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"solr-{solr.VERSION}/bin/solr")
        member.size, member.mode = len(SOLR), 0o755
        tar.addfile(member, io.BytesIO(SOLR.encode()))
    return out.getvalue()


def settings_of(machine: str) -> dict[str, Any]:
    from tests.provisioners.nodes.lab import SETTINGS

    more = solr.settings("", hashlib.sha512(archive()).hexdigest()) if machine == "search" else {}
    return {**SETTINGS[machine], **more}


def plain(machine: str) -> Bundle:
    """The bundle a machine stands at."""
    from tests.provisioners.nodes.lab import role_of

    return bundle.render(role_of(machine), settings_of(machine))


def files_of(made: Bundle) -> dict[str, tuple[Any, ...]]:
    """What each file is to be: content, owner and mode by path."""
    return {
        item["path"]: (made.files[item["source"]], item["owner"], item["group"], item["mode"])
        for step in made.manifest["steps"]
        for item in step.get("files", ())
    }


def expected(before: Bundle, after: Bundle) -> tuple[set[str], set[tuple[str, str]]]:
    """Paths whose files differ, and the jobs of the services that read them (a restart outweighs a reload)."""
    old, new = files_of(before), files_of(after)
    differing = {path for path in new if new[path] != old[path]}
    jobs: dict[str, str] = {}
    for step in after.manifest["steps"]:
        if differing & {item["path"] for item in step.get("files", ())}:
            for unit in step["reload"]:
                jobs.setdefault(unit, "reload")
            jobs.update(dict.fromkeys(step["restart"], "restart"))
    return differing, set(jobs.items())


def seen_files(lab: "Lab", machine: str, made: Bundle) -> dict[str, str]:
    """Each file with its digest, owner, mode and time of change, as the machine has it."""
    look = 'for f; do sha256sum -- "$f"; stat -c \'%U %G %a %y\' -- "$f"; done'
    paths = sorted(files_of(made))
    code, out = lab.host.execute(machine, ["sh", "-c", look, "sh", *paths])
    assert code == 0, out.decode()
    lines = out.decode().splitlines()
    return {path: lines[2 * index] + lines[2 * index + 1] for index, path in enumerate(paths)}


def jobs_since(lab: "Lab", machine: str, cursor: str, made: Bundle) -> set[tuple[str, str]]:
    """Reloads and restarts of the role's services that systemd has finished since ``cursor``."""
    units = {step["unit"] for step in made.manifest["steps"] if step["kind"] == "service"}
    lab.sh(machine, "journalctl --sync")
    out = lab.sh(machine, f"journalctl -q -o json --after-cursor='{cursor}' _PID=1 JOB_RESULT=done")
    entries: list[Mapping[str, str]] = [json.loads(line) for line in out.splitlines()]
    # All of them ran before: systemd finishes a restart as the start that is its second half.
    words = {"start": "restart"}
    found = {(entry.get("UNIT", ""), words.get(entry["JOB_TYPE"], entry["JOB_TYPE"])) for entry in entries}
    return {(unit, job) for unit, job in found if unit in units}


def cursor_of(lab: "Lab", machine: str) -> str:
    return lab.sh(machine, "journalctl --sync; journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p'")


def variations(name: str) -> dict[str, Bundle]:
    """The bundles of a role in which one setting has its other value, where that changes a file and nothing else."""
    stands, found = plain(name), {}
    for key in OTHER.keys() & settings_of(name).keys():
        other = bundle.render(name, {**settings_of(name), key: OTHER[key]})
        if other.manifest == stands.manifest and other.files != stands.files:
            found[key] = other
    return found


@pytest.mark.parametrize("name", ROLES)
def test_a_second_converge_changes_nothing(lab: "Lab", name: str) -> None:
    made = plain(name)
    files, cursor = seen_files(lab, name, made), cursor_of(lab, name)
    assert set(lab.converge(name, made).steps.values()) == {"ok"}
    assert seen_files(lab, name, made) == files
    assert jobs_since(lab, name, cursor, made) == set()


@pytest.mark.parametrize("name", ROLES)
def test_one_changed_value_touches_what_carries_it(lab: "Lab", name: str) -> None:
    stands, others = plain(name), variations(name)
    assert others, f"no setting of {name} changes a file: add one of its own to OTHER"
    for key, other in others.items():
        for before, after in ((stands, other), (other, stands)):
            differing, jobs = expected(before, after)
            files, cursor = seen_files(lab, name, stands), cursor_of(lab, name)
            lab.converge(name, after)
            changed = {path for path, now in seen_files(lab, name, stands).items() if now != files[path]}
            assert changed == differing, key
            assert jobs_since(lab, name, cursor, stands) == jobs, key
