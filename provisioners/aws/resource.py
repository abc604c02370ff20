"""What all resource kinds share, so that each kind only says what is its own.

:class:`Kind` is the general case: create, and adopt what an unanswered create left. :class:`Ec2Kind` is everything EC2
tags and lists with filters. :class:`NamedKind` is everything that a client names (RDS, ElastiCache, IAM, Secrets
Manager, S3). :class:`ListedKind` is a named thing of a service whose calls are all built alike (RDS and ElastiCache).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from profiles.errors import FailedError
from provisioners.aws import tagging
from provisioners.aws.errors import classify
from provisioners.aws.permissions import Need
from provisioners.aws.requests import arguments, call
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Wanted

ABSENT = Observed("absent")


class Kind:
    """The shared half of a :class:`provisioners.engine.kinds.ResourceKind`."""

    type: str
    poll_seconds: float = 2.0
    expected_seconds: float = 2.0
    mutable: frozenset[str] = frozenset()
    disposable: bool = False
    interrupting: ClassVar[Mapping[str, str]] = {}
    """By property that changes in place: what those who use it notice."""
    needs: tuple[Need, ...] = ()
    """What its calls ask of IAM."""
    volatile: frozenset[str] = frozenset()

    def interruption(self, properties: Mapping[str, Any], changed: frozenset[str]) -> str:
        """The clauses of :attr:`interrupting`."""
        return "; ".join(
            dict.fromkeys(self.interrupting[name] for name in sorted(changed) if name in self.interrupting)
        )

    def create(self, aws: Aws, wanted: Wanted) -> str:
        """Make it; when AWS says that it is there already, adopt it if it is ours, and fail if it is not."""
        try:
            return self.make(aws, wanted)
        except ClientError as error:
            if classify(error) != "exists":
                raise
            identity = self.find(aws, wanted)
            if identity is None:
                raise
            return identity

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """The one creating call, with token or tags inside it; the identity it gave."""
        raise NotImplementedError

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Nothing to complete, for most."""

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """See :meth:`provisioners.engine.kinds.ResourceKind.find`."""
        raise NotImplementedError

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Most kinds have nothing that changes in place."""
        raise FailedError(f"{self.type} {identity} cannot change {', '.join(sorted(changed))} in place.")

    def delete(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Ask for deletion; what is gone already is success."""
        try:
            self.remove(aws, identity, properties, policy)
        except ClientError as error:
            if classify(error) != "gone":
                raise

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """The deleting call or calls; may let a ``NotFound`` through."""
        raise NotImplementedError


def ec2_rows(aws: Aws, operation: str, key: str, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every row of an EC2 Describe call, all pages.

    Filters rather than ids: with ids, one that is gone makes the whole call fail.
    """
    client = aws.client("ec2")
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(Filters=list(filters))
        return [row for page in pages for row in page[key]]
    return list(getattr(client, operation)(Filters=list(filters))[key])


def by_ids(name: str, identities: Sequence[str]) -> list[dict[str, Any]]:
    """EC2's filter for these ids (at most 200 values, EC2's limit; a deployment has fewer of any kind)."""
    return [{"Name": name, "Values": list(identities)}]


class Ec2Kind(Kind):
    """Something EC2 makes with ``TagSpecifications`` and lists with filters."""

    resource: ClassVar[str]
    """Its name in ``TagSpecifications``."""
    listing: ClassVar[tuple[str, str]]
    """The Describe method and the key of its rows."""
    id_key: ClassVar[str]
    id_filter: ClassVar[str]

    def rows(self, aws: Aws, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What EC2 lists for ``filters``."""
        return ec2_rows(aws, *self.listing, filters)

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By the three tags that the create call set; two of them would be a fault nobody should hide."""
        found = [str(row[self.id_key]) for row in self.rows(aws, tagging.as_filters(wanted)) if self.alive(row)]
        if len(found) > 1:
            raise FailedError(
                f"{wanted.logical_id} exists {len(found)} times: {', '.join(found)}.",
                "Delete all but one of them, then resume.",
            )
        return found[0] if found else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call for all."""
        rows = {str(row[self.id_key]): row for row in self.rows(aws, by_ids(self.id_filter, identities))}
        return {one: self.observed(rows[one]) if one in rows else ABSENT for one in identities}

    def alive(self, row: Mapping[str, Any]) -> bool:
        """Whether a row may be adopted; a terminated instance, for one, may not."""
        return True

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """What a row says."""
        raise NotImplementedError


