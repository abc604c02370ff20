#!/usr/bin/python3
"""Empty the micro-cache after a release, when the marker says so; nginx takes a missing file for a MISS.

``--check`` says whether there is nothing to do.
"""

from __future__ import annotations

import os
import pathlib
import sys

CACHE = pathlib.Path("/dev/shm/nginx/drupal")  # noqa: S108  (nginx's own folder, owned by root)
MARKER = pathlib.Path("/var/lib/drucloud/purge")


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    if not MARKER.exists():
        print("nothing to purge")
        return 0
    if check:
        return 1
    count = 0
    for folder, _, names in os.walk(CACHE):
        for name in names:
            pathlib.Path(folder, name).unlink(missing_ok=True)
            count += 1
    MARKER.unlink(missing_ok=True)
    print(f"purged {count} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
