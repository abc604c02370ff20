"""What the texts of a profile must look like: patterns and checks that no single field owns."""

from __future__ import annotations

import ipaddress

NAME_PATTERN = r"^[a-z](-?[a-z0-9]){1,30}$"
"""What a deployment may be called: it becomes part of AWS names, host names and a folder's name.

RDS and ElastiCache refuse two hyphens in a row and one at the end. At most 31 characters (``name``'s own limit).
"""

CLASS_PATTERN = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"
"""An EC2 class. Only its form is checked here: AWS sells new ones faster than a catalogue learns of them."""

ARCHIVE_PATTERN = r"^(https?://[!-~]+|~?/.+)?$"
"""An address, or a file's whole path: the engine may have been started from another folder."""

REPOSITORY_PATTERN = (
    r"^(canary"
    r"|[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9._~/][!-~]*"
    r"|ssh://([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?/[!-~]+)$"
)
"""``git@host:path`` or ``ssh://user@host:port/path``; no password, and nothing Git could take for an option."""


def private_range(cidr: str) -> str:
    """``cidr`` as it is; ``ValueError`` for what AWS refuses as a VPC's range, and for public ranges.

    A public range would hide that part of the Internet from the machines.
    """
    network = ipaddress.IPv4Network(cidr)
    if not any(network.subnet_of(ipaddress.IPv4Network(private)) for private in _PRIVATE):
        raise ValueError(f"{cidr} is not inside a private range ({', '.join(_PRIVATE)})")
    return cidr


_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""RFC 1918."""
