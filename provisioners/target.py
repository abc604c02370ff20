"""Where a deployment goes: an account behind boto3 and a way to open sockets to its machines.

The code that creates resources and configures machines is given a :class:`Target` and cannot tell which of the two
it has: the user's AWS account or the sandbox.
"""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from provisioners.aws.session import Aws

TargetName = Literal["aws", "sandbox"]
Mode = Literal["aws", "machines", "rehearsal"]


@dataclass(frozen=True, order=True)
class DeploymentId:
    """What makes a deployment itself and no other: the same name elsewhere is another one."""

    target: TargetName
    account: str
    region: str
    name: str

    @property
    def folder(self) -> str:
        """Name of its folder under the state root."""
        return f"{self.target}-{self.account}-{self.region}-{self.name}"

    def token(self, *parts: str) -> str:
        """A stable idempotency token (32 hex digits) for ``parts`` within this deployment."""
        text = "\0".join((self.target, self.account, self.region, self.name, *parts))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @classmethod
    def from_folder(cls, folder: str) -> DeploymentId:
        """The reverse of :attr:`folder`; raises ``ValueError`` for any other name."""
        match = re.fullmatch(r"(aws|sandbox)-(\d{12})-([a-z]{2}(?:-[a-z]+)+-\d)-([a-z][a-z0-9-]{1,30})", folder)
        if match is None:
            raise ValueError(f"not the folder of a deployment: {folder}")
        target: TargetName = "aws" if match[1] == "aws" else "sandbox"
        return cls(target, match[2], match[3], match[4])


class Dialer(Protocol):
    """Opens TCP connections to machines of a deployment and to what they reach.

    On AWS that is the ordinary network. In the sandbox the socket is made inside the VPC's network namespace, or leads
    to the rehearsal's stand-in on loopback; names of the sandbox's own world resolve there and nowhere else.
    """

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A connected socket; raises ``OSError`` like ``socket.create_connection``."""
        ...


class DirectDialer:
    """The ordinary network."""

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A connected socket; raises ``OSError``."""
        return socket.create_connection((host, port), timeout)


@dataclass(frozen=True)
class Target:
    """One opened target.

    :param mode: ``aws``; or how the sandbox runs: ``machines`` (real Debian machines) or ``rehearsal``.
    :param mode_reason: why that mode, one clause, shown to the user.
    :param node_endpoint: the AWS API's URL as seen from the machines; empty means AWS's own public endpoints.
    :param alias: the account's alias, by which people know it; empty where there is none.
    """

    name: TargetName
    account: str
    region: str
    aws: Aws
    dialer: Dialer
    mode: Mode
    mode_reason: str = ""
    node_endpoint: str = ""
    alias: str = ""

    def deployment(self, name: str) -> DeploymentId:
        """The id of the deployment called ``name`` in this target."""
        return DeploymentId(self.name, self.account, self.region, name)
