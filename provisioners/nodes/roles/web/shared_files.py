#!/usr/bin/python3
"""Mount the site's shared files under /srv/site/shared, by the unit that the role wrote; local files need no mount.

/etc/drucloud/shared-files.json says of which kind they are: ``local``, ``gluster`` (a pair of ours) or ``efs``. What
the folder held before is copied into the shared place. ``--check`` says whether it is done.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

SETTINGS = pathlib.Path("/etc/drucloud/shared-files.json")
SHARED = pathlib.Path("/srv/site/shared")
ASIDE = pathlib.Path("/srv/site/shared.local")
UNIT = "srv-site-shared.mount"
SECONDS = 900.0
"""The machines of the pair may still be converging."""


class SharedError(Exception):
    """The shared files cannot be mounted; the text says why."""


def systemctl(*words: str) -> tuple[int, str]:
    """Exit code and output of systemctl."""
    done = subprocess.run(
        ["systemctl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, check=False
    )
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def put_aside() -> None:
    """Before the first mount: what lies in the folder would be hidden by it."""
    if SHARED.is_dir() and any(SHARED.iterdir()) and not SHARED.is_mount():
        SHARED.rename(ASIDE)
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)


def bring_in() -> None:
    """What was put aside goes where it belongs, once: a file that is there already stays."""
    if ASIDE.is_dir():
        subprocess.run(["cp", "-a", "--no-clobber", f"{ASIDE}/.", str(SHARED)], timeout=3600, check=True)
        ASIDE.rename(ASIDE.with_name(f"{ASIDE.name}.{int(time.time())}"))


def mount() -> None:
    """Start the unit; try again as long as the other side may still be coming up."""
    systemctl("daemon-reload")
    until = time.monotonic() + SECONDS
    while True:
        code, said = systemctl("enable", "--now", UNIT)
        if not code and SHARED.is_mount():
            return
        if time.monotonic() > until:
            raise SharedError(f"the shared files were not mounted within {SECONDS:.0f} s: {said}")
        systemctl("reset-failed", UNIT)
        time.sleep(3)


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    settings = json.loads(SETTINGS.read_text())
    if settings["kind"] == "local":
        print("files are on this machine's own disk")
        return 0
    if settings["kind"] == "efs" and json.loads(pathlib.Path("/etc/drucloud/aws.json").read_text())["endpoint"]:
        print("files are on this machine's own disk: the sandbox has no EFS to mount")
        return 0
    if SHARED.is_mount() and systemctl("is-enabled", "--quiet", UNIT)[0] == 0:
        print(f"files are shared ({settings['kind']})")
        return 0
    if check:
        return 1
    put_aside()
    mount()
    bring_in()
    print(f"files are shared now ({settings['kind']})")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main("--check" in sys.argv[1:]))
    except SharedError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
