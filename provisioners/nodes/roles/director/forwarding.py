#!/usr/bin/python3
"""Lead visitors to the web servers where the kernel has no IPVS: nftables changes the packets' destination instead.

It is no IPVS: it counts no connections, so that the schedulers that do (lc, wlc, sed, nq) take turns here; sh and
persistence go by the visitor's address, dh, lblc and lblcr by the address asked for. A web server that does not answer
/healthz gets nothing new. ``--needed`` says whether the kernel lacks IPVS, ``--check`` whether forwarding is taken care
of, ``--table`` prints who gets what, as ``ipvsadm -Ln`` would, and fails when nobody does.
"""

from __future__ import annotations

import functools
import http.client
import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SETTINGS = Path("/etc/drucloud/director.json")
IPVS = Path("/proc/net/ip_vs")
STATE = Path("/run/drucloud/forwarding")
TABLE = "drucloud_forwarding"
UNIT = "drucloud-forwarding.service"
MARK = "FWM  1"
PORT = 80
WEIGHT = 100
EVERY_SECONDS = 5.0
FAILURES = 3
"""So often in a row it has not answered before it gets nothing: keepalived's first try and two more."""
BY_SOURCE = ("sh",)
BY_DESTINATION = ("dh", "lblc", "lblcr")


def choice(scheduler: str, persistence: int) -> str:
    """The words of nftables for who gets the next connection; ``%d`` is the number of slots."""
    if scheduler in BY_SOURCE or persistence:
        return "jhash ip saddr mod %d"
    return "jhash ip daddr mod %d" if scheduler in BY_DESTINATION else "numgen inc mod %d"


def slots(weights: Mapping[str, int]) -> list[str]:
    """The servers, each as often as its weight says, taking turns."""
    shares = {server: weight for server, weight in weights.items() if weight > 0}
    if not shares:
        return []
    unit = functools.reduce(math.gcd, shares.values())
    rounds = max(shares.values()) // unit
    return [server for turn in range(rounds) for server, weight in shares.items() if turn < weight // unit]


def rules(weights: Mapping[str, int], scheduler: str, persistence: int) -> str:
    """The whole table; without a server that answers there is nothing in it, and the visitor is refused."""
    places = slots(weights)
    text = f"table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n"
    text += "    chain choosing {\n        type nat hook prerouting priority dstnat; policy accept;\n"
    if places:
        pairs = ", ".join(f"{number} : {server}" for number, server in enumerate(places))
        text += f"        meta mark 1 dnat to {choice(scheduler, persistence) % len(places)} map {{ {pairs} }}\n"
    return text + "    }\n}\n"


def listing(weights: Mapping[str, int], scheduler: str) -> str:
    """The table as ``ipvsadm -Ln`` prints one."""
    rows = [f"  -> {server}:0  Masq  {weight}  0  0" for server, weight in weights.items()]
    return "\n".join([f"{MARK} {scheduler}", *rows])


def answers(server: str) -> bool:
    """Whether nginx on the web server says that it is well."""
    try:
        connection = http.client.HTTPConnection(server, PORT, timeout=3)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def activate(weights: Mapping[str, int], scheduler: str, persistence: int) -> None:
    """Put the table into the kernel in one step, and say so."""
    subprocess.run(["nft", "-f", "-"], input=rules(weights, scheduler, persistence).encode(), check=True)
    STATE.parent.mkdir(parents=True, exist_ok=True)
    fresh = STATE.with_name(".forwarding.new")
    fresh.write_text(listing(weights, scheduler) + "\n")
    fresh.replace(STATE)


def forward() -> None:
    """For ever: ask the web servers that the settings name by now, and give visitors to those that answer.

    As keepalived begins (``alpha``): a server that nobody has asked yet is not there.
    """
    failed: dict[str, int] = {}
    active: tuple[dict[str, int], str, int] | None = None
    while True:
        settings = json.loads(SETTINGS.read_text())
        for server in settings["servers"]:
            failed[server] = 0 if answers(server) else failed.get(server, FAILURES) + 1
        weights = {server: WEIGHT if failed[server] < FAILURES else 0 for server in settings["servers"]}
        wanted = (weights, settings["scheduler"], settings["persistence"])
        if wanted != active:
            activate(*wanted)
            active = wanted
            print(listing(weights, settings["scheduler"]), flush=True)
        time.sleep(EVERY_SECONDS)


def needed() -> bool:
    """Whether the kernel lacks IPVS; keepalived, which loads it, starts first."""
    subprocess.run(["modprobe", "-q", "ip_vs"], check=False)
    return not IPVS.exists()


def check() -> int:
    """Whether forwarding is taken care of; the exit code."""
    if not needed():
        print("IPVS is in the kernel")
        return 0
    running = subprocess.run(["systemctl", "is-active", "--quiet", UNIT], check=False).returncode == 0
    print("nftables forwards: this kernel has no IPVS" if running else "nobody forwards: this kernel has no IPVS")
    return 0 if running else 1


def table() -> int:
    """Print it; the exit code says whether it is there."""
    if not needed():
        print(subprocess.run(["ipvsadm", "-Ln"], stdout=subprocess.PIPE, check=True).stdout.decode().strip())
        return 0
    if not STATE.exists():
        print("nftables forwards nothing yet", file=sys.stderr)
        return 1
    print("nftables in place of IPVS, which this kernel has not:")
    print(STATE.read_text().strip())
    return 0


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for; the exit code."""
    if "--needed" in arguments:
        return 0 if needed() else 1
    if "--check" in arguments:
        return check()
    if "--table" in arguments:
        return table()
    forward()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
