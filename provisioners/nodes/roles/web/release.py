#!/usr/bin/python3
"""Bring the newest commit of the site's branch to life: /srv/site/releases/<commit>, then the link ``current``.

Reads /etc/drucloud/site-settings.json (url, branch, docroot; a commit, where an image is made of that very one), the
deploy key and the pinned host key of the Git server.
A release is complete before the link moves, and the link moves in one step. The same commit again changes nothing.
``--check`` says whether the newest commit is the current one.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

SITE = pathlib.Path("/srv/site")
SETTINGS = pathlib.Path("/etc/drucloud/site-settings.json")
MIRROR = SITE / "repository.git"
PURGE = pathlib.Path("/var/lib/drucloud/purge")
PRELOAD = pathlib.Path("/usr/lib/drucloud/preload")
KEEP = 5
SSH = (
    "ssh -F none -i /etc/drucloud/deploy_key -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=15"
    " -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o GlobalKnownHostsFile=none"
    " -o UserKnownHostsFile=/etc/drucloud/git_known_hosts -o StrictHostKeyChecking=yes"
)


class ReleaseError(Exception):
    """The release cannot be made; the text says why in plain words."""


def git(*arguments: str, seconds: float = 600) -> str:
    """Output of a git command; raises ``ReleaseError`` with what git said."""
    environment = {**os.environ, "GIT_SSH_COMMAND": SSH, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"git {arguments[0]} did not finish within {seconds} s") from None
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()[-600:]}")
    return done.stdout.decode().strip()


def newest(settings: Mapping[str, Any]) -> str:
    """The commit that the settings name, or the one at the branch's head, asked from the server."""
    if settings.get("commit"):
        return str(settings["commit"])
    out = git("ls-remote", "--exit-code", settings["url"], f"refs/heads/{settings['branch']}", seconds=60)
    commit = out.split()[0] if out else ""
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        raise ReleaseError(f"the repository has no branch {settings['branch']}")
    return commit


def current() -> str:
    """The commit that is live, or an empty string."""
    link = SITE / "current"
    return link.readlink().name if link.is_symlink() else ""


def unpack(settings: Mapping[str, Any], commit: str) -> pathlib.Path:
    """The commit's files as a complete release; none of them can be written by PHP."""
    release = SITE / "releases" / commit
    if release.is_dir():
        return release
    if not MIRROR.is_dir():
        git("init", "-q", "--bare", str(MIRROR))
    git("-C", str(MIRROR), "fetch", "-q", "--depth", "1", "--no-tags", settings["url"], commit)
    fresh = SITE / "releases" / f".{commit}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o755)
    archive = subprocess.Popen(["git", "-C", str(MIRROR), "archive", commit], stdout=subprocess.PIPE)
    unpacked = subprocess.run(["tar", "-x", "--no-same-owner", "-C", str(fresh)], stdin=archive.stdout, check=False)
    if archive.wait() or unpacked.returncode:
        raise ReleaseError("the commit could not be unpacked (is the disk full?)")
    root = fresh if settings["docroot"] == "." else fresh / settings["docroot"]
    if not (root / "index.php").is_file():
        raise ReleaseError(f"there is no index.php in {settings['docroot']} of the repository")
    share(root)
    os.sync()
    fresh.rename(release)
    return release


def share(root: pathlib.Path) -> None:
    """Link what outlives a release into a Drupal site: its settings and its files."""
    for site in root.glob("sites/default"):
        if not (site / "settings.php").exists():
            (site / "settings.php").symlink_to("/etc/drucloud/settings.php")
        if not os.path.lexists(site / "files"):
            (site / "files").symlink_to(SITE / "shared" / "files")


def activate(release: pathlib.Path) -> None:
    """Move the link in one step; nginx and PHP see the old or the new release, never neither."""
    PURGE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    PURGE.touch()
    fresh = SITE / ".current"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(pathlib.Path("releases") / release.name)
    fresh.replace(SITE / "current")


def forget_old(commit: str) -> None:
    """Keep the newest few releases, and always the live one."""
    releases = [path for path in (SITE / "releases").iterdir() if path.name != commit]
    for path in sorted(releases, key=lambda item: item.stat().st_mtime, reverse=True)[KEEP - 1 :]:
        shutil.rmtree(path)


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    settings = json.loads(SETTINGS.read_text())
    commit = newest(settings)
    if commit == current():
        print(f"{commit[:12]} is live")
        return 0
    if check:
        return 1
    release = unpack(settings, commit)
    if PRELOAD.exists():  # what PHP declared beforehand is the old release's; old and new code must not mix
        subprocess.run([str(PRELOAD), "--forget"], timeout=180, check=False)
    activate(release)
    forget_old(commit)
    print(f"{commit[:12]} is live now")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    try:
        sys.exit(main("--check" in sys.argv[1:]))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
