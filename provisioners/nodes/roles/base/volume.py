#!/usr/bin/python3
"""Put a data volume of its own under a folder: find it, give it a file system if it is blank, mount it at each boot.

``volume FOLDER VOLUME_ID``; an empty id means that the folder stays on the machine's own disk. A volume that holds
anything but ext4 is left alone and refused. ``--check`` says whether it is done.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence

FSTAB = pathlib.Path("/etc/fstab")
LABEL = "drucloud-data"
ATTACH_SECONDS = 300.0
"""An EBS volume may be attached after the machine's first converge has begun."""


XEN_DISK = pathlib.Path("/dev/xvdf")


class VolumeError(Exception):
    """The volume cannot be used; the text says why in plain words."""


def output(*argv: str) -> str:
    """Output of a command that may fail."""
    done = subprocess.run(argv, capture_output=True, timeout=600, check=False)
    return done.stdout.decode("utf-8", "replace").strip()


def must(*argv: str) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
    if done.returncode:
        raise VolumeError(f"{argv[0]} failed: {done.stdout.decode('utf-8', 'replace').strip()[-300:]}")


def device(volume_id: str) -> pathlib.Path:
    """Where an EBS volume is: Nitro's link is named after its serial number, the id without its dash.

    The oldest classes (m3) have Xen's disks, which know no id: there a data volume is the one attached as /dev/sdf.
    """
    if XEN_DISK.exists():
        return XEN_DISK
    serial = volume_id.replace("-", "")
    return pathlib.Path(f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{serial}")


def entry(folder: str) -> str:
    """The line of fstab: by label, since device names change; a machine without the volume still boots."""
    return f"LABEL={LABEL} {folder} ext4 defaults,noatime,nodev,nosuid,nofail,x-systemd.device-timeout=60 0 2"


def mounted(folder: str) -> bool:
    """Whether something is mounted there."""
    return pathlib.Path(folder).is_mount()


def bring_up(folder: str, volume_id: str) -> str:
    """Mount it; what was done."""
    path = device(volume_id)
    until = time.monotonic() + ATTACH_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            raise VolumeError(f"{volume_id} is not attached to this machine: there is no {path}")
        time.sleep(2)
    holds = output("blkid", "-p", "-s", "TYPE", "-o", "value", str(path))
    if holds not in ("", "ext4"):
        raise VolumeError(f"{volume_id} holds {holds}; only a blank volume or ext4 is taken")
    if not holds:
        must("mkfs.ext4", "-q", "-L", LABEL, str(path))
    elif output("blkid", "-p", "-s", "LABEL", "-o", "value", str(path)) != LABEL:
        must("e2label", str(path), LABEL)
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    lines = [line for line in FSTAB.read_text().splitlines() if f" {folder} " not in line] if FSTAB.exists() else []
    FSTAB.write_text("\n".join([*lines, entry(folder), ""]))
    must("systemctl", "daemon-reload")
    must("mount", folder)
    return f"{volume_id} is mounted on {folder}"


def main(arguments: Sequence[str]) -> int:
    """Do it, or with ``--check`` only look; the exit code."""
    folder, volume_id = [word for word in arguments if word != "--check"]
    if not volume_id:
        print(f"{folder} is on the machine's own disk")
        return 0
    if json.loads(pathlib.Path("/etc/drucloud/aws.json").read_text())["endpoint"]:
        print(f"{folder} is on the machine's own disk: the sandbox's volumes are no devices")
        return 0
    if mounted(folder) and FSTAB.exists() and entry(folder) in FSTAB.read_text():
        print(f"{volume_id} is mounted on {folder}")
        return 0
    if "--check" in arguments:
        return 1
    print(bring_up(folder, volume_id))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except VolumeError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
