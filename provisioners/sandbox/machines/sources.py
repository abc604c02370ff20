"""Where the machines' Debian comes from: the host's own apt sources with the suite changed.

So a site's mirror or its restricted network serves the sandbox too. Only Debian's own archives are taken over; a host
without them (Ubuntu, or a source form that only its own apt can read) gets Debian's public mirror.
"""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from profiles.errors import FailedError
from provisioners.debian import TRIXIE

SUITE = TRIXIE.codename
"""What every machine runs that is not asked to run another."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_ARCHIVE = re.compile(r"https?://\S+/debian(-security)?/?")


@dataclass(frozen=True)
class Source:
    """One archive: its base URI and the suites taken from it."""

    uri: str
    suites: tuple[str, ...]

    def line(self, suite: str, cached: bool) -> str:
        """One line of a ``sources.list``; ``cached``: as apt asks apt-cacher-ng for it, which fetches TLS itself."""
        uri = re.sub("^https://", "http://HTTPS///", self.uri) if cached else self.uri
        return f"deb [signed-by={KEYRING}] {uri} {suite} main"


def public(suite: str) -> tuple[Source, ...]:
    """Debian's public mirror."""
    return (
        Source("http://deb.debian.org/debian", (suite, f"{suite}-updates")),
        Source("http://deb.debian.org/debian-security", (f"{suite}-security",)),
    )


PUBLIC = public(SUITE)


def sources(apt: Path = Path("/etc/apt"), codename: str | None = None, suite: str = SUITE) -> tuple[Source, ...]:
    """The archives of ``suite``, from the host's apt configuration; Debian's public mirror where it names none."""
    codename = codename or _host_codename()
    found: dict[str, list[str]] = {}
    for uri, named in _entries(apt):
        base, _, pocket = named.partition("-")
        if base == codename and pocket in ("", "updates", "security") and _ARCHIVE.fullmatch(uri):
            found.setdefault(uri.rstrip("/"), []).append(f"{suite}-{pocket}" if pocket else suite)
    if not any(suite in suites for suites in found.values()):
        return public(suite)
    return tuple(Source(uri, tuple(dict.fromkeys(suites))) for uri, suites in found.items())


def sources_list(archives: tuple[Source, ...], *, cached: bool) -> str:
    """``archives`` as the text of a ``sources.list``."""
    return "".join(f"{archive.line(suite, cached)}\n" for archive in archives for suite in archive.suites)


def release_date(archives: tuple[Source, ...], timeout: float = 20.0) -> str:
    """The ``Date`` of the InRelease of the archives' suite, which changes with each point release.

    Raises :class:`FailedError` if the mirror cannot be reached or answers with something else.
    """
    archive, suite = next((one, suite) for one in archives for suite in one.suites if "-" not in suite)
    url = f"{archive.uri}/dists/{suite}/InRelease"
    handler = urllib.request.ProxyHandler(proxies())
    try:
        with urllib.request.build_opener(handler).open(url, timeout=timeout) as answer:
            head = answer.read(4096).decode(errors="replace")
    except (urllib.error.URLError, OSError) as error:
        host = urlsplit(archive.uri).hostname
        raise FailedError(
            f"The Debian mirror {host} cannot be reached: {getattr(error, 'reason', error)}.",
            "Check the network and the host's apt sources, or use the rehearsal: --sandbox rehearsal.",
        ) from error
    match = re.search(r"^Date: (.+)$", head, re.MULTILINE)
    if match is None:
        raise FailedError(
            f"{url} is not a Debian release file.", "Check the host's apt sources, or use --sandbox rehearsal."
        )
    return match[1].strip()


def proxies() -> dict[str, str]:
    """The proxies the host's apt uses, by URL scheme; empty for none."""
    found = {}
    for scheme in ("http", "https"):
        result = subprocess.run(
            ["apt-config", "shell", "PROXY", f"Acquire::{scheme}::Proxy"], capture_output=True, text=True, check=False
        )
        match = re.match(r"PROXY='([^']+)'", result.stdout)
        if match and match[1] not in ("DIRECT", "false"):
            found[scheme] = match[1]
    return found


def _host_codename() -> str:
    text = Path("/etc/os-release").read_text()
    match = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", text, re.MULTILINE)
    return match[1] if match else ""


def _entries(apt: Path) -> Iterator[tuple[str, str]]:
    """Each (URI, suite) with component ``main`` of the host's ``.list`` and ``.sources`` files."""
    for file in sorted([apt / "sources.list", *apt.glob("sources.list.d/*.list")]):
        for line in file.read_text().splitlines() if file.is_file() else ():
            match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line.strip())
            if match and "main" in match[3].split():
                yield match[1], match[2]
    for file in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            yield from _stanza(stanza)


def _stanza(text: str) -> Iterator[tuple[str, str]]:
    """The (URI, suite) pairs of one deb822 stanza."""
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    fields = {
        match[1].lower(): match[2].split() for match in re.finditer(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", text, re.M)
    }
    if "deb" not in fields.get("types", []) or "main" not in fields.get("components", []):
        return
    if fields.get("enabled", ["yes"])[0].lower() == "no":
        return
    for uri in fields.get("uris", []):
        for suite in fields.get("suites", []):
            yield uri, suite
