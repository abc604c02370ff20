"""What a killed host leaves, and that a sweep takes all of that and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from profiles.errors import FailedError
from provisioners.sandbox.machines import cgroups, leftovers, namespaces
from provisioners.sandbox.machines.names_on_host import prefix
from provisioners.sandbox.machines.nspawn import NspawnHost
from tests.provisioners.sandbox.machines.conftest import require_machines

HOST = """
    import sys, time
    from pathlib import Path
    from provisioners.sandbox.machines.host import MachineSpec
    from provisioners.sandbox.machines.nspawn import NspawnHost
    host = NspawnHost(Path(sys.argv[1]))
    host.network_up("vpc-k", "10.78.0.0/16")
    (Path(sys.argv[1]) / "vpc-k" / "marker").touch()
    print("network", flush=True)
    host.start(MachineSpec("i-k", "vpc-k", "10.78.0.10", "203.0.113.20", "i-k", b"", 256, 1))
    print("machine", flush=True)
    time.sleep(600)
"""


def _start(root: Path, until: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == until:
            return process
    raise AssertionError(f"the host ended before it said {until}")


def _processes(root: Path) -> list[int]:
    name = prefix(root)
    return [pid for top in cgroups.hierarchies() for pid in cgroups.processes(top / name)]


@pytest.mark.machines
@pytest.mark.parametrize("moment", ["network", "machine"])
def test_after_kill_9_the_machines_die_and_a_sweep_leaves_nothing(tmp_path: Path, moment: str) -> None:
    require_machines()
    root, other = tmp_path / "killed", tmp_path / "other"
    alive = NspawnHost(other)
    process = _start(root, moment)
    try:
        alive.network_up("vpc-k", "10.78.0.0/16")
        if moment == "network":
            time.sleep(0.3)  # in the middle of the boot
        assert _processes(root)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while _processes(root) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _processes(root), "machines outlived their host"
        assert str(root) not in Path("/proc/self/mountinfo").read_text(), "mounts outlived their host"
        assert leftovers.sweep(root)
        assert leftovers.find(root) == []
        assert not list(Path("/run/netns").glob(f"{prefix(root)}*"))
        assert Path(f"/run/netns/{prefix(other)}-vpc-k").exists(), "the sweep took something of another sandbox"
    finally:
        alive.close()
        process.kill()
        process.wait()
        leftovers.sweep(root)
    assert leftovers.find(other) == []
    assert leftovers.sweep(root) == []


@pytest.mark.machines
def test_a_running_host_is_not_swept_and_not_started_twice(tmp_path: Path) -> None:
    require_machines()
    host = NspawnHost(tmp_path)
    try:
        with pytest.raises(FailedError, match="still runs"):
            leftovers.sweep(tmp_path)
        with pytest.raises(FailedError, match="runs already"):
            NspawnHost(tmp_path)
    finally:
        host.close()


@pytest.mark.machines
def test_what_outlived_its_folder_is_swept_too(tmp_path: Path) -> None:
    require_machines()
    root = tmp_path / "lost"
    namespaces.add(f"{prefix(root)}-vpc-lost")
    assert leftovers.sweep(root) == [f"namespace {prefix(root)}-vpc-lost"]
    assert leftovers.find(root) == []


def test_an_ordinary_start_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert leftovers.sweep(tmp_path / "never") == []
