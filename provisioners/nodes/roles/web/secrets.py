#!/usr/bin/python3
"""Fetch what the site needs by the machine's role and write it where only root and PHP may read it. Prints no secret.

From /etc/drucloud/site-settings.json (no secret in it) and Secrets Manager it makes:

/etc/drucloud/site.json    0640 root:www-data   database, memcached nodes, hash salt
/etc/drucloud/deploy_key   0600 root:root       reads the site's repository

``--check`` says whether both are as they should be. ``--site`` means the first only (a server of a group never fetches
code), ``--deploy-key`` the second (a machine that becomes an image knows no database yet).
"""

from __future__ import annotations

import grp
import hashlib
import hmac
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

sys.path.insert(0, "/usr/lib/drucloud")
import drucloud_aws  # type: ignore[import-not-found]  # stands beside it on the node

FOLDER = pathlib.Path("/etc/drucloud")


Wanted = tuple[pathlib.Path, str, int, int]
"""Path, content, group and mode of a file."""


def site(settings: Mapping[str, Any]) -> Wanted:
    """What PHP reads."""
    login = json.loads(drucloud_aws.secret(settings["secret_arn"]))
    # One secret, one generated value: the salt follows from it, the same on every node.
    salt = hmac.new(login["password"].encode(), b"hash_salt", hashlib.sha256).hexdigest()
    told = {
        "database": {**settings["database"], "username": login["username"], "password": login["password"]},
        "deployment": settings["deployment"],
        "domain": settings["domain"],
        "hash_salt": salt,
        "memcached": settings["memcached"],
        "services": settings["services"],
    }
    return FOLDER / "site.json", json.dumps(told, sort_keys=True) + "\n", grp.getgrnam("www-data").gr_gid, 0o640


def deploy_key(settings: Mapping[str, Any]) -> Wanted:
    """What reads the repository."""
    key = drucloud_aws.secret(settings["deploy_key_secret_arn"])
    return FOLDER / "deploy_key", key if key.endswith("\n") else key + "\n", 0, 0o600


def differs(path: pathlib.Path, content: str, group: int, mode: int) -> bool:
    """Whether the file is not as wanted."""
    if not path.exists():
        return True
    found = path.stat()
    return path.read_text() != content or (found.st_mode & 0o7777, found.st_uid, found.st_gid) != (mode, 0, group)


def main(arguments: Sequence[str]) -> int:
    """Do it, or with ``--check`` only look; the exit code."""
    settings = json.loads((FOLDER / "site-settings.json").read_text())
    named = {"--site": site, "--deploy-key": deploy_key}
    chosen = [make for name, make in named.items() if name in arguments] or list(named.values())
    stale = [item for make in chosen if differs(*(item := make(settings)))]
    if not stale:
        print("secrets are as wanted")
        return 0
    if "--check" in arguments:
        return 1
    for path, content, group, mode in stale:
        drucloud_aws.write_private(path, content, group, mode)
    print(f"wrote {', '.join(item[0].name for item in stale)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except drucloud_aws.AwsError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
