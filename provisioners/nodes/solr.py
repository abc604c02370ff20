"""Solr's release: which one, where it comes from, and how an archive that lies here reaches the search node.

Apache's own address is the default. Where the node must not or cannot download, ``search.archive`` names a file on the
operator's machine, or the archive lies in drucloud's cache folder under Apache's name; it is then streamed to the node.
The sandbox's machines have no way out, so there it is downloaded to that folder first. The node verifies the checksum
in every case.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from profiles import places
from profiles.errors import FailedError, UsageError
from provisioners.foreign_text import clean_line
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
_BLOCK = 4 << 20
_STAGED = f"/var/cache/drucloud/{_NAME}"


def settings(archive: str, sha512: str) -> dict[str, Any]:
    """What the role's templates use; ``archive`` is an address, a path, or empty for Apache's."""
    return {"solr_version": VERSION, "solr_sha512": sha512 or SHA512, "solr_url": _address(archive)}


def _address(archive: str) -> str:
    return archive if _is_address(archive) else URL


def _is_address(archive: str) -> bool:
    return archive.startswith(("https://", "http://"))


def local_archive(archive: str, sha512: str) -> Path | None:
    """The archive on this machine, verified; ``None`` when the node is to download it.

    Raises ``UsageError`` when a named file is missing or is not the pinned release.
    """
    if _is_address(archive):
        return None
    path = Path(archive).expanduser() if archive else _kept(sha512)
    if not path.is_file():
        if archive:
            raise UsageError(f"There is no Solr archive at {path}.", "Correct search.archive, or leave it empty.")
        return None
    if (found := _digest(path)) != (sha512 or SHA512):
        raise _not_pinned(str(path), found)
    return path


def _kept(sha512: str) -> Path:
    """In drucloud's cache folder; what is not Apache's release does not take its name."""
    return places.cache_root() / (_NAME if sha512 in ("", SHA512) else f"solr-{sha512[:16]}.tgz")


def _is_kept(sha512: str) -> bool:
    path = _kept(sha512)
    return path.is_file() and _digest(path) == (sha512 or SHA512)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha512").hexdigest()


def check_reachable(archive: str, sha512: str) -> None:
    """Raise ``FailedError`` unless :func:`download` has or could have the archive; nothing is downloaded."""
    if not _is_kept(sha512):
        with _downloading(archive, seconds=8.0):
            pass


def download(archive: str, sha512: str, progress: Callable[[str], None]) -> Path:
    """The archive in drucloud's cache folder, downloaded unless it lies there, and verified.

    Raises ``FailedError`` when it cannot be downloaded and ``UsageError`` when it is not the pinned release; whatever
    ``progress`` raises ends it as well. Half an archive never stays.
    """
    path = _kept(sha512)
    if _is_kept(sha512):
        return path
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    found, done = hashlib.sha512(), 0
    try:
        with _downloading(archive, seconds=60.0) as answer, fresh.open("wb") as out:
            size = int(answer.headers.get("content-length", 0))
            for block in answer.iter_bytes(_BLOCK):
                found.update(block)
                out.write(block)
                done += len(block)
                progress(f"downloading {_NAME}: {done >> 20} MiB" + (f" of {size >> 20}" if size else ""))
        if found.hexdigest() != (sha512 or SHA512):
            raise _not_pinned(_address(archive), found.hexdigest())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


@contextmanager
def _downloading(archive: str, seconds: float) -> Iterator[httpx.Response]:
    url = _address(archive)
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=seconds) as answer:
            answer.raise_for_status()
            yield answer
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FailedError(
            f"{url} cannot be downloaded from here: {clean_line(str(error)) or type(error).__name__}.",
            f"Name a file or another address in search.archive, or put {_NAME} into {places.cache_root()}, or set"
            " search.kind to none.",
        ) from error


def _not_pinned(what: str, found: str) -> UsageError:
    return UsageError(
        f"{what} is not the pinned Solr release: its SHA-512 is {found[:16]}….",
        f"Download {_NAME} again, or set search.sha512 to that of the release you mean.",
    )


def stands(connection: Connection, node: Mapping[str, Any]) -> bool:
    """Whether the node has the release already, and no archive is needed."""
    seen = connection.run(["sudo", "-n", "cat", f"/opt/solr-{VERSION}/.drucloud-sha512"], check=False)
    return seen.code == 0 and seen.text == node["solr_sha512"]


def bring(connection: Connection, path: Path, progress: Callable[[str], None]) -> None:
    """Stream the archive to the node; whatever ``progress`` raises ends it."""
    sudo = ["sudo", "-n"]
    connection.run([*sudo, "install", "-d", "-m", "0700", str(Path(_STAGED).parent)])
    half = f"{_STAGED}.half"
    connection.run([*sudo, "install", "-m", "0600", "/dev/stdin", half], _blocks(path, progress))
    connection.run([*sudo, "mv", "-f", half, _STAGED])


def _blocks(path: Path, progress: Callable[[str], None]) -> Iterator[bytes]:
    size, done = path.stat().st_size, 0
    with path.open("rb") as archive:
        while block := archive.read(_BLOCK):
            progress(f"sending {path.name}: {done >> 20} of {size >> 20} MiB")
            yield block
            done += len(block)
