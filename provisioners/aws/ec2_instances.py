"""Machines and how they are reached: instances, key pairs, Elastic IPs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from profiles.errors import FailedError
from provisioners.aws.errors import code
from provisioners.aws.permissions import ROLES, TO_EC2, Need, anywhere, ec2_makes, ec2_uses
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Ec2Kind, Kind, by_ids, ec2_rows
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_specification, physical_name
from provisioners.engine.kinds import Observed, Wanted
from provisioners.foreign_text import clean_line

_TAGS = frozenset({"Tags"})
KEY_NAME_LIMIT = 255


class KeyPair(Ec2Kind):
    """``AWS::EC2::KeyPair``, always an imported public key: the private half never leaves the operator's machine."""

    type = "AWS::EC2::KeyPair"
    resource, id_key, id_filter = "key-pair", "KeyPairId", "key-pair-id"
    listing = ("describe_key_pairs", "KeyPairs")
    needs = (
        *ec2_makes("ec2:ImportKeyPair", "key-pair"),
        *anywhere("ec2:DescribeKeyPairs"),
        ec2_uses("ec2:DeleteKeyPair", "key-pair", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Import it."""
        made = aws.client("ec2", creating=True).import_key_pair(
            KeyName=str(wanted.properties.get("KeyName") or physical_name(wanted, KEY_NAME_LIMIT)),
            PublicKeyMaterial=str(wanted.properties["PublicKeyMaterial"]).encode(),
            TagSpecifications=as_specification(wanted, self.resource),
        )
        return str(made["KeyPairId"])

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its tags; one of the same name with other tags is not ours."""
        found = super().find(aws, wanted)
        name = wanted.properties.get("KeyName")
        if found is None and name and self.rows(aws, by_ids("key-name", [str(name)])):
            raise FailedError(
                f"There is already a key pair called {name}, and it was not made by this deployment.",
                "Delete it in EC2, or give this deployment another name.",
            )
        return found

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states; ``Ref`` is its name."""
        return Observed(
            "ready",
            {"Ref": row["KeyName"], "KeyPairId": row["KeyPairId"], "KeyFingerprint": row.get("KeyFingerprint", "")},
        )

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        for row in self.rows(aws, by_ids(self.id_filter, [identity])):
            aws.client("ec2").delete_key_pair(KeyName=row["KeyName"])


class Eip(Ec2Kind):
    """``AWS::EC2::EIP``; identity ``eipalloc-…``, ``Ref`` is the address."""

    type = "AWS::EC2::EIP"
    resource, id_key, id_filter = "elastic-ip", "AllocationId", "allocation-id"
    listing = ("describe_addresses", "Addresses")
    needs = (
        *ec2_makes("ec2:AllocateAddress", "elastic-ip"),
        *anywhere("ec2:DescribeAddresses"),
        ec2_uses("ec2:ReleaseAddress", "elastic-ip", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Allocate it."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "AllocateAddress", {"Domain": "vpc", **wanted.properties}, without=_TAGS)
        return str(
            client.allocate_address(**values, TagSpecifications=as_specification(wanted, self.resource))["AllocationId"]
        )

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states."""
        address = row["PublicIp"]
        return Observed("ready", {"Ref": address, "PublicIp": address, "AllocationId": row["AllocationId"]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Release it; EC2 refuses while it is associated."""
        aws.client("ec2").release_address(AllocationId=identity)


class EipAssociation(Kind):
    """``AWS::EC2::EIPAssociation`` by ``AllocationId``; identity ``eipassoc-…``."""

    type = "AWS::EC2::EIPAssociation"
    needs = (
        ec2_uses("ec2:AssociateAddress", "elastic-ip", "instance", "network-interface", phase="deploy"),
        *anywhere("ec2:DescribeAddresses"),
        ec2_uses("ec2:DisassociateAddress", "elastic-ip", "network-interface", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Associate, never taking an address away from another machine; a link has no tags."""
        client = aws.client("ec2", creating=True)
        values = arguments(client, "AssociateAddress", wanted.properties)
        return str(client.associate_address(**values, AllowReassociation=False)["AssociationId"])

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The address's association, if it is with our machine."""
        for row in ec2_rows(aws, *Eip.listing, by_ids(Eip.id_filter, [str(wanted.properties["AllocationId"])])):
            if not row.get("AssociationId"):
                continue
            for name in {"InstanceId", "NetworkInterfaceId"} & set(wanted.properties):
                if row.get(name) != wanted.properties[name]:
                    raise FailedError(f"{row['PublicIp']} is associated with {row.get(name)}.", "Disassociate it.")
            return str(row["AssociationId"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """From the addresses' side."""
        rows = ec2_rows(aws, *Eip.listing, by_ids("association-id", identities))
        found = {row["AssociationId"] for row in rows}
        return {one: Observed("ready", {"Ref": one, "Id": one}) if one in found else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Disassociate."""
        aws.client("ec2").disassociate_address(AssociationId=identity)


STATES = {"pending": "pending", "running": "ready", "stopping": "pending", "stopped": "failed"}
"""EC2's instance states; the two that are left (shutting-down, terminated) depend on the direction, see below."""


class Instance(Ec2Kind):
    """``AWS::EC2::Instance``."""

    type = "AWS::EC2::Instance"
    poll_seconds = 3.0
    expected_seconds = 30.0
    resource, id_key, id_filter = "instance", "InstanceId", "instance-id"
    listing = ("describe_instances", "Reservations")
    mutable = frozenset({"DisableApiTermination", "InstanceType", "SecurityGroupIds", "SourceDestCheck"})
    interrupting: ClassVar[Mapping[str, str]] = {"InstanceType": "stops and starts it, away for a minute or two"}
    needs = (
        *ec2_makes(
            "ec2:RunInstances",
            "instance", "volume", "network-interface",
            of=("subnet", "security-group", "key-pair"),
        ),
        Need("ec2:RunInstances", "deploy", ("arn:{partition}:ec2:{region}::image/*",)),
        Need("iam:PassRole", "deploy", ROLES, TO_EC2, given="IamInstanceProfile", beside="ec2:RunInstances"),
        ec2_uses("ec2:ModifyInstanceAttribute", "instance", phase="deploy", given="SourceDestCheck"),
        *anywhere("ec2:DescribeInstances"),
        ec2_uses("ec2:ModifyInstanceAttribute", "instance", "security-group", phase="change"),
        ec2_uses("ec2:StopInstances", "instance", phase="change"),
        ec2_uses("ec2:StartInstances", "instance", phase="change"),
        ec2_uses("ec2:TerminateInstances", "instance", phase="destroy"),
        ec2_uses("ec2:ModifyInstanceAttribute", "instance", phase="destroy", given="DisableApiTermination=true"),
    )  # fmt: skip

    def rows(self, aws: Aws, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Instances stand inside reservations."""
        return [row for group in super().rows(aws, filters) for row in group["Instances"]]

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Run one, with token; its volumes and interfaces get the tags too, for they cost money as well."""
        client = aws.client("ec2", creating=True)
        settled = frozenset({"SourceDestCheck", "PropagateTagsToVolumeOnCreation"})
        values = arguments(client, "RunInstances", run_properties(wanted.properties), without=settled | _TAGS)
        made = client.run_instances(
            **values,
            MinCount=1,
            MaxCount=1,
            ClientToken=wanted.token,
            TagSpecifications=as_specification(wanted, "instance", "volume", "network-interface"),
        )
        return str(made["Instances"][0]["InstanceId"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """The source/destination check is not part of RunInstances."""
        if "SourceDestCheck" in wanted.properties:
            self._modify(aws, identity, "SourceDestCheck", wanted.properties)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """One call an attribute, as EC2 wants it."""
        for name in sorted(changed):
            if name == "InstanceType":
                self._change_type(aws, identity, str(wanted.properties[name]))
            elif name == "SecurityGroupIds":
                groups = list(wanted.properties[name])
                aws.client("ec2").modify_instance_attribute(InstanceId=identity, Groups=groups)
            else:
                self._modify(aws, identity, name, wanted.properties)

    def _change_type(self, aws: Aws, identity: str, wish: str) -> None:
        """Stop, change, start; from wherever an earlier try left it.

        Until it has stopped EC2 refuses the change (``IncorrectInstanceState``), and the engine asks again.
        """
        client = aws.client("ec2")
        (row,) = self.rows(aws, by_ids(self.id_filter, [identity]))
        if row["InstanceType"] != wish:
            if row["State"]["Name"] in ("pending", "running"):
                client.stop_instances(InstanceIds=[identity])
            client.modify_instance_attribute(InstanceId=identity, InstanceType={"Value": wish})
        client.start_instances(InstanceIds=[identity])

    def _modify(self, aws: Aws, identity: str, name: str, properties: Mapping[str, Any]) -> None:
        default = name == "SourceDestCheck"
        on = str(properties.get(name, default)).lower() == "true"
        aws.client("ec2").modify_instance_attribute(InstanceId=identity, **{name: {"Value": on}})

    def alive(self, row: Mapping[str, Any]) -> bool:
        """A terminated instance keeps its tags for an hour and must not be adopted."""
        return row["State"]["Name"] not in ("terminated", "shutting-down")

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when running: whether it answers is for those who connect to it."""
        state = str(row["State"]["Name"])
        reason = clean_line(row.get("StateReason", {}).get("Message", ""))
        if state == "terminated":
            return Observed("absent", detail=reason)
        names = ("InstanceId", "PrivateIpAddress", "PublicIpAddress", "PrivateDnsName", "PublicDnsName", "VpcId")
        attributes = {_ATTRIBUTES.get(name, name): row.get(name, "") for name in names}
        attributes |= {"Ref": row["InstanceId"], "AvailabilityZone": row["Placement"]["AvailabilityZone"]}
        status = STATES.get(state, "pending")
        return Observed(status, attributes, "" if status == "ready" else f"{state} {reason}".strip())  # type: ignore[arg-type]

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Terminate, lifting the protection where there is one."""
        client = aws.client("ec2")
        try:
            client.terminate_instances(InstanceIds=[identity])
        except ClientError as error:
            if code(error) != "OperationNotPermitted":
                raise
            self.unlock(aws, identity)
            client.terminate_instances(InstanceIds=[identity])

    def unlock(self, aws: Aws, identity: str) -> None:
        """Lift termination protection."""
        aws.client("ec2").modify_instance_attribute(InstanceId=identity, DisableApiTermination={"Value": False})


_ATTRIBUTES = {"PrivateIpAddress": "PrivateIp", "PublicIpAddress": "PublicIp"}
"""EC2's name -> CloudFormation's."""


def run_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's instance properties in RunInstances' form."""
    values = dict(properties)
    if "IamInstanceProfile" in values:
        values["IamInstanceProfile"] = {"Name": values["IamInstanceProfile"]}
    if "Monitoring" in values:
        values["Monitoring"] = {"Enabled": values["Monitoring"]}
    if "UserData" in values:  # base64 in CloudFormation; botocore encodes it itself
        values["UserData"] = base64.b64decode(values["UserData"], validate=True).decode()
    if "NetworkInterfaces" in values:
        values["NetworkInterfaces"] = [
            {{"GroupSet": "Groups"}.get(name, name): value for name, value in card.items()}
            for card in values["NetworkInterfaces"]
        ]
    if "CreditSpecification" in values:
        values["CreditSpecification"] = {"CpuCredits": values["CreditSpecification"]["CPUCredits"]}
    if zone := values.pop("AvailabilityZone", None):
        values["Placement"] = {"AvailabilityZone": zone}
    return values
