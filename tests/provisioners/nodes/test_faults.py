"""What a converge does when the machine fails under it: full disk, no mirror, a reboot in the middle, hostile names."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from profiles.errors import DrucloudError, FailedError
from provisioners.nodes.bundle import Bundle
from provisioners.sandbox.machines.choice import choose

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

pytestmark = [
    pytest.mark.machines,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("node-machines"),
]

MACHINE = "cache"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """One small machine."""
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from tests.provisioners.nodes.lab import lab as made

    with made(tmp_path_factory.mktemp("faults"), [MACHINE]) as standing:
        standing.converge(MACHINE)
        yield standing


def bundle_of(*steps: dict[str, Any], **files: bytes) -> Bundle:
    return Bundle("faults", {"format": 1, "role": "faults", "steps": list(steps)}, files)


def file_step(path: str, source: str, validate: tuple[str, ...] = ()) -> dict[str, Any]:
    item = {"path": path, "owner": "root", "group": "root", "mode": "0644", "source": source}
    nothing: dict[str, Any] = {"directories": [], "links": [], "absent": [], "reload": [], "restart": []}
    return {"id": "file", "label": "File", "kind": "files", "files": [item], "validate": list(validate), **nothing}


@contextmanager
def interrupted(lab: "Lab", wanted: Bundle) -> Iterator[None]:
    """A converge that begins before the block, which interrupts it, and has noticed after it."""
    lost: list[BaseException] = []

    def first() -> None:
        try:
            lab.converge(MACHINE, wanted)
        except (DrucloudError, OSError, AssertionError) as error:
            lost.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
    assert lost, "the converge did not notice"


def test_a_full_disk_leaves_the_last_good_file(lab: "Lab") -> None:
    lab.sh(MACHINE, "mkdir -p /srv/small && mount -t tmpfs -o size=64k tmpfs /srv/small")
    lab.converge(MACHINE, bundle_of(file_step("/srv/small/a.conf", "a"), a=b"good\n"))
    lab.sh(MACHINE, "dd if=/dev/zero of=/srv/small/fill bs=4k 2>/dev/null; true")
    new = bundle_of(file_step("/srv/small/a.conf", "a"), a=b"x" * 20000)
    with pytest.raises(FailedError, match=r"No space left on device.*last good files are back in place"):
        lab.converge(MACHINE, new)
    assert lab.sh(MACHINE, "cat /srv/small/a.conf; ls -A /srv/small") == "good\na.conf\nfill"
    lab.sh(MACHINE, "rm /srv/small/fill")
    assert lab.converge(MACHINE, new).changed
    assert lab.sh(MACHINE, "wc -c </srv/small/a.conf") == "20000"


def test_an_unreachable_mirror_is_said_and_tried_again(lab: "Lab") -> None:
    wanted = bundle_of(
        {"id": "packages", "label": "Packages", "kind": "packages", "packages": ["tree"]},
        file_step("/run/after", "a"),
        a=b"after\n",
    )
    lab.sh(
        MACHINE,
        'printf \'Acquire::http::Proxy "http://127.0.0.1:9";\\nAcquire::Retries "0";\\n\' >/etc/apt/apt.conf.d/99zz-off'
        " && apt-get clean",
    )
    with pytest.raises(FailedError, match=r"step packages failed: apt-get .*failed with exit code"):
        lab.converge(MACHINE, wanted)
    assert lab.sh(MACHINE, "test -e /run/after || echo not begun") == "not begun"
    lab.sh(MACHINE, "rm /etc/apt/apt.conf.d/99zz-off")
    assert set(lab.converge(MACHINE, wanted).steps.values()) == {"changed"}
    assert lab.sh(MACHINE, "command -v tree") == "/usr/bin/tree"


POLICY = "/usr/sbin/policy-rc.d"
SERVED: tuple[dict[str, Any], ...] = (
    {"id": "packages", "label": "Packages", "kind": "packages", "packages": ["at", "uuid-runtime"]},
    {"id": "at", "label": "at", "kind": "service", "unit": "atd.service"},
)


def test_packages_start_no_service_of_the_bundle_and_a_killed_run_forbids_nothing(lab: "Lab") -> None:
    asked = f"{POLICY} atd.service start; echo $?; {POLICY} --quiet atd start; echo $?; {POLICY} atd restart; echo $?"
    hook = "/etc/apt/apt.conf.d/99slow"
    lab.sh(MACHINE, f"echo 'DPkg::Pre-Invoke {{\"touch /run/installing; sleep 6\";}};' >{hook}")
    with interrupted(lab, bundle_of(*SERVED)):
        wait_for(lab, "test -e /run/installing")
        assert lab.sh(MACHINE, asked).split() == ["101", "101", "0"]
        lab.sh(MACHINE, f"kill -9 $(sed -n 's,^test -d /proc/\\([0-9]*\\).*,\\1,p' {POLICY}); rm {hook}")
    assert lab.sh(MACHINE, asked).split() == ["0", "0", "0"]

    lab.converge(MACHINE, bundle_of(*SERVED))
    stands = lab.sh(MACHINE, f"systemctl is-active atd uuidd.socket; test -e {POLICY} || echo gone")
    assert stands.split() == ["active", "active", "gone"]


def test_a_service_is_started_by_its_own_step(lab: "Lab") -> None:
    lab.sh(MACHINE, "DEBIAN_FRONTEND=noninteractive apt-get -qq purge at uuid-runtime && rm -f /run/installing")
    done = lab.converge(MACHINE, bundle_of(*SERVED))
    assert done.steps == {"packages": "changed", "at": "changed"}, "the package has started it"
    # What the bundle does not speak of is the package's own affair.
    assert lab.sh(MACHINE, "systemctl is-active atd uuidd.socket").split() == ["active", "active"]
    assert set(lab.converge(MACHINE, bundle_of(*SERVED)).steps.values()) == {"ok"}


def test_a_reboot_in_the_middle_is_resumed(lab: "Lab") -> None:
    slow = {"id": "slow", "label": "Slow", "kind": "command", "seconds": 120.0, "reload": [], "restart": []}
    run = ["sh", "-c", "touch /var/lib/begun; test -e /var/lib/again || { touch /var/lib/again; sleep 100; }"]
    wanted = bundle_of(
        file_step("/etc/faults.conf", "a"), {**slow, "run": run, "unless": ["test", "-e", "/var/lib/done"]}, a=b"a\n"
    )
    with interrupted(lab, wanted):
        wait_for(lab, "test -e /var/lib/begun")
        boot = lab.sh(MACHINE, "cat /proc/1/stat | cut -d' ' -f22")
        lab.host.execute(MACHINE, ["systemctl", "reboot", "--force", "--force"])
    wait_for(lab, f"test \"$(cut -d' ' -f22 /proc/1/stat)\" != {boot} && systemctl is-active -q ssh")
    again = lab.converge(MACHINE, wanted)
    assert again.steps == {"file": "ok", "slow": "changed"}


def wait_for(lab: "Lab", command: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if lab.host.execute(MACHINE, ["sh", "-c", command])[0] == 0:
                return
        except (DrucloudError, OSError):
            pass  # the machine is between two boots
        time.sleep(0.3)
    raise AssertionError(f"never true: {command}")


@pytest.mark.parametrize("name", ["$(touch /run/pwned).conf", "a;touch /run/pwned;'\"`id`.conf", "--help", "new\nline"])
def test_a_hostile_name_is_only_a_name(lab: "Lab", name: str) -> None:
    path = f"/srv/hostile/{name}"
    content = b"$(touch /run/pwned)\n"
    done = lab.converge(MACHINE, bundle_of(file_step(path, "a", ("test", "-f", path)), a=content))
    assert done.changed
    code, out = lab.host.execute(MACHINE, ["cat", "--", path])
    assert (code, out) == (0, content)
    assert lab.sh(MACHINE, "test -e /run/pwned || echo unharmed") == "unharmed"
