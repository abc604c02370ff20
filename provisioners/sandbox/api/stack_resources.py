"""What a stack's resources are made by: CloudFormation models that call the sandbox's own API, one a type.

moto has models of its own for many types, but they reach past the API into its data: none of the rules laid over it
would hold, nothing would take its time, and no machine would boot. CloudFormation itself makes resources by calling
each service's API with the properties of the template; so do these, through moto's interface for such models. Each call
is made by the resource kind of its type, so that what these models prove is the way through the template (references,
parameters, outputs, order), not the properties: those cfn-lint and moto's own models judge (docs/cloudformation.md).
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from moto.cloudformation.models import Event, Stack
from moto.core.common_models import CloudFormationModel

from provisioners.aws.errors import Operation as Verb
from provisioners.aws.errors import classify, worth_retrying
from provisioners.aws.kinds import KINDS
from provisioners.aws.secretsmanager import Secret
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, ResourceKind, Wanted
from provisioners.secret import Secret as SecretValue
from provisioners.target import DeploymentId

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
VISIBLE_SECONDS = 5.0
"""How long what is not there is believed to be only not visible yet."""

POLL_SECONDS = 0.1


@dataclass
class Row:
    """A resource of a stack, as ``ListStackResources`` tells it."""

    type: str
    physical_id: str = ""
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""


@dataclass
class Work:
    """One stack and the hands that work on it: whoever asked for it, at the endpoint he asked."""

    stack: Stack
    aws: Aws
    rows: dict[str, Row] = field(default_factory=dict)

    def tell(self, logical_id: str, status: str, reason: str = "", physical_id: str = "") -> None:
        """A new state of a resource: in its row, and as a stack event."""
        row = self.rows[logical_id]
        row.status, row.reason, row.physical_id = status, reason, physical_id or row.physical_id
        told = (self.stack.stack_id, self.stack.name, logical_id, row.physical_id, row.type, status, reason, "")
        self.stack.events.append(Event(*told))


WORK: dict[str, Work] = {}
"""By stack id."""


class GivenSecret(Secret):
    """A secret whose value comes with the template's parameter."""

    def _value(self, aws: Aws, wanted: Wanted) -> SecretValue:
        given = wanted.properties.get("SecretString")
        return SecretValue(given) if isinstance(given, str) else super()._value(aws, wanted)


def kind_of(type_name: str) -> ResourceKind:
    """The kind that makes the calls."""
    return GivenSecret() if type_name == Secret.type else KINDS[type_name]


class Made(CloudFormationModel):
    """A resource of a stack."""

    type_name = ""

    def __init__(self, work: Work, wanted: Wanted, identity: str, seen: Observed) -> None:
        """:param identity: under which its kind knows it, which is not always what ``Ref`` gives."""
        self.work, self.wanted, self.identity, self.attributes = work, wanted, identity, seen.attributes

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return str(self.attributes["Ref"])

    def get_cfn_attribute(self, name: str) -> Any:
        """What ``Fn::GetAtt`` gives; CloudFormation refuses what the type does not have."""
        if name not in self.attributes:
            raise ValueError(f"Requested attribute {name} does not exist in schema for {self.type_name}")
        return self.attributes[name]

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Found out when it is asked for."""
        return True

    def is_created(self) -> bool:
        """It was waited for."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Made:
        """Make it through the API and wait until it stands."""
        work, logical_id = WORK[kwargs["StackId"]], str(kwargs["LogicalId"])
        work.rows[logical_id] = Row(cls.type_name)
        work.tell(logical_id, "CREATE_IN_PROGRESS")
        try:
            made = cls._make(work, logical_id, cloudformation_json.get("Properties", {}))
        except Exception as error:
            work.tell(logical_id, "CREATE_FAILED", str(error))
            raise
        work.tell(logical_id, "CREATE_COMPLETE", physical_id=made.physical_resource_id)
        return made

    @classmethod
    def _make(cls, work: Work, logical_id: str, properties: Mapping[str, Any]) -> Made:
        kind = kind_of(cls.type_name)
        wanted = _wanted(work, logical_id, cls.type_name, properties)
        identity = _patiently("create", lambda: kind.create(work.aws, wanted))
        try:
            _patiently("settle", lambda: kind.settle(work.aws, identity, wanted))
            return cls(work, wanted, identity, _until("ready", kind, work.aws, identity))
        except Exception:
            kind.delete(work.aws, identity, properties, "Delete")  # a resource that failed has no name in the stack
            raise

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Made:
        """Change it in place, or make another and then delete the first, as CloudFormation does."""
        old: Made = original_resource
        properties = cloudformation_json.get("Properties", {})
        names = {*properties, *old.wanted.properties}
        changed = {name for name in names if properties.get(name) != old.wanted.properties.get(name)}
        if not changed:
            return old
        work, logical_id, kind = old.work, old.wanted.logical_id, kind_of(cls.type_name)
        work.tell(logical_id, "UPDATE_IN_PROGRESS")
        try:
            made = old._changed(kind, properties, frozenset(changed))
        except Exception as error:
            work.tell(logical_id, "UPDATE_FAILED", str(error))
            raise
        work.tell(logical_id, "UPDATE_COMPLETE", physical_id=made.physical_resource_id)
        return made

    def _changed(self, kind: ResourceKind, properties: Mapping[str, Any], changed: frozenset[str]) -> Made:
        if not changed <= kind.mutable:
            made = type(self)._make(self.work, self.wanted.logical_id, properties)
            self.remove("Delete")
            return made
        wanted = _wanted(self.work, self.wanted.logical_id, self.type_name, properties)
        _patiently("change", lambda: kind.change(self.work.aws, self.identity, wanted, changed))
        return type(self)(self.work, wanted, self.identity, _until("ready", kind, self.work.aws, self.identity))

    def remove(self, policy: str) -> None:
        """Delete it and wait until it is gone; as AWS, not what is protected or has something in it."""
        kind, aws = kind_of(self.type_name), self.work.aws
        _refuse_the_locked(self, aws)
        _patiently("delete", lambda: kind.delete(aws, self.identity, self.wanted.properties, policy))
        _until("absent", kind, aws, self.identity)


