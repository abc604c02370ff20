#!/usr/bin/python3
"""Make two machines into one replicated GlusterFS volume called ``files``, and say how its copies are.

/etc/drucloud/files.json names both machines in a fixed order. Both converge side by side: the first of them asks the
other one into the pair and makes the volume, the second waits for it. ``--check`` says whether all is as wanted.
``--health`` prints the state of the copies as one line and fails when a brick is down or a file waits to be healed.
"""

from __future__ import annotations

import json
import pathlib
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence

SETTINGS = pathlib.Path("/etc/drucloud/files.json")
VOLUME = "files"
BRICK = "/srv/gluster/files/brick"
PEER_SECONDS = 900.0
"""The other machine may still be installing its packages."""
PORT = 24007

OPTIONS = {
    # One of two machines may fail; when both have changed a file alone, the newer one wins instead of neither.
    "cluster.favorite-child-policy": "mtime",
    "cluster.quorum-type": "none",
    "cluster.self-heal-daemon": "on",
    # Seconds a web server waits for a dead machine before it goes on with the other one.
    "network.ping-timeout": "10",
    "performance.cache-size": "64MB",
    "performance.parallel-readdir": "on",
}


class GlusterError(Exception):
    """GlusterFS refused; the text is its own."""


def gluster(*words: str) -> ElementTree.Element:
    """One command of the gluster client, its answer as XML; raises ``GlusterError`` with what it says."""
    done = subprocess.run(["gluster", "--mode=script", "--xml", *words], capture_output=True, timeout=180, check=False)
    try:
        answer = ElementTree.fromstring(done.stdout)  # noqa: S314  (gluster's own words)
    except ElementTree.ParseError:
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        raise GlusterError(f"gluster {' '.join(words[:2])}: {said}") from None
    if answer.findtext("opRet") != "0":
        raise GlusterError(f"gluster {' '.join(words[:2])}: {answer.findtext('opErrstr')}")
    return answer


def connected() -> set[str]:
    """Addresses of the peers that are connected; the one that was asked knows the asker by its name."""
    found = set()
    for peer in gluster("peer", "status").iter("peer"):
        if peer.findtext("connected") == "1":
            found |= {address(str(name.text)) for name in peer.iter("hostname")}
    return found


def address(name: str) -> str:
    """The IPv4 address of a name or an address; the name itself when nobody knows it."""
    try:
        return socket.gethostbyname(name)
    except OSError:
        return name


def volume() -> ElementTree.Element | None:
    """What the volume is, or nothing."""
    try:
        return gluster("volume", "info", VOLUME).find("volInfo/volumes/volume")
    except GlusterError:
        return None


def options_set(found: ElementTree.Element) -> dict[str, str]:
    """The volume's options that were set."""
    return {item.findtext("name") or "": item.findtext("value") or "" for item in found.iter("option")}


def as_wanted(other: str) -> bool:
    """Whether pair, volume and options stand."""
    found = volume()
    if other not in connected() or found is None or found.findtext("statusStr") != "Started":
        return False
    have = options_set(found)
    return all(have.get(name) == value for name, value in OPTIONS.items())


def wait_for(what: str, seconds: float, done: Callable[[], bool]) -> None:
    """Wait until ``done()`` holds."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise GlusterError(f"{what} within {seconds:.0f} s")
        time.sleep(1)


def answers(address: str) -> bool:
    """Whether the other machine's GlusterFS listens."""
    try:
        socket.create_connection((address, PORT), 3).close()
    except OSError:
        return False
    return True


def form(servers: Sequence[str], other: str) -> None:
    """What the first of the two does."""
    wait_for(f"GlusterFS on {other} did not answer", PEER_SECONDS, lambda: answers(other))
    if other not in connected():
        gluster("peer", "probe", other)
        wait_for(f"{other} did not join the pair", 60, lambda: other in connected())
    found = volume()
    if found is None:
        bricks = [f"{server}:{BRICK}" for server in servers]
        # force: on a machine without a volume of its own the brick is on the root file system.
        gluster("volume", "create", VOLUME, "replica", str(len(servers)), *bricks, "force")
        found = volume()
    have = {} if found is None else options_set(found)
    for name, value in OPTIONS.items():
        if have.get(name) != value:
            gluster("volume", "set", VOLUME, name, value)
    if found is None or found.findtext("statusStr") != "Started":
        gluster("volume", "start", VOLUME)


def health() -> str:
    """One line about the copies; raises ``GlusterError`` when they are not equal or a brick is down."""
    down = [
        str(node.findtext("hostname"))
        for node in gluster("volume", "status", VOLUME).iter("node")
        if node.findtext("path") == BRICK and node.findtext("status") != "1"
    ]
    if down:
        raise GlusterError(f"the copy on {' and '.join(down)} is down")
    bricks = gluster("volume", "heal", VOLUME, "info").findall(".//brick")
    waiting = [int(brick.findtext("numberOfEntries") or "0") if _counted(brick) else -1 for brick in bricks]
    if -1 in waiting:
        raise GlusterError("a copy does not say how it is: its machine is not reached")
    if any(waiting):
        raise GlusterError(f"{max(waiting)} files wait to be copied to the other machine")
    return f"{len(bricks)} copies, nothing to heal"


def _counted(brick: ElementTree.Element) -> bool:
    return (brick.findtext("numberOfEntries") or "").isdigit()


def main(servers: Sequence[str], own: str, check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    other = next(server for server in servers if server != own)
    if as_wanted(other):
        print(f"paired with {other}")
        return 0
    if check:
        return 1
    if servers[0] == own:
        form(servers, other)
    else:
        wait_for(f"{other} did not make the volume", PEER_SECONDS, lambda: as_wanted(other))
    print(f"paired with {other} now")
    return 0


if __name__ == "__main__":
    try:
        if "--health" in sys.argv[1:]:
            print(health())
            sys.exit(0)
        settings = json.loads(SETTINGS.read_text())
        sys.exit(main(settings["servers"], settings["self"], "--check" in sys.argv[1:]))
    except GlusterError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
