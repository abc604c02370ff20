#!/usr/bin/python3
"""Have PHP-FPM declare the classes that the site's pages use once, when it starts, instead of at each request.

    preload            learn the list for the live release, if there is none yet
    preload --more     add what visitors have made PHP load since (by the timer, at night)
    preload --forget   declare nothing from now on: another release comes
    preload --check    whether the live release has its list

Only files that do nothing but declare classes are taken, as FPM itself compiled them for pages (classes.php). A list is
tried out by a PHP of its own before FPM reads it, and a site that no longer answers afterwards goes on without. Of the
processor time of a logged-in page of Drupal 11, an eighth goes into declaring classes (docs/benchmarks.md).
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import pathlib
import subprocess
import sys
import types
from typing import Any

CURRENT = pathlib.Path("/srv/site/current")
SETTINGS = pathlib.Path("/etc/drucloud/site-settings.json")
FOLDER = pathlib.Path("/var/lib/drucloud-preload")  # readable by PHP, which /var/lib/drucloud is not
LIST = FOLDER / "list.json"
CLASSES = "/usr/lib/drucloud/classes.php"
LOADER = "/usr/lib/drucloud/preload.php"
UNIT = "php{{ php }}-fpm.service"
PATHS = ("/", "/user/login", "/user/password")
WORTH = 10  # files more, at least, are worth filling OPcache anew


class PreloadError(Exception):
    """The classes cannot be declared beforehand; the text says why."""


def learnt() -> dict[str, Any]:
    """The list as it stands."""
    try:
        found: dict[str, Any] = json.loads(LIST.read_text())
    except (OSError, ValueError):
        return {"release": "", "files": []}
    return found


def tool(name: str) -> types.ModuleType:
    """Another program of this folder, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, f"/usr/lib/drucloud/{name}")
    module = types.ModuleType(name)
    loader.exec_module(module)
    return module


def seen() -> dict[str, Any]:
    """What FPM has compiled of the live release: ``release``, and ``files`` that declare classes only."""
    probe = tool("probe")
    try:
        found: dict[str, Any] = json.loads(probe.ask(CLASSES, CLASSES))
    except (probe.ProbeError, ValueError) as error:
        raise PreloadError(f"PHP-FPM does not say what it has compiled: {error}") from None
    return found


def visit(host: str) -> int:
    """Have PHP make a few pages; the worst status among them."""
    workers = tool("workers")
    try:
        return max(int(workers.made(host, path)) for path in PATHS)
    except workers.WorkersError as error:
        raise PreloadError(str(error)) from None


def try_out(wanted: pathlib.Path) -> None:
    """A PHP of its own declares them all; raises when it cannot."""
    options = {"enable_cli": "1", "preload": LOADER, "preload_user": "www-data", "jit": "disable"}
    command = ["php", *(f"-dopcache.{name}={value}" for name, value in options.items()), "-r", "echo 'declared';"]
    environment = {**os.environ, "DRUCLOUD_PRELOAD": str(wanted)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    if done.returncode or not done.stdout.endswith(b"declared"):
        raise PreloadError(f"PHP cannot declare them: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")


def reload() -> None:
    """FPM starts its workers anew, with the list as it is; or starts at all, when the list before has ended it."""
    subprocess.run(["systemctl", "reload-or-restart", UNIT], timeout=120, check=True)


def take(release: str, files: list[str], host: str) -> None:
    """Have FPM declare ``files``; raises, with everything as it was, when that does not go well."""
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    before, kept = visit(host), learnt()
    draft = FOLDER / "draft.json"
    write(draft, release, files)
    try_out(draft)
    draft.replace(LIST)
    try:
        reload()
        if (after := visit(host)) >= 500 > before:
            raise PreloadError(f"with them the site answered {after}")
    except (PreloadError, subprocess.SubprocessError):
        write(LIST, release, kept["files"] if kept["release"] == release else [])
        reload()
        raise


def write(path: pathlib.Path, release: str, files: list[str]) -> None:
    """A list as ``preload.php`` reads it."""
    path.write_text(json.dumps({"release": release, "files": files}))


def learn(release: str, known: list[str] | None, host: str) -> str:
    """Make or lengthen the list; what was done."""
    visit(host)
    found = seen()
    if found["release"] != release:
        raise PreloadError("another release went live meanwhile")
    files = sorted({*found["files"], *(known or ())})
    if known is not None and len(files) < len(known) + WORTH:
        return f"{len(known)} files of classes, and nothing worth adding"
    take(release, files, host)
    return f"{len(files)} files of classes"


def main(wish: str) -> int:
    """Do it, or with ``--check`` only look; the exit code."""
    site = json.loads(SETTINGS.read_text())
    release, now = str(CURRENT.resolve()), learnt()
    if wish == "--forget":
        if LIST.exists():
            LIST.unlink()
            reload()
        return 0
    if not (CURRENT / site["docroot"] / "core/lib/Drupal.php").is_file():
        print("not a Drupal site of today: nothing to declare beforehand")
        return 0
    known = now["files"] if now["release"] == release else None
    if known is not None and wish != "--more":
        print(f"{len(known)} files of classes")
        return 0
    if wish == "--check":
        return 1
    try:
        print(learn(release, known, site["domain"] or "localhost"))
    except (PreloadError, subprocess.SubprocessError) as error:
        # It makes pages cheaper, and no page needs it.
        if known is None:
            FOLDER.mkdir(mode=0o755, exist_ok=True)
            write(LIST, release, [])
        print(f"nothing is declared beforehand: {error}")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1] if sys.argv[1:] else ""))
