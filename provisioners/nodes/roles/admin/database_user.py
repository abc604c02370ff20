#!/usr/bin/python3
"""Make the site's database and its user with RDS's master secret; run on the admin node, which may read that secret.

Settings (no secret among them) come from /etc/drucloud/database.json: host, port, name, master_secret_arn, secret_arn.
Passwords go to the client through an option file in memory, never through arguments. ``--check`` says whether the
site's user can log in already.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

sys.path.insert(0, "/usr/lib/drucloud")
import drucloud_aws  # type: ignore[import-not-found]  # stands beside it on the node

SETTINGS = pathlib.Path("/etc/drucloud/database.json")
CA = pathlib.Path("/etc/ssl/certs/rds-global-bundle.pem")


def option(text: str) -> str:
    """``text`` as a quoted value of an option file."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def client(settings: Mapping[str, Any], login: Mapping[str, str], sql: str) -> tuple[int, str]:
    """Run ``sql`` as ``login``; exit code and what went wrong."""
    lines = ["[client]", f"host={option(settings['host'])}", f"port={int(settings['port'])}"]
    lines += [f"user={option(login['username'])}", f"password={option(login['password'])}"]
    lines += ["connect-timeout=10"]
    lines += [f"ssl-ca={CA}"] if CA.exists() else []
    memory = os.memfd_create("options", 0)
    os.fchmod(memory, 0o600)  # MariaDB ignores an option file that others could write, and would go on without it
    try:
        os.write(memory, "\n".join(lines).encode())
        done = subprocess.run(
            ["mariadb", f"--defaults-file=/proc/self/fd/{memory}", "--batch", "--skip-column-names"],
            input=sql.encode(),
            capture_output=True,
            pass_fds=[memory],
            timeout=60,
            check=False,
        )
    finally:
        os.close(memory)
    return done.returncode, done.stderr.decode("utf-8", "replace").strip()


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    settings = json.loads(SETTINGS.read_text())
    site = json.loads(drucloud_aws.secret(settings["secret_arn"]))
    name = settings["name"]
    code, _ = client(settings, site, f"USE `{name}`; SELECT 1;")
    if code == 0:
        print(f"{site['username']} can log in to {name}")
        return 0
    if check:
        return 1
    master = json.loads(drucloud_aws.secret(settings["master_secret_arn"]))
    user = f"{literal(site['username'])}@'%'"
    sql = (
        f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4;\n"
        f"CREATE USER IF NOT EXISTS {user};\n"
        f"ALTER USER {user} IDENTIFIED BY {literal(site['password'])};\n"
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES"
        f" ON `{name}`.* TO {user};\n"
    )
    code, said = client(settings, master, sql)
    if code:
        print(f"the database refused: {said}", file=sys.stderr)
        return 1
    code, said = client(settings, site, f"USE `{name}`; SELECT 1;")
    if code:
        print(f"the site's user was made but cannot log in: {said}", file=sys.stderr)
        return 1
    print(f"made {site['username']} and {name}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main("--check" in sys.argv[1:]))
    except drucloud_aws.AwsError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
