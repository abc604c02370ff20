#!/usr/bin/python3
"""Fetch the certificate authorities of RDS once, so that connections to the database are verified.

RDS's authorities are Amazon's own and not in Debian's store. Outside AWS (an endpoint in aws.json) there is nothing to
fetch. ``--check`` says whether it is done.
"""

from __future__ import annotations

import json
import pathlib
import sys
import urllib.request

URL = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
BUNDLE = pathlib.Path("/etc/ssl/certs/rds-global-bundle.pem")


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    if json.loads(pathlib.Path("/etc/drucloud/aws.json").read_text())["endpoint"]:
        print("not needed outside AWS")
        return 0
    if BUNDLE.exists():
        print("fetched already")
        return 0
    if check:
        return 1
    with urllib.request.urlopen(URL, timeout=60) as answer:
        content = answer.read(4_000_000)
    if b"BEGIN CERTIFICATE" not in content:
        print(f"{URL} did not give certificates", file=sys.stderr)
        return 1
    fresh = BUNDLE.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.chmod(0o644)
    fresh.replace(BUNDLE)
    print(f"{content.count(b'BEGIN CERTIFICATE')} certificates")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
