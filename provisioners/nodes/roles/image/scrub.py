#!/usr/bin/python3
"""Take from this machine what must not be in an image: identities, keys, secrets, histories, logs.

The web server's services are switched off, so that a server made of the image serves nothing before its first boot has
done its part. What cannot be removed fails the step, and with it the image.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

SERVICES = ("nginx.service", "php{{ php }}-fpm.service")
UNWANTED = (
    "/etc/drucloud/deploy_key",
    "/etc/drucloud/site.json",
    "/etc/ssh/ssh_host_*",
    "/etc/ssl/private/ssl-cert-snakeoil.key",
    "/home/*/.bash_history",
    "/home/*/.ssh/authorized_keys",
    "/home/*/.sudo_as_admin_successful",
    "/root/.bash_history",
    "/root/.ssh/*",
    "/srv/site/repository.git",
    "/tmp/*",  # noqa: S108 - to be emptied
    "/var/cache/apt/archives/*.deb",
    "/var/lib/apt/lists/*",
    "/var/lib/dbus/machine-id",
    "/var/lib/drucloud/site-*",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
    "/var/tmp/*",  # noqa: S108 - likewise
)
"""Paths with wildcards below the last folder or the home folders."""
LOGS = pathlib.Path("/var/log")
MACHINE_ID = pathlib.Path("/etc/machine-id")


def unwanted() -> Iterator[pathlib.Path]:
    """Everything of :data:`UNWANTED` that is there."""
    root = pathlib.Path("/")
    for pattern in UNWANTED:
        yield from root.glob(pattern.removeprefix("/"))


def remove(path: pathlib.Path) -> None:
    """Remove a file, a link or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def scrub() -> None:
    """Do it."""
    subprocess.run(["systemctl", "disable", "--now", *SERVICES], check=True, stdin=subprocess.DEVNULL)
    if cloud_init := shutil.which("cloud-init"):  # its state says which instance it has made ready
        subprocess.run([cloud_init, "clean", "--logs", "--seed"], check=True, stdin=subprocess.DEVNULL)
    for path in list(unwanted()):
        remove(path)
    for path in LOGS.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(b"")
    for journal in LOGS.glob("journal/*"):
        remove(journal)
    MACHINE_ID.write_text("")  # empty, not absent: systemd makes a new one at the next boot


def main() -> int:
    """Do it and say whether anything is left; the exit code."""
    scrub()
    left = [str(path) for path in unwanted() if not str(path).startswith(("/tmp/", "/var/tmp/"))]  # noqa: S108
    if left:
        print(f"still there: {', '.join(left)}", file=sys.stderr)
        return 1
    print("nothing of this machine is left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
