"""A cloud in one process (or one file, for several), with states, lags, lost answers, throttles and kills.

It behaves as AWS does where that hurts: it makes a second thing when a call without a token is sent twice, shows what
was made only after a while, and refuses to delete what is in use.
"""

import fcntl
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, ReadTimeoutError

from provisioners.engine.kinds import Child, Observed, StepContext, StepResult, Wanted


class Killed(BaseException):
    """The process ended here."""


def refusal(code: str, http: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": http}}, "Call")


@dataclass
class Mortal:
    """A process that can be killed; once dead it does nothing any more."""

    dead: bool = False

    def kill(self) -> None:
        self.dead = True
        raise Killed

    def breathe(self) -> None:
        if self.dead:
            raise Killed


@dataclass
class Cloud:
    """All things that exist. ``faults``: by number of the mutating call, what goes wrong with it.

    ``kill before|kill after``: the process dies around the call; ``lost request|lost answer``: it ends in a time-out,
    not done or done; ``throttled``; any other text is an error code.
    """

    path: Path | None = None
    lag: int = 0
    faults: dict[int, str] = field(default_factory=dict)
    mortal: Mortal = field(default_factory=Mortal)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    mutations: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    delay: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._numbers = count(1)

    @contextmanager
    def open(self) -> Iterator[dict[str, dict[str, Any]]]:
        """The things, alone."""
        with self._lock:
            self.mortal.breathe()
            if self.path is None:
                yield self.things
                return
            with self.path.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                things = json.loads(file.read() or "{}")
                yield things
                file.truncate(0)
                file.write(json.dumps(things))

    def mutate(self, name: str, effect: Callable[[dict[str, dict[str, Any]]], str]) -> str:
        with self.open() as things:
            number = next(self._numbers)
            fault = self.faults.get(number, "")
            self.mutations.append(name)
            if fault == "kill before":
                self.mortal.kill()
            if fault == "lost request":
                raise ReadTimeoutError(endpoint_url="fake")
            if fault == "throttled":
                raise refusal("Throttling")
            if fault and fault not in ("kill after", "lost answer"):
                raise refusal(fault)
            answer = effect(things)
            if fault == "kill after":
                self.mortal.kill()
            if fault == "lost answer":
                raise ReadTimeoutError(endpoint_url="fake")
            return answer

    def add(self, things: dict[str, dict[str, Any]], wanted: Wanted, identity: str) -> str:
        alive = [thing for thing in things.values() if thing["logical"] == wanted.logical_id]
        if alive:
            self.duplicates.append(wanted.logical_id)
        things[identity] = {
            "logical": wanted.logical_id,
            "type": wanted.type,
            "tags": dict(wanted.tags),
            "properties": json.loads(json.dumps(wanted.properties)),
            "unseen": self.lag,
            "pending": 2,
            "deleting": 0,
            "state": "pending",
        }
        return identity

    def census(self) -> dict[str, Any]:
        """What exists, by logical id, without generated ids."""
        with self.open() as things:
            names = {identity: thing["logical"] for identity, thing in things.items()}
            return {
                thing["logical"]: {
                    key: names.get(value, value) if isinstance(value, str) else value
                    for key, value in thing["properties"].items()
                }
                for thing in things.values()
            }


class Kind:
    """A thing without a token and without a name of its own: only its tags tell it."""

    poll_seconds = 1.0
    expected_seconds = 1.0
    mutable = frozenset({"Size"})
    volatile: frozenset[str] = frozenset()
    disposable = False

    def __init__(self, type_name: str) -> None:
        self.type = type_name

    def interruption(self, properties: Mapping[str, Any], changed: frozenset[str]) -> str:
        return "restarts it" if self.type == "AWS::Fake::Machine" else ""

    def create(self, cloud: Cloud, wanted: Wanted) -> str:
        return cloud.mutate(f"create {wanted.logical_id}", lambda things: self.make(cloud, things, wanted))

    def make(self, cloud: Cloud, things: dict[str, dict[str, Any]], wanted: Wanted) -> str:
        # Never one that was used before, as AWS has it: what is deleted late must not be taken for what is new.
        return cloud.add(things, wanted, f"{self.type.split('::')[-1].lower()}-{uuid4().hex[:12]}")

    def settle(self, cloud: Cloud, identity: str, wanted: Wanted) -> None:
        with cloud.open() as things:
            things[identity]["settled"] = True

    def find(self, cloud: Cloud, wanted: Wanted) -> str | None:
        with cloud.open() as things:
            for identity, thing in things.items():
                if thing["tags"].get("drucloud:intent") == wanted.tags["drucloud:intent"]:
                    thing["unseen"] -= 1
                    return identity if thing["unseen"] < 0 else None
        return None

    def observe(self, cloud: Cloud, identities: Sequence[str]) -> Mapping[str, Observed]:
        with cloud.open() as things:
            cloud.observations.append(self.type)
            return {identity: self.look(things, identity) for identity in identities}

    def look(self, things: dict[str, dict[str, Any]], identity: str) -> Observed:
        thing = things.get(identity)
        if thing is None:
            return Observed("absent")
        if thing["deleting"]:
            thing["deleting"] -= 1
            if not thing["deleting"]:
                del things[identity]
            return Observed("pending", {}, "deleting")
        if thing["pending"]:
            thing["pending"] -= 1
            return Observed("pending", {}, "coming up")
        if thing["properties"].get("Broken"):
            return Observed("failed", {}, "incompatible")
        return Observed("ready", {"Ref": identity, "Name": thing["logical"]})

    def change(self, cloud: Cloud, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        def effect(things: dict[str, dict[str, Any]]) -> str:
            things[identity]["properties"].update({name: wanted.properties[name] for name in changed})
            return ""

        cloud.mutate(f"change {wanted.logical_id}", effect)

    def delete(self, cloud: Cloud, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        def effect(things: dict[str, dict[str, Any]]) -> str:
            users = [thing for thing in things.values() if identity in thing["properties"].values()]
            if users:
                raise refusal("DependencyViolation")
            if identity in things:
                things[identity]["deleting"] = things[identity]["deleting"] or 2
            return ""

        cloud.mutate(f"delete {identity} {policy}", effect)


class TokenKind(Kind):
    """A call with a client token: sent twice it makes one."""

    def make(self, cloud: Cloud, things: dict[str, dict[str, Any]], wanted: Wanted) -> str:
        for identity, thing in things.items():
            if thing["tags"]["drucloud:intent"] == wanted.token:
                return identity
        return super().make(cloud, things, wanted)


class NamedKind(Kind):
    """A thing the client names."""

    def make(self, cloud: Cloud, things: dict[str, dict[str, Any]], wanted: Wanted) -> str:
        name = f"{wanted.logical_id}-1"
        if name in things:
            raise refusal("AlreadyExists")
        return cloud.add(things, wanted, name)


class LinkKind(Kind):
    """A link between two things: no tags, its ends are its identity."""

    def make(self, cloud: Cloud, things: dict[str, dict[str, Any]], wanted: Wanted) -> str:
        identity = "|".join(str(wanted.properties[end]) for end in ("From", "To"))
        if identity in things:
            raise refusal("Resource.AlreadyAssociated")
        return cloud.add(things, wanted, identity)

    def find(self, cloud: Cloud, wanted: Wanted) -> str | None:
        with cloud.open() as things:
            identity = "|".join(str(wanted.properties[end]) for end in ("From", "To"))
            return identity if identity in things else None


class Step:
    """A step of ours that notes what it was given; changes something the first time only."""

    expected_seconds = 1.0

    def __init__(self, type_name: str) -> None:
        self.type = type_name
        self.runs: list[Mapping[str, Any]] = []
        self.undone: list[Mapping[str, Any]] = []
        self.seen: set[str] = set()
        self.error: Exception | None = None

    def children(self, properties: Mapping[str, Any]) -> list[Child]:
        return [Child("packages", "Packages")]

    async def run(self, context: StepContext) -> StepResult:
        self.runs.append(context.properties)
        context.child("packages", "ok")
        context.progress("working \x1b]0;title\x07hard")
        if self.error:
            raise self.error
        changed = context.logical_id not in self.seen
        self.seen.add(context.logical_id)
        return StepResult(changed, "1 step", {"Ref": context.logical_id, "Url": "http://site/"})

    async def undo(self, context: StepContext) -> None:
        self.undone.append(context.properties)


KINDS: dict[str, Any] = {
    "AWS::Fake::Net": Kind("AWS::Fake::Net"),
    "AWS::Fake::Machine": TokenKind("AWS::Fake::Machine"),
    "AWS::Fake::Base": NamedKind("AWS::Fake::Base"),
    "AWS::Fake::Link": LinkKind("AWS::Fake::Link"),
}
