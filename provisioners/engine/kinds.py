"""How the engine deals with one type of thing: the two protocols everything below the engine implements.

A :class:`ResourceKind` is an AWS resource type: created, found again, observed, changed, deleted with API calls; the
engine does the journalling, the waiting and the retrying around it. A :class:`StepKind` is a step of ours: it runs, and
says whether it changed anything.

Both are registered by their type name in plain dictionaries that are *given* to the engine, so that nothing imports
upwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from provisioners.target import DeploymentId, Target

if TYPE_CHECKING:
    from provisioners.aws.session import Aws

T = TypeVar("T")

Status = Literal["absent", "pending", "ready", "failed"]


@dataclass(frozen=True)
class Wanted:
    """One resource as it is to be, every reference resolved.

    :param token: idempotency token of this intent (32 characters), stable over retries and resumes.
    :param tags: tags the create call must set in the same call; holds the three ``drucloud:`` tags and ``Name``.
    """

    deployment: DeploymentId
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    token: str
    tags: Mapping[str, str]


PartStatus = Literal["running", "changed", "failed"]


@dataclass(frozen=True)
class Part:
    """One thing inside another (a resource of a CloudFormation stack), as it is."""

    status: PartStatus
    text: str = ""


@dataclass(frozen=True)
class Observed:
    """One resource as it is.

    :param attributes: what ``Ref`` (key ``"Ref"``) and ``Fn::GetAtt`` (its attribute name) give. Complete when ready.
    :param detail: a short word on a pending or failed state, from AWS (``backing-up``), already cleaned.
    :param parts: what stands inside it, by the ids of its foreseen ``Child`` rows; empty for most.
    """

    status: Status
    attributes: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    parts: Mapping[str, Part] = field(default_factory=dict)


class ResourceKind(Protocol):
    """One AWS resource type. All methods are synchronous and run in the engine's thread pool.

    Two things are optional: ``children(properties)`` foresees what will stand inside it (see ``Observed.parts``), and
    ``mends = True`` says that :meth:`settle` goes on from a creation that failed, so that it need not be replaced.

    Identity is the string under which AWS knows the thing (``vpc-0a…``, an ARN, a name); for links without an identity
    of their own it is made of their ends (``igw-1|vpc-1``).
    """

    type: str
    poll_seconds: float
    """Seconds between two observations while pending, on real AWS."""
    expected_seconds: float
    """How long creation usually takes on real AWS; shown, never used as a limit."""
    mutable: frozenset[str]
    """Property names that can be changed in place; any other change replaces the resource."""
    volatile: frozenset[str]
    """Attributes that a change in place may alter (a launch template's newest version); most kinds have none."""
    disposable: bool
    """Whether what it holds is worth nothing once it is gone (a cache): replacing it needs no leave of its own."""

    def interruption(self, properties: Mapping[str, Any], changed: frozenset[str]) -> str:
        """What changing these properties in place does to those who use it, one clause; empty if they notice nothing.

        Pure: part of the plan. ``properties`` are those it stands with.
        """
        ...

    def create(self, aws: Aws, wanted: Wanted) -> str:
        """Make the one mutating call, with token or tags inside it, and return the identity.

        The call is made with botocore's own retries off. Where creating takes several calls (a bucket and its
        settings), the first is the one that creates; the others belong to :meth:`settle`.
        """
        ...

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Idempotent calls that complete what ``create`` began (bucket settings, an association); often none."""
        ...

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The identity of what an earlier, unanswered create made, looked up by token, tag or name; else ``None``.

        Something of that name that is not ours (other tags) raises ``FailedError``: it is never adopted.
        """
        ...

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """The state of each identity with as few Describe calls as possible; one that is gone is ``absent``."""
        ...

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Change the named properties in place; only ever called with a subset of :attr:`mutable`."""
        ...

    def delete(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Ask for deletion; gone already is success. ``policy`` is the resource's DeletionPolicy (``Snapshot`` …)."""
        ...


@dataclass(frozen=True)
class Child:
    """A foreseen part of a step (one step of a role's manifest): a row of the tree below it."""

    id: str
    label: str


@dataclass(frozen=True)
class StepResult:
    """What a step did.

    :param changed: whether anything was changed.
    :param summary: one clean line for the tree (``31 steps, 4 changed``).
    :param attributes: what ``Fn::GetAtt`` on the step gives.
    """

    changed: bool
    summary: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


class StepContext(Protocol):
    """What a step is given while it runs."""

    deployment: DeploymentId
    target: Target
    logical_id: str
    properties: Mapping[str, Any]
    """Resolved."""
    folder: str
    """Path of the deployment's state folder (0700): keys and known_hosts live there."""

    def progress(self, text: str) -> None:
        """One line on what it is doing now; foreign text is cleaned by the engine. Thread-safe."""
        ...

    def child(self, child: str, status: str, text: str = "", seconds: float = 0.0) -> None:
        """The state of one foreseen part: running, ok, changed, failed, skipped, unknown. Thread-safe."""
        ...

    def log(self, text: str) -> None:
        """A line for the log pane. Thread-safe."""
        ...

    def finding(self, finding: Mapping[str, Any]) -> None:
        """A health finding (``health.report.Finding.to_json``) for the health page. Thread-safe."""
        ...

    def in_thread(self, call: Callable[..., T], *args: Any) -> Awaitable[T]:
        """Run a blocking call in the engine's pool."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for: long steps leave at their next safe point by raising ``CancelledError``."""
        ...


class StepKind(Protocol):
    """A step of ours (``Drucloud::…``)."""

    type: str
    expected_seconds: float

    def children(self, properties: Mapping[str, Any]) -> Sequence[Child]:
        """The step's foreseen parts, from unresolved properties; pure. They are part of the plan."""
        ...

    async def run(self, context: StepContext) -> StepResult:
        """Do it; idempotent. Raises ``FailedError`` or ``ReachError``."""
        ...

    async def undo(self, context: StepContext) -> None:
        """Take back what outlives the machines (nothing, for most); used by destroy."""
        ...