class NamedKind(Kind):
    """Something whose name the client chooses: the name is its identity (or leads to it), and a create is found by it.

    The name is the property :attr:`name_property`, or one made of deployment, logical id and token.
    """

    name_property: ClassVar[str]
    name_limit: ClassVar[int]
    lower_case: ClassVar[bool] = False

    def name(self, wanted: Wanted) -> str:
        """The name it has or is to have."""
        name = str(wanted.properties.get(self.name_property) or tagging.physical_name(wanted, self.name_limit))
        return name.lower() if self.lower_case else name

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By name. A name made of this intent's token is proof enough; a name from the profile needs our tags too."""
        name = self.name(wanted)
        identity = self.look_up(aws, name)
        if identity is not None and self.name_property in wanted.properties:
            self.require_ours(aws, wanted, identity)
        return identity

    def require_ours(self, aws: Aws, wanted: Wanted, identity: str) -> None:
        """Raise ``FailedError`` unless this intent made it."""
        tagging.require_ours(wanted, self.name(wanted), self.tags(aws, identity))

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Identity of what has this name."""
        raise NotImplementedError

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags it carries."""
        raise NotImplementedError


class ListedKind(NamedKind):
    """A named thing of RDS or ElastiCache: ``Create…``, ``Describe…`` by name, tags by ARN."""

    service: ClassVar[str]
    creating: ClassVar[str]
    """The create operation, as the API calls it."""
    listing: ClassVar[tuple[str, str]]
    """The Describe operation and the key of its rows."""
    name_argument: ClassVar[str]
    arn_key: ClassVar[str]
    renamed: ClassVar[Mapping[str, str]] = {}
    settled: ClassVar[frozenset[str]] = frozenset()
    """Properties that are not the create call's business."""
    lower_case = True

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create under the name, with the tags."""
        client = aws.client(self.service, creating=True)
        properties = {**wanted.properties, self.name_property: self.name(wanted)}
        values = arguments(
            client,
            self.creating,
            properties,
            renamed={self.name_property: self.name_argument, **self.renamed},
            without=self.settled | {"Tags"},
        )
        call(client, self.creating, **values, Tags=tagging.as_list(wanted))
        return self.name(wanted)

    def rows(self, aws: Aws, name: str = "") -> list[dict[str, Any]]:
        """The row of that name, or all; none if AWS does not know the name."""
        operation, key = self.listing
        chosen = {self.name_argument: name} if name else {}
        client = aws.client(self.service)
        try:
            answer = call(client, operation, **chosen, **self.detail)
            rows = list(answer[key])
            while answer.get("Marker"):
                answer = call(client, operation, **chosen, **self.detail, Marker=answer["Marker"])
                rows += answer[key]
        except ClientError as error:
            if classify(error) == "gone":
                return []
            raise
        return rows

    detail: ClassVar[Mapping[str, Any]] = {}
    """Arguments that make the Describe call tell enough."""

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is a row of it."""
        return name if self.rows(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags of its ARN."""
        (row,) = self.rows(aws, identity)
        listed = aws.client(self.service).list_tags_for_resource(ResourceName=row[self.arn_key])
        return tagging.as_dict(listed["TagList"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call: for the one that is asked for, or the whole list for several."""
        rows = self.rows(aws, identities[0] if len(identities) == 1 else "")
        found = {str(row[self.name_argument]): row for row in rows}
        return {one: self.observed(found[one]) if one in found else ABSENT for one in identities}

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """What a row says; a thing without states is ready when it is there."""
        return Observed("ready", {"Ref": row[self.name_argument], "Arn": row.get(self.arn_key, "")})
