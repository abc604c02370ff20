"""The base image: one Debian root file system a suite, built once and cloned by overlay for every machine.

Machines run Debian 13; the image of another suite is built when the first machine of it is started.

It is what Debian's cloud image is, without kernel and cloud-init: user ``admin`` with sudo, sshd, the full Python,
no host keys, and two units (``first_boot.py``) that do cloud-init's part through IMDSv2. The cache keeps it under a key
made of the recipe (what mmdebstrap is given and what is copied in), the archives, and the date of the InRelease.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from profiles.errors import FailedError
from profiles.places import cache_root
from provisioners.debian import SUITES
from provisioners.foreign_text import clean_line
from provisioners.sandbox.machines import locks
from provisioners.sandbox.machines.host import Progress
from provisioners.sandbox.machines.sources import SUITE, Source, proxies, release_date, sources, sources_list

NEEDED_BYTES = 1536 * 1024 * 1024
"""Free disk space a build asks for: the image, its packages, and room for the machines."""
_FRESH = 24 * 3600.0
"""Seconds for which the mirror is not asked again whether the suite has changed."""
_KEEP_LAYER = 14 * 24 * 3600.0
"""Seconds for which a role layer that nobody starts from is kept."""

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo", "ca-certificates", "tzdata"),
    *("iproute2", "iputils-ping", "procps", "curl", "less", "nftables", "kmod", "bsdutils", "python3", "python3-apt"),
)
_MASKED = (
    *("systemd-networkd-wait-online.service", "console-getty.service", "systemd-journal-catalog-update.service"),
    *("ldconfig.service", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("dpkg-db-backup.timer", "getty.target"),
)
_UNITS = ("drucloud-meminfo.service", "drucloud-keys.service", "drucloud-user-data.service")
# No manuals and locales, but copyright files and the empty man directories that some postinst scripts write to.
_DPKG = (
    *("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/doc/*"),
    *("path-include=/usr/share/doc/*/copyright", "force-unsafe-io"),
)
_APT = ('Acquire::Languages "none"', 'APT::Install-Recommends "false"')
_HERE = Path(__file__).parent
_RELEASES = {suite.codename: suite.release for suite in SUITES}
# Run by mmdebstrap with the new root as $1; HERE is this folder, MACHINE_SOURCES the machines' own sources.list.
_CUSTOMIZE = f"""
set -e
for n in 1 2 3 4 5 6 7 8; do mkdir -p "$1/usr/share/man/man$n"; done
rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/resolv.conf" "$1/etc/hostname" "$1/etc/apt/apt.conf.d/99mmdebstrap"
: > "$1/etc/machine-id"
chroot "$1" useradd --create-home --shell /bin/bash --groups sudo,adm admin
install -d -m 0755 "$1/usr/local/lib/drucloud-sandbox" "$1/etc/drucloud-sandbox"
install -m 0644 "$HERE/first_boot.py" "$1/usr/local/lib/drucloud-sandbox/first_boot.py"
cp -r "$HERE/rootfs/." "$1/"
chown -R root:root "$1/etc/apt" "$1/etc/sudoers.d" "$1/etc/systemd/system"
chmod 0440 "$1/etc/sudoers.d/90-cloud"
rm -f "$1"/etc/apt/sources.list.d/*
cp "$MACHINE_SOURCES" "$1/etc/apt/sources.list"
chroot "$1" systemctl mask {" ".join(_MASKED)}
chroot "$1" systemctl enable {" ".join(_UNITS)}
"""


def folder() -> Path:
    """Where images and role layers are kept."""
    path = cache_root() / "machines"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def ensure(progress: Progress = lambda _: None, suite: str = SUITE) -> Path:
    """The root folder of the suite's base image, built first if it has to be (about a minute).

    Raises :class:`FailedError` when disk space is short, the mirror cannot be reached, or the build fails.
    """
    archives = sources(suite=suite)
    recipe = _recipe(archives)
    ready = _newest(recipe, suite)
    if ready is not None and time.time() - _checked(ready).stat().st_mtime < _FRESH:
        return ready
    with locks.exclusive(folder() / "image.lock", "building the base image", progress):
        try:
            date = release_date(archives)
        except FailedError:
            if ready is None:
                raise
            progress("the Debian mirror cannot be reached: the cached base image is used")
            return ready
        key = hashlib.sha256(f"{recipe}\0{date}".encode()).hexdigest()[:12]
        root = folder() / f"base-{suite}-{recipe}-{key}"
        if not root.is_dir():
            _build(root, archives, suite, progress)
        _checked(root).touch()
        _prune(root)
    return root


def cached() -> Path | None:
    """The image that a start would take if the mirror has nothing newer; ``None`` if it would build one."""
    return _newest(_recipe(sources()), SUITE)


def key(root: Path) -> str:
    """The image's key, part of the key of every layer that stands on it."""
    return root.name.rpartition("-")[2]


def hold(root: Path) -> int:
    """Keep ``root`` (an image or a layer) from being pruned while the returned file descriptor is open."""
    lock = root.with_name(f"{root.name}.lock")
    descriptor = locks.share(lock)
    os.utime(lock)  # says when it was last used
    return descriptor


def _recipe(archives: tuple[Source, ...]) -> str:
    """A short hash over all that decides what the image contains, but the archive's date."""
    digest = hashlib.sha256(repr((archives, _APT, _DPKG, PACKAGES, _CUSTOMIZE)).encode())
    for file in (_HERE / "first_boot.py", *sorted((_HERE / "rootfs").rglob("*"))):
        if file.is_file():
            digest.update(f"\0{file.relative_to(_HERE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:8]


def _newest(recipe: str, suite: str) -> Path | None:
    found = [path for path in folder().glob(f"base-{suite}-{recipe}-*") if path.is_dir() and _checked(path).exists()]
    return max(found, key=lambda path: _checked(path).stat().st_mtime, default=None)


def _checked(root: Path) -> Path:
    """A file whose time says when the mirror last confirmed the image."""
    return root.with_name(f"{root.name}.checked")


def _build(root: Path, archives: tuple[Source, ...], suite: str, progress: Progress) -> None:
    check_space(folder())
    progress(f"building the base image of Debian {_RELEASES[suite]}, once (about a minute)")
    building = root.with_name(f"{root.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    own, cached = root.with_name("build.list"), root.with_name("machines.list")
    own.write_text(sources_list(archives, cached=False))
    cached.write_text(sources_list(archives, cached=True))
    started = time.monotonic()
    log = root.with_name("build.log")
    with log.open("wb") as output:
        code = subprocess.run(
            _command(building, own, suite),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HERE": str(_HERE), "MACHINE_SOURCES": str(cached), "LC_ALL": "C.UTF-8"},
            umask=0o022,
            check=False,
        ).returncode
    if code != 0:
        shutil.rmtree(building, ignore_errors=True)
        raise FailedError(
            f"The Debian base image could not be built: {_reason(log)}",
            f"The whole log is in {log}; --sandbox rehearsal works without an image.",
        )
    building.rename(root)
    progress(f"base image built in {time.monotonic() - started:.0f} s")


def _command(target: Path, mirrors: Path, suite: str) -> list[str]:
    """Run mmdebstrap in a mount namespace of its own, so that a killed build leaves no mount."""
    options = [f"--dpkgopt={option}" for option in _DPKG] + [f"--aptopt={option}" for option in _APT]
    options += [f'--aptopt=Acquire::{scheme}::Proxy "{proxy}"' for scheme, proxy in proxies().items()]
    return [
        *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave", "--pid", "--fork"),
        *("--kill-child", "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
        *(*options, f"--customize-hook={_CUSTOMIZE}", suite, str(target), str(mirrors)),
    ]


def check_space(path: Path, needed: int = NEEDED_BYTES) -> None:
    """Raise :class:`FailedError` unless ``path``'s file system has ``needed`` bytes free."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise FailedError(
            f"The base image needs {needed / 2**30:.1f} GiB of free disk space in {path}, and {free / 2**30:.1f} GiB"
            " are free.",
            "Free some space, set DRUCLOUD_CACHE to a roomier place, or use --sandbox rehearsal.",
        )


def _reason(log: Path) -> str:
    """The line of a build log that says why it failed."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Err:", "dpkg: error"))]
    return clean_line((errors or lines or ["no output"])[0 if errors else -1])


def _prune(current: Path) -> None:
    """Remove old images other than ``current``, layers long unused, and killed builds; nothing that somebody holds.

    The image of another suite is kept as long as a layer: it is asked for as seldom.
    """
    suite = current.name.split("-")[1]
    for path in (*folder().glob("base-*"), *folder().glob("layer-*")):
        if not path.is_dir() or path == current:
            continue
        layer = path.name.startswith("layer-")
        kept = _FRESH if path.name.startswith(f"base-{suite}-") else _KEEP_LAYER
        stamp = path.with_name(f"{path.name}.lock") if layer else _checked(path)
        if stamp.exists() and time.time() - stamp.stat().st_mtime < kept:
            continue
        lock = path.with_name(f"{path.name}.lock")
        descriptor = locks.take(lock)
        if descriptor is not None:
            shutil.rmtree(path)
            for file in (_checked(path), lock):
                file.unlink(missing_ok=True)
            os.close(descriptor)
