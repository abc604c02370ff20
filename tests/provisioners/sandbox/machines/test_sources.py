"""The machines' archives follow the host's own apt configuration, and nothing else in it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from profiles.errors import FailedError
from provisioners.sandbox.machines import sources
from provisioners.sandbox.machines.sources import PUBLIC, Source

DEB822 = """\
Types: deb
# a comment
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian bookworm main
# deb http://commented.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb https://download.docker.com/linux/debian bookworm stable
deb http://apt.example/pub/repos/apt bookworm-pgdg main
deb http://vendor.example bookworm main
"""


def _apt(folder: Path, one_line: str = "", deb822: str = "") -> Path:
    (folder / "sources.list.d").mkdir()
    (folder / "sources.list").write_text(one_line)
    (folder / "sources.list.d" / "debian.sources").write_text(deb822)
    return folder


def test_deb822_with_the_suite_changed(tmp_path: Path) -> None:
    assert sources.sources(_apt(tmp_path, deb822=DEB822), "bookworm") == (
        Source("https://mirror.example/debian", ("trixie", "trixie-updates")),
        Source("http://mirror.example/debian-security", ("trixie-security",)),
    )


def test_one_line_form_without_third_parties(tmp_path: Path) -> None:
    assert sources.sources(_apt(tmp_path, ONE_LINE), "bookworm") == (
        Source("http://mirror.example/debian", ("trixie",)),
    )


def test_another_suite_comes_from_the_same_archives(tmp_path: Path) -> None:
    found = sources.sources(_apt(tmp_path, deb822=DEB822), "bookworm", "bookworm")
    assert found[0] == Source("https://mirror.example/debian", ("bookworm", "bookworm-updates"))
    assert sources.sources(tmp_path, "noble", "bookworm")[0].suites == ("bookworm", "bookworm-updates")


@pytest.mark.parametrize(
    "line", ["deb http://archive.ubuntu.com/ubuntu noble main", "deb mirror+file:/etc/m.list bookworm main", ""]
)
def test_a_host_without_debians_archives_gets_the_public_mirror(tmp_path: Path, line: str) -> None:
    assert sources.sources(_apt(tmp_path, line), "noble" if "ubuntu" in line else "bookworm") == PUBLIC


def test_a_mirror_behind_tls_is_asked_for_through_the_cache() -> None:
    archives = (Source("https://mirror.example/debian", ("trixie",)),)
    assert " https://mirror.example/debian trixie main" in sources.sources_list(archives, cached=False)
    assert " http://HTTPS///mirror.example/debian trixie main" in sources.sources_list(archives, cached=True)


def test_a_mirror_that_cannot_be_reached_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(FailedError, match=r"127\.0\.0\.1.*cannot be reached.*rehearsal"):
        sources.release_date((Source(f"http://127.0.0.1:{port}/debian", ("trixie",)),))
