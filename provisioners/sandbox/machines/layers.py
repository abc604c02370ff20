"""Role layers: packages installed once on the base image, kept as an overlay layer that machines start from.

A layer holds packages and nothing of any deployment: no configuration, no data, no key, no secret. It is what a golden
image is to AWS. A machine starts from one layer at most: two would hide each other's package database. Who starts the
machine decides which.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from profiles.errors import FailedError
from provisioners.foreign_text import clean_line
from provisioners.sandbox.machines import image, locks
from provisioners.sandbox.machines.host import Progress

_NEEDED_BYTES = 1024 * 1024 * 1024
_INSTALL = """
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get -qq -o "Acquire::http::Proxy=$PROXY" update
apt-get -qq -y --no-install-recommends -o "Acquire::http::Proxy=$PROXY" install "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/apt/* /var/log/dpkg.log /etc/ssh/ssh_host_* /etc/ssl/private/ssl-cert-snakeoil.key
: > /etc/machine-id
"""
"""No service starts while this runs: there is no init. The first boot starts what the packages enabled."""
_OVERLAY = 'mount -t overlay overlay -o "$1" "$2" && shift 2 && exec "$@"'


def key(base: Path, packages: Sequence[str]) -> str:
    """The key of the layer with ``packages`` on the image ``base``."""
    text = "\0".join((image.key(base), _INSTALL, *sorted(set(packages))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def path(layer: str) -> Path:
    """The folder of the layer with this key; raises :class:`FailedError` if it has not been baked."""
    found = image.folder() / f"layer-{layer}"
    if not found.is_dir():
        raise FailedError(f"The role layer {layer} has not been baked.")
    return found


def exists(layer: str) -> bool:
    """Whether a layer with this key stands ready."""
    return (image.folder() / f"layer-{layer}").is_dir()


def ensure(base: Path, packages: Sequence[str], cache_port: int, prefix: str, progress: Progress) -> str:
    """The key of the layer with ``packages``, baked first if it has to be.

    :param cache_port: where the package cache listens on 127.0.0.1.
    :param prefix: begins the name of the machine that bakes.
    :raises FailedError: no space, or apt refused; says what apt said.
    """
    layer = key(base, packages)
    if exists(layer):
        return layer
    with locks.exclusive(image.folder() / f"layer-{layer}.bake", "baking the same packages", progress):
        if not exists(layer):
            image.check_space(image.folder(), _NEEDED_BYTES)
            _bake(base, layer, packages, cache_port, prefix, progress)
    return layer


def _bake(base: Path, layer: str, packages: Sequence[str], port: int, prefix: str, progress: Progress) -> None:
    work = image.folder() / f"layer-{layer}.baking"
    shutil.rmtree(work, ignore_errors=True)
    for folder in (work, work / "upper", work / "work", work / "root"):
        folder.mkdir()
        folder.chmod(0o755)
    progress(f"installing {len(packages)} packages into a role layer, once")
    started = time.monotonic()
    options = f"lowerdir={base},upperdir={work / 'upper'},workdir={work / 'work'}"
    root = str(work / "root")
    result = subprocess.run(
        [
            *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave"),
            *("sh", "-c", _OVERLAY, "sh", options, root, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
            *("--settings=no", "-D", root, "-M", f"{prefix}-bake-{layer}", "--resolv-conf=off", "--timezone=off"),
            *("--link-journal=no", "--as-pid2", f"--setenv=PROXY=http://127.0.0.1:{port}"),
            *("sh", "-ec", _INSTALL, "sh", *packages),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_TMPFS_TMP": "0"},
        umask=0o022,
        check=False,
    )
    if result.returncode != 0:
        shutil.rmtree(work)
        lines = result.stdout.decode(errors="replace").splitlines()
        reasons = [line for line in lines if line.startswith(("E:", "dpkg: error"))] or lines[-1:] or ["no output"]
        raise FailedError(f"The packages of a role could not be installed: {clean_line(reasons[0])}")
    (work / "upper").rename(image.folder() / f"layer-{layer}")
    shutil.rmtree(work)
    progress(f"role layer ready in {time.monotonic() - started:.0f} s")
