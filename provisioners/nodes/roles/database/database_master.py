#!/usr/bin/python3
"""Make the master user as RDS does, from the root-only file /etc/drucloud/master.json: username, password, database.

The sandbox writes that file; the password reaches the server on standard input. ``--check`` says whether it is done.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

MASTER = pathlib.Path("/etc/drucloud/master.json")


def literal(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def can_log_in(master: Mapping[str, str]) -> bool:
    """Whether the master user gets in over TCP."""
    memory = os.memfd_create("options", 0)
    os.fchmod(memory, 0o600)  # MariaDB ignores an option file that others could write, and would go on without it
    try:
        password = master["password"].replace("\\", "\\\\").replace('"', '\\"')
        os.write(memory, f'[client]\nhost=127.0.0.1\nuser={master["username"]}\npassword="{password}"\n'.encode())
        done = subprocess.run(
            ["mariadb", f"--defaults-file=/proc/self/fd/{memory}", "-e", "SELECT 1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[memory],
            timeout=30,
            check=False,
        )
    finally:
        os.close(memory)
    return done.returncode == 0


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    master = json.loads(MASTER.read_text())
    if can_log_in(master):
        print(f"{master['username']} can log in")
        return 0
    if check:
        return 1
    user = f"{literal(master['username'])}@'%'"
    sql = (
        f"CREATE USER IF NOT EXISTS {user};\n"
        f"ALTER USER {user} IDENTIFIED BY {literal(master['password'])};\n"
        f"GRANT ALL PRIVILEGES ON *.* TO {user} WITH GRANT OPTION;\n"
    )
    if master.get("database"):
        sql += f"CREATE DATABASE IF NOT EXISTS `{master['database']}` CHARACTER SET utf8mb4;\n"
    done = subprocess.run(["mariadb"], input=sql.encode(), timeout=60, check=False)
    if done.returncode:
        return 1
    print(f"made {master['username']}")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
