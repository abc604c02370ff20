"""Makes, watches and removes resources with the kinds, the way the engine does but one after the other."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from provisioners.aws.errors import worth_retrying
from provisioners.aws.kinds import KINDS
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Status, Wanted
from provisioners.target import DeploymentId

REGION = "eu-central-1"
ACCOUNT = "123456789012"
DEPLOYMENT = DeploymentId("sandbox", ACCOUNT, REGION, "trial")
SECONDS = 60.0


@contextmanager
def lost_answers(aws: Aws, service: str) -> Iterator[list[str]]:
    """Every answer of ``service`` to a creating client is lost after AWS has done the work."""
    client, lost = aws.client(service, creating=True), []

    def lose(**kwargs: Any) -> None:
        lost.append("lost")
        raise ConnectionClosedError(endpoint_url="lost on purpose")

    client.meta.events.register("response-received.*", lose, unique_id="lose")
    try:
        yield lost
    finally:
        client.meta.events.unregister("response-received.*", unique_id="lose")


@dataclass
class Stack:
    """What was made, in order, so that it can be taken away the other way round."""

    aws: Aws
    deployment: DeploymentId = DEPLOYMENT
    made: dict[str, tuple[str, Wanted]] = field(default_factory=dict)
    incarnation: str = field(default_factory=lambda: uuid.uuid4().hex)

    def wanted(self, logical_id: str, type_name: str, attempt: int = 1, **properties: Any) -> Wanted:
        token = self.deployment.token(self.incarnation, logical_id, "create", str(attempt))
        tags = {
            "Name": f"trial {logical_id}",
            "drucloud:deployment": self.deployment.name,
            "drucloud:resource": logical_id,
            "drucloud:intent": token,
        }
        return Wanted(self.deployment, logical_id, type_name, properties, token, tags)

    def make(self, logical_id: str, type_name: str, **properties: Any) -> dict[str, Any]:
        """Make it and wait for it; its attributes."""
        wanted = self.wanted(logical_id, type_name, **properties)
        identity = retried("create", lambda: KINDS[type_name].create(self.aws, wanted))
        return self.complete(identity, wanted)

    def complete(self, identity: str, wanted: Wanted) -> dict[str, Any]:
        self.made[wanted.logical_id] = (identity, wanted)
        retried("settle", lambda: KINDS[wanted.type].settle(self.aws, identity, wanted))
        return dict(self.until("ready", wanted.type, identity).attributes)

    def see(self, type_name: str, identity: str) -> Observed:
        return KINDS[type_name].observe(self.aws, [identity])[identity]

    def until(self, status: Status, type_name: str, identity: str) -> Observed:
        end = time.monotonic() + SECONDS
        while (seen := self.see(type_name, identity)).status != status:
            assert time.monotonic() < end and seen.status != "failed", (type_name, identity, seen)
            time.sleep(0.05)
        return seen

    def remove(self, logical_id: str, policy: str = "Delete") -> None:
        identity, wanted = self.made.pop(logical_id)
        kind = KINDS[wanted.type]
        retried("delete", lambda: kind.delete(self.aws, identity, wanted.properties, policy))
        self.until("absent", wanted.type, identity)

    def close(self) -> None:
        for logical_id in reversed(list(self.made)):
            self.remove(logical_id)

    def network(self) -> dict[str, str]:
        """A VPC with a gateway (not attached), two subnets and a group."""
        vpc = self.make("Vpc", "AWS::EC2::VPC", CidrBlock="10.42.0.0/16")["Ref"]
        gateway = self.make("Gateway", "AWS::EC2::InternetGateway")["Ref"]
        subnets = {
            name: self.make(
                name,
                "AWS::EC2::Subnet",
                VpcId=vpc,
                CidrBlock=f"10.42.{number}.0/24",
                AvailabilityZone=f"{REGION}{letter}",
            )["Ref"]
            for number, (name, letter) in enumerate((("SubnetA", "a"), ("SubnetB", "b")))
        }
        group = self.make("Group", "AWS::EC2::SecurityGroup", GroupDescription="trial", VpcId=vpc)["GroupId"]
        return {"Vpc": vpc, "Gateway": gateway, "Group": group, **subnets}

    def attached(self) -> dict[str, str]:
        """The network with its gateway attached."""
        net = self.network()
        self.make("Attachment", "AWS::EC2::VPCGatewayAttachment", VpcId=net["Vpc"], InternetGatewayId=net["Gateway"])
        return net


def retried(operation: Any, call: Any) -> Any:
    """``call`` again and again as long as :func:`worth_retrying` says so."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except ClientError as error:
            if not worth_retrying(error, operation) or time.monotonic() > end:
                raise
            time.sleep(0.1)
