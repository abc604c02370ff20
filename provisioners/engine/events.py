"""What happens, as a closed union of frozen dataclasses with a version.

The journal stores an event before any view sees it. Everything that is shown, resumed, replayed or tested is a fold of
these events. All values are JSON: strings, numbers, booleans, ``None``, lists and dictionaries. Text from outside was
cleaned (:mod:`provisioners.foreign_text`) before it became an event; no event ever holds a secret.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EVENT_VERSION = 1
"""Raised when a field changes its meaning; readers refuse a newer version instead of guessing."""

Verb = Literal["create", "resume", "destroy"]
ChildStatus = Literal["running", "ok", "changed", "failed", "skipped", "unknown"]
Outcome = Literal["created", "changed", "replaced", "kept", "deleted", "retained", "passed"]
RunOutcome = Literal["ok", "failed", "stopped"]


@dataclass(frozen=True)
class RunStarted:
    """A run of the engine began. ``profile`` is the profile as YAML text, ``plan`` is ``Plan.to_json()``."""

    run: str
    verb: Verb
    target: str
    account: str
    region: str
    name: str
    mode: str
    incarnation: str
    profile: str
    plan: Mapping[str, Any]
    pid: int
    program: str


@dataclass(frozen=True)
class LookupPinned:
    """Something only the account can say (an AMI, a zone), resolved once and kept."""

    name: str
    value: Any


@dataclass(frozen=True)
class StepStarted:
    """Work on a line of the plan began."""

    step: str


@dataclass(frozen=True)
class IntentStored:
    """A mutating call is about to be made (or a step of ours to run); stored and synced before it is.

    ``properties`` are the resolved ones it is made with: what a killed run leaves half made is found, completed or
    deleted with them.
    """

    step: str
    operation: Literal["create", "change", "delete"]
    token: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IdentityStored:
    """The call was answered (or its effect found): the thing exists under this identity; empty: it is gone."""

    step: str
    identity: str


@dataclass(frozen=True)
class StepProgress:
    """One line on what is going on; not kept by views beyond the next one."""

    step: str
    text: str


@dataclass(frozen=True)
class ChildChanged:
    """A foreseen part of a step (a step of a role's manifest) changed its state."""

    step: str
    child: str
    status: ChildStatus
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class LogLine:
    """A line for a step's log."""

    step: str
    text: str


@dataclass(frozen=True)
class FindingRecorded:
    """A health check's result, as ``health.report.Finding.to_json()``."""

    step: str
    finding: Mapping[str, Any]


@dataclass(frozen=True)
class StepFinished:
    """A line of the plan is done. ``digest`` is that of the blueprint's resource it now fulfils."""

    step: str
    outcome: Outcome
    digest: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    seconds: float = 0.0
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Resolved properties it was made with: needed to change and to delete it."""


@dataclass(frozen=True)
class StepFailed:
    """A line of the plan failed: what happened and what to do."""

    step: str
    what: str
    do: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class StepSkipped:
    """A line of the plan was not begun, and why (``needs WebServer``, ``stopped``)."""

    step: str
    why: str


@dataclass(frozen=True)
class StopRequested:
    """A view asked to stop: at the next safe point, or with a roll back afterwards; ``continue`` takes that back."""

    how: Literal["stop", "rollback", "continue"]


@dataclass(frozen=True)
class RunFinished:
    """The run is over. ``summary`` holds counts by outcome and the site's URL when there is one."""

    outcome: RunOutcome
    summary: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


Event = (
    RunStarted
    | LookupPinned
    | StepStarted
    | IntentStored
    | IdentityStored
    | StepProgress
    | ChildChanged
    | LogLine
    | FindingRecorded
    | StepFinished
    | StepFailed
    | StepSkipped
    | StopRequested
    | RunFinished
)

_BY_NAME: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__args__}

BATCHED = (StepProgress, ChildChanged, LogLine)
"""Events that may wait up to 100 ms for company before they are committed; all others commit alone, at once."""


@dataclass(frozen=True)
class Stamped:
    """An event as the journal holds it: its number (from 1, without gaps) and when it happened (Unix seconds)."""

    number: int
    at: float
    event: Event


def to_json(event: Event) -> dict[str, Any]:
    """``event`` as a JSON object with ``kind`` and ``version``."""
    values = {item.name: getattr(event, item.name) for item in dataclasses.fields(event)}
    return {"kind": type(event).__name__, "version": EVENT_VERSION, **values}


def from_json(data: Mapping[str, Any]) -> Event:
    """The reverse of :func:`to_json`; raises ``ValueError`` for an unknown kind or a newer version."""
    values = dict(data)
    kind, version = values.pop("kind"), values.pop("version")
    if version > EVENT_VERSION or kind not in _BY_NAME:
        raise ValueError(f"this journal was written by a newer drucloud (event {kind}, version {version})")
    return _BY_NAME[kind](**values)
