#!/usr/bin/python3
"""Make this machine the one that visitors reach: keepalived calls ``director take`` when it becomes master.

The site's Elastic IP comes to this machine's second private address, and the web servers' default route leads here:
both by EC2's API, with this machine's role. It is tried again until it is done or another machine is master.
``--prepare`` makes the second address one of this machine's and tells keepalived the interface's name and whether the
kernel has IPVS; ``--prepared`` says whether that is done.
``--check`` says who has the site's address, and fails when it is not with its master. Settings:
/etc/drucloud/director.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import drucloud_aws  # type: ignore[import-not-found]  # stands beside it on the node

SETTINGS = Path("/etc/drucloud/director.json")
ARGUMENTS = Path("/run/drucloud/keepalived")
INTERFACE = Path("/etc/drucloud/interface.conf")
ROUTES = Path("/proc/net/route")
IPVS = Path("/proc/net/ip_vs")
MASTER = "169.254.112.112"
"""keepalived puts this address on the loopback interface of the master."""
EVERYWHERE = "0.0.0.0/0"
LONGEST_PAUSE = 10.0


class DirectorError(Exception):
    """Something is not as a director needs it; the text says what."""


def on_loopback(address: str) -> bool:
    """Whether the loopback interface has the address."""
    shown = subprocess.run(["ip", "-4", "-o", "address", "show", "dev", "lo"], stdout=subprocess.PIPE, check=True)
    return f" {address}/" in shown.stdout.decode()


def master() -> bool:
    """Whether keepalived has made this machine the master."""
    return on_loopback(MASTER)


def interface() -> tuple[str, str]:
    """Id of this machine's network interface, and its second private address."""
    mac = drucloud_aws.metadata("mac").strip()
    place = f"network/interfaces/macs/{mac}"
    first = drucloud_aws.metadata("local-ipv4").strip()
    others = [one for one in drucloud_aws.metadata(f"{place}/local-ipv4s").split() if one != first]
    if not others:
        raise DirectorError("this machine has no second private address")
    return drucloud_aws.metadata(f"{place}/interface-id").strip(), others[0]


def lead_here(settings: dict[str, str], card: str, address: str) -> None:
    """The site's address and the web servers' way out, to this machine."""
    drucloud_aws.ec2(
        "AssociateAddress",
        AllocationId=settings["address"],
        NetworkInterfaceId=card,
        PrivateIpAddress=address,
        AllowReassociation="true",
    )
    route = {"RouteTableId": settings["routes"], "DestinationCidrBlock": EVERYWHERE, "NetworkInterfaceId": card}
    try:
        drucloud_aws.ec2("ReplaceRoute", **route)
    except drucloud_aws.AwsError as error:
        if error.code not in ("InvalidParameterValue", "InvalidRoute.NotFound"):
            raise
        drucloud_aws.ec2("CreateRoute", **route)  # the first master of all


def take(settings: dict[str, str]) -> int:
    """Until it is done, or somebody else is master; the exit code."""
    pause = 1.0
    while True:
        try:
            lead_here(settings, *interface())
        except (drucloud_aws.AwsError, DirectorError) as error:
            print(f"the site's address cannot be taken: {error}", file=sys.stderr, flush=True)
        else:
            print("the site's address and the web servers' way out are here", flush=True)
            return 0
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)
        if not master():
            print("another machine is master now", flush=True)
            return 1


def holder(settings: dict[str, str]) -> str:
    """The interface that the site's address is with; empty while it is with none."""
    answer = drucloud_aws.ec2("DescribeAddresses", **{"AllocationId.1": settings["address"]})
    return next((one.text or "" for one in answer.iter() if one.tag.endswith("}networkInterfaceId")), "")


def check(settings: dict[str, str]) -> str:
    """Who has the site's address; raises ``DirectorError`` when it is not with its master."""
    card, _ = interface()
    has, leads = holder(settings), master()
    if not has:
        raise DirectorError("the site's address is with nobody")
    if leads != (has == card):
        raise DirectorError("the master has not got the site's address yet")
    return "this director has the site's address" if leads else "the other director has the site's address"


def definition() -> str:
    """The name of the interface that the default route leaves by, as keepalived's configuration defines it."""
    rows = [line.split() for line in ROUTES.read_text().splitlines()[1:]]
    found = next((row[0] for row in rows if row[1] == "00000000"), "")
    if not found:
        raise DirectorError("this machine has no default route")
    return f"$INTERFACE={found}\n"


def prepare() -> str:
    """The second address on this machine, and what keepalived has to know of it."""
    _, address = interface()
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    INTERFACE.write_text(definition())
    subprocess.run(["modprobe", "-q", "ip_vs"], check=False)
    ARGUMENTS.parent.mkdir(parents=True, exist_ok=True)
    ARGUMENTS.write_text(f"DAEMON_ARGS={'' if IPVS.exists() else '--vrrp'}\n")
    return "IPVS is in the kernel" if IPVS.exists() else "this kernel has no IPVS: keepalived only says who is master"


def prepared() -> int:
    """Whether that is done; the exit code."""
    done = INTERFACE.exists() and INTERFACE.read_text() == definition() and ARGUMENTS.exists()
    return 0 if done and on_loopback(interface()[1]) else 1


def main(arguments: list[str]) -> int:
    """Do what is asked for; the exit code."""
    settings = json.loads(SETTINGS.read_text())
    if "--prepared" in arguments:
        return prepared()
    if "--prepare" in arguments:
        print(prepare())
        return 0
    if "--check" in arguments:
        print(check(settings))
        return 0
    return take(settings)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DirectorError, drucloud_aws.AwsError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
