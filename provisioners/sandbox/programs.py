"""The programs that real machines need on the host; standard library only: asked before anything is installed."""

from __future__ import annotations

import shutil

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "dnsmasq": "dnsmasq-base",
    "apt-cacher-ng": "apt-cacher-ng",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "git": "git",
}
"""Programs the real machines need on the host, with the Debian package each comes from."""


def find_program(name: str) -> str | None:
    """The program's path, looked for where system programs live even if PATH lacks that."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
