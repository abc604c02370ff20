"""Which host runs the machines here, and why: real machines where they can be, a rehearsal elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from profiles.errors import UsageError
from profiles.places import state_root
from provisioners.sandbox.machines.host import HostMode
from provisioners.sandbox.programs import PROGRAMS, find_program

HINT = "Real machines need Linux, root and some packages; 'drucloud sandbox setup' installs these."
"""What to do where the sandbox can only rehearse."""

_PROBE = """
set -e
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/root"
unshare --net --uts --ipc --pid --fork true
"""


def choose(mode: str = "auto") -> tuple[HostMode, str]:
    """The mode the sandbox runs in and why, one clause.

    :param mode: ``auto``, or ``machines`` or ``rehearsal`` to force one.
    :raises UsageError: real machines are asked for and this host cannot boot them.
    """
    if mode == "rehearsal":
        return "rehearsal", "it was asked for"
    if mode not in ("auto", "machines"):
        raise UsageError(f"The sandbox has no mode {mode}.", "Use auto, machines or rehearsal.")
    obstacle = why_not()
    if not obstacle:
        return "machines", "it was asked for" if mode == "machines" else "this host can boot real Debian machines"
    if mode == "machines":
        raise UsageError(
            f"This host cannot boot real machines: {obstacle}.",
            f"{HINT} Or use --sandbox rehearsal.",
        )
    return "rehearsal", obstacle


def why_not() -> str:
    """What keeps this host from booting real machines, one clause; empty if nothing does."""
    if sys.platform != "linux":
        return "only Linux can boot Debian machines"
    if os.geteuid() != 0:
        return "booting machines needs root"
    missing = sorted({package for program, package in PROGRAMS.items() if not find_program(program)})
    if missing:
        return f"these packages are not installed: {', '.join(missing)}"
    return _refused_by_kernel()


def _refused_by_kernel() -> str:
    """Try an overlay where the machines will be, and the namespaces; what failed, or an empty string."""
    with tempfile.TemporaryDirectory(prefix="probe-", dir=state_root()) as folder:
        for name in ("lower", "upper", "work", "root"):
            (Path(folder) / name).mkdir()
        result = subprocess.run(
            ["unshare", "--mount", "sh", "-c", _PROBE, "sh", folder], capture_output=True, text=True, check=False
        )
    if result.returncode == 0:
        return ""
    lines = result.stderr.strip().splitlines() or ["unknown reason"]
    return f"the kernel refuses overlay mounts or namespaces here ({lines[-1].strip()})"
