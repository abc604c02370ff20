#!/usr/bin/python3
"""Solr's release on this machine: /opt/solr-VERSION and the link /opt/solr, from an archive whose checksum is pinned.

The archive is taken from /var/cache/drucloud/solr-VERSION.tgz when it lies there (drucloud puts it there when the
profile names a file, or its cache has one), else from the address in /etc/drucloud/solr.json. ``--check`` says whether
the release stands; ``--validate`` whether the configuration can be read.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

SETTINGS = pathlib.Path("/etc/drucloud/solr.json")
CACHE = pathlib.Path("/var/cache/drucloud")
OPT = pathlib.Path("/opt")
CONFIGURATION = pathlib.Path("/srv/solr/data")


class ArchiveError(Exception):
    """The release cannot be had; the text says why and what to do."""


def digest(path: pathlib.Path) -> str:
    """SHA-512 of a file."""
    found = hashlib.sha512()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def stands(settings: Mapping[str, Any]) -> bool:
    """Whether the wanted release is unpacked, whole, and the one in use."""
    link = OPT / "solr"
    home = OPT / f"solr-{settings['version']}"
    mark = home / ".drucloud-sha512"
    return link.is_symlink() and link.resolve() == home and mark.exists() and mark.read_text() == settings["sha512"]


def fetch(settings: Mapping[str, Any]) -> pathlib.Path:
    """The archive, its checksum verified; a wrong one is thrown away."""
    path = CACHE / f"solr-{settings['version']}.tgz"
    if not path.exists():
        fresh = path.with_suffix(".new")
        if not re.match(r"https?://", settings["url"]):
            raise ArchiveError(f"{path} is not there and search.archive names no address to download it from")
        try:
            with urllib.request.urlopen(settings["url"], timeout=60) as answer, fresh.open("wb") as out:  # noqa: S310
                shutil.copyfileobj(answer, out, 1 << 20)
        except OSError as error:
            raise ArchiveError(
                f"{settings['url']} cannot be downloaded: {error}. Download solr-{settings['version']}.tgz yourself "
                "and name the file in search.archive, or put it into drucloud's cache"
            ) from error
        fresh.replace(path)
    if (found := digest(path)) != settings["sha512"]:
        path.unlink()
        raise ArchiveError(f"the archive's SHA-512 is {found}, not the pinned {settings['sha512']}; it was thrown away")
    return path


def unpack(settings: Mapping[str, Any], archive: pathlib.Path) -> None:
    """Unpack beside and rename, so that a half unpacked release is never in use."""
    home = OPT / f"solr-{settings['version']}"
    fresh = OPT / f".solr-{settings['version']}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o755)
    unpacked = subprocess.run(
        ["tar", "-xzf", str(archive), "--strip-components=1", "--no-same-owner", "-C", str(fresh)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if unpacked.returncode or not (fresh / "bin/solr").is_file():
        raise ArchiveError(f"the archive could not be unpacked: {unpacked.stdout.decode('utf-8', 'replace')[-300:]}")
    shutil.rmtree(fresh / "docs", ignore_errors=True)
    (fresh / ".drucloud-sha512").write_text(settings["sha512"])
    shutil.rmtree(home, ignore_errors=True)
    os.sync()
    fresh.rename(home)
    link = OPT / ".solr-link"
    link.unlink(missing_ok=True)
    link.symlink_to(home.name)
    link.replace(OPT / "solr")


def validate() -> int:
    """Every XML file parses and solr.json is complete."""
    settings = json.loads(SETTINGS.read_text())
    if not re.fullmatch(r"[0-9a-f]{128}", settings["sha512"]):
        raise ArchiveError(f"{SETTINGS}: sha512 is not a SHA-512")
    for path in sorted(CONFIGURATION.rglob("*.xml")):
        try:
            ElementTree.parse(path)  # noqa: S314  (root's own files)
        except ElementTree.ParseError as error:
            raise ArchiveError(f"{path}: {error}") from error
    return 0


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    settings = json.loads(SETTINGS.read_text())
    if stands(settings):
        print(f"Solr {settings['version']} is unpacked")
        return 0
    if check:
        return 1
    archive = fetch(settings)
    unpack(settings, archive)
    archive.unlink()
    print(f"Solr {settings['version']} is unpacked now")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    try:
        sys.exit(validate() if "--validate" in sys.argv[1:] else main("--check" in sys.argv[1:]))
    except ArchiveError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