@functools.cache
def model(type_name: str) -> type[Made]:
    """The model of a type."""
    title = type_name.replace("::", "")
    names = {"type_name": type_name, "cloudformation_type": staticmethod(lambda: type_name)}
    return type(title, (Made,), {**names, "cloudformation_name_type": staticmethod(lambda: "")})


def _wanted(work: Work, logical_id: str, type_name: str, properties: Mapping[str, Any]) -> Wanted:
    """The resource as its kind takes it; the stack's tags are its own too, where its type has tags."""
    stack = work.stack
    text = f"{stack.stack_id} {logical_id} {sorted(map(str, properties.items()))}"
    name = stack.tags.get("drucloud:deployment", stack.name)
    deployment = DeploymentId("sandbox", stack.account_id, stack.region_name, name)
    tags = {key: str(value) for key, value in stack.tags.items() if not key.startswith("aws:")}
    tags |= {"drucloud:resource": logical_id}
    return Wanted(deployment, logical_id, type_name, properties, hashlib.sha256(text.encode()).hexdigest()[:32], tags)


def _patiently(verb: Verb, call: Callable[[], T]) -> T:
    """As long as AWS says that it only has to settle; CloudFormation tries again by itself."""
    begun = time.monotonic()
    while True:
        try:
            return call()
        except Exception as error:
            longest = VISIBLE_SECONDS if classify(error) == "gone" else PATIENCE_SECONDS
            if not worth_retrying(error, verb) or time.monotonic() - begun > longest:
                raise
            time.sleep(POLL_SECONDS)


def _until(status: str, kind: ResourceKind, aws: Aws, identity: str) -> Observed:
    while True:
        seen = kind.observe(aws, [identity])[identity]
        if seen.status == status:
            return seen
        if seen.status == "failed":
            raise RuntimeError(f"Resource handler returned message: {seen.detail}")
        time.sleep(POLL_SECONDS)


def _refuse_the_locked(made: Made, aws: Aws) -> None:
    """Kinds lift protections before they delete; CloudFormation does not."""
    if made.type_name == "AWS::S3::Bucket":
        found = aws.client("s3").list_object_versions(Bucket=made.identity, MaxKeys=1)
        if found.get("Versions") or found.get("DeleteMarkers"):
            raise RuntimeError("The bucket you tried to delete is not empty (Status Code: 409)")
    if made.type_name == "AWS::RDS::DBInstance":
        (row,) = aws.client("rds").describe_db_instances(DBInstanceIdentifier=made.identity)["DBInstances"]
        if row.get("DeletionProtection"):
            raise RuntimeError("Cannot delete protected DB Instance, please disable deletion protection and try again.")
    if made.type_name == "AWS::ElasticLoadBalancingV2::LoadBalancer":
        rows = aws.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=made.identity)["Attributes"]
        if {"Key": "deletion_protection.enabled", "Value": "true"} in rows:
            raise RuntimeError("Load balancer cannot be deleted because deletion protection is enabled")
