"""Solr's release: which one, where it comes from, and how an archive that lies here reaches the search node.

Apache's own address is the default. Where the node must not or cannot download, ``search.archive`` names a file on the
operator's machine, or the archive lies in drucloud's cache folder under Apache's name; it is then streamed to the node.
The node verifies the checksum in every case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from profiles import places
from profiles.errors import UsageError
from provisioners.nodes.ssh import Connection

VERSION = "9.11.0"
SHA512 = (
    "0cf320f15662b03844e2d3e983b2a50abab3e643d9aff53ed5a4481ef8707764"
    "20c7bd8dfde377183d44304dcc589f6784ab020eb7c6675000f86fe32fff4057"
)
"""Of ``solr-9.11.0.tgz``, as the Solr project's own container build pins it."""
URL = f"https://archive.apache.org/dist/solr/solr/{VERSION}/solr-{VERSION}.tgz"
"""Where every release stays; the mirrors keep only the newest."""

_NAME = f"solr-{VERSION}.tgz"
_STAGED = f"/var/cache/drucloud/{_NAME}"


def settings(archive: str, sha512: str) -> dict[str, Any]:
    """What the role's templates use; ``archive`` is an address, a path, or empty for Apache's."""
    is_address = archive.startswith(("https://", "http://"))
    return {
        "solr_version": VERSION,
        "solr_sha512": sha512 or SHA512,
        "solr_url": archive if is_address else URL,
    }


def local_archive(archive: str, sha512: str) -> Path | None:
    """The archive on this machine, verified; ``None`` when the node is to download it.

    Raises ``UsageError`` when a named file is missing or is not the pinned release.
    """
    if archive.startswith(("https://", "http://")):
        return None
    path = Path(archive).expanduser() if archive else places.cache_root() / _NAME
    if not path.is_file():
        if archive:
            raise UsageError(f"There is no Solr archive at {path}.", "Correct search.archive, or leave it empty.")
        return None
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha512").hexdigest()
    if found != (sha512 or SHA512):
        raise UsageError(
            f"{path} is not the pinned Solr release: its SHA-512 is {found[:16]}….",
            f"Download solr-{VERSION}.tgz again, or set search.sha512 to that of the release you mean.",
        )
    return path


def bring(connection: Connection, path: Path, node: Mapping[str, Any]) -> bool:
    """Stream the archive to the node unless the release stands there; whether it was sent."""
    home = f"/opt/solr-{VERSION}/.drucloud-sha512"
    seen = connection.run(["sudo", "-n", "cat", home], check=False)
    if seen.code == 0 and seen.text == node["solr_sha512"]:
        return False
    sudo = ["sudo", "-n"]
    connection.run([*sudo, "install", "-d", "-m", "0700", str(Path(_STAGED).parent)])
    connection.run([*sudo, "install", "-m", "0600", "/dev/stdin", _STAGED], path.read_bytes())
    return True
