"""Everything the screens reach below themselves, as one object: the protocol ``Services``.

The screens import no cloud, no engine process and no command line. They are given a :class:`Services`, which
``drucloud_tui.services`` implements with the real thing and the tests with recorded journals. The rules:

- every method is synchronous and may block (the screens call it from a thread), unless its docstring says otherwise;
- what a person can act on is raised as :class:`profiles.errors.DrucloudError`; anything else is a bug;
- text that came from AWS, SSH or a repository was cleaned (:mod:`provisioners.foreign_text`); it is still never markup;
- nothing returned here holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from health.report import Finding
from profiles.model import Profile
from provisioners.engine.events import Stamped
from provisioners.person import Person
from provisioners.target import DeploymentId, Mode, TargetName

if TYPE_CHECKING:
    from health.fixes import Fix
    from health.history import Change
    from health.watch import Round

Progress = Callable[[str], None]
"""Called from the working thread with one line on what goes on now (``building the base image, 40 %``)."""

Request = Literal["stop", "rollback", "continue"]


@dataclass(frozen=True)
class KnownDeployment:
    """A deployment that has a journal on this machine."""

    id: DeploymentId
    phase: str
    """``running ok failed stopped`` as in ``DeployState.phase``."""
    running: bool
    """Whether its engine is at work now."""
    updated_at: float = 0.0
    verb: str = ""
    """What its newest run did: ``create resume destroy``."""

    @property
    def gone(self) -> bool:
        """Whether it was destroyed, so that nothing of it is left to look at."""
        return self.verb == "destroy" and self.phase == "ok" and not self.running


@dataclass(frozen=True)
class AwsLogin:
    """A way into AWS that is configured here: a profile's name (empty: the environment) and how it gets in."""

    name: str
    how: str


@dataclass(frozen=True)
class Surroundings:
    """What is on this machine before anything was asked; found without network.

    :param credentials: whether some AWS credentials are there (not whether they work).
    :param credentials_from: where from, a few words (``environment``, ``~/.aws``), empty without.
    :param aws_logins: what the AWS configuration and the environment offer.
    :param sandbox_mode: how a sandbox would run here, and why.
    :param presets: by name what each builds, in a few words, the smallest first.
    """

    credentials: bool
    credentials_from: str
    aws_logins: tuple[AwsLogin, ...]
    sandbox_mode: Mode
    sandbox_reason: str
    saved_profiles: tuple[str, ...] = ()
    presets: Mapping[str, str] = field(default_factory=dict)
    deployments: tuple[KnownDeployment, ...] = ()


@dataclass(frozen=True)
class Place:
    """An opened target, as it is shown: always visible once known."""

    target: TargetName
    account: str
    region: str
    mode: Mode
    reason: str = ""
    alias: str = ""

    def deployment(self, name: str) -> DeploymentId:
        """The id of the deployment called ``name`` there."""
        return DeploymentId(self.target, self.account, self.region, name)


def place_of(deployment: DeploymentId, mode: str) -> Place:
    """The place of a deployment that is known from its journal. ``mode`` is ``DeployState.mode``."""
    known: Mode = "machines" if mode == "machines" else "rehearsal" if mode == "rehearsal" else "aws"
    return Place(deployment.target, deployment.account, deployment.region, known)


@dataclass(frozen=True)
class DeployKey:
    """The public half of the key with which the site's code is fetched.

    :param public: one OpenSSH line.
    :param registered: whether the Git server knows it already (the sandbox registers it itself).
    :param paste_at: where to paste it, one sentence; empty when registered.
    """

    public: str
    registered: bool
    paste_at: str = ""


@dataclass(frozen=True)
class GitAccess:
    """What trying to read the repository gave.

    ``unknown_host_key``: the server is not one of the known ones and no key is pinned yet; ``host_key`` and
    ``fingerprint`` are what it showed, to be confirmed by a person and kept in ``site.git_host_key``.
    """

    status: Literal["ok", "unknown_host_key", "failed"]
    what: str
    do: str = ""
    host: str = ""
    host_key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class CostLine:
    """The price of one line of the plan; ``monthly_usd`` is ``None`` where it is not known."""

    step: str
    label: str
    tier: str
    monthly_usd: float | None
    note: str = ""
    cheaper: str = ""
    """The cheaper choice beside an expensive one; empty where there is none."""


@dataclass(frozen=True)
class Cost:
    """What the deployment will cost on AWS, as of a dated price list.

    :param monthly_usd: the lower end: while nobody comes.
    :param monthly_high_usd: the upper end, with the use stated in the lines' notes.
    """

    lines: tuple[CostLine, ...] = ()
    monthly_usd: float = 0.0
    hourly_usd: float = 0.0
    as_of: str = ""
    exclusions: tuple[str, ...] = ()
    monthly_high_usd: float = 0.0

    @property
    def cheaper(self) -> tuple[str, ...]:
        """What would cost less, one clause each."""
        return tuple(dict.fromkeys(line.cheaper for line in self.lines if line.cheaper))


@dataclass(frozen=True)
class Notice:
    """A preflight finding: ``status`` is ``ok warn fail unknown``; ``fail`` forbids the launch."""

    status: Literal["ok", "warn", "fail", "unknown"]
    what: str
    do: str = ""


@dataclass(frozen=True)
class Review:
    """What will happen, for a person to say yes to. What is launched is exactly this.

    :param plan: ``Plan.to_json()``: ``lines`` with ``id type tier label action children monthly_usd expected_seconds``.
    :param handle: what ``launch`` needs beside the rest; the screens do not look into it.
    """

    verb: Literal["create", "resume", "destroy"]
    profile: Profile
    place: Place
    plan: Mapping[str, Any]
    cost: Cost
    notices: tuple[Notice, ...] = ()
    security: tuple[str, ...] = ()
    """The security choices in words."""
    handle: Any = None

    @property
    def deployment(self) -> DeploymentId:
        """The deployment it is about."""
        return self.place.deployment(self.profile.name)


@dataclass(frozen=True)
class Batch:
    """New events of a journal, and whether an engine is (still) writing it."""

    events: tuple[Stamped, ...] = ()
    engine_running: bool = True


@dataclass(frozen=True)
class Draft:
    """A wizard left half way: raw answers by question key, and the step it stood on. No secret has a key."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    step: str = "welcome"


class HealthHistory(Protocol):
    """What was found before (``health.history.History``)."""

    def changes(self, since: float, limit: int = 500) -> list[Change]:
        """Changes of status after ``since`` (Unix seconds), newest first."""
        ...

    def series(self, key: str, count: int = 40) -> list[float]:
        """The last figures of a check, oldest first."""
        ...


class HealthWatch(Protocol):
    """A deployment that is examined again and again (``health.watch.Watch``)."""

    @property
    def history(self) -> HealthHistory:
        """What was found before."""
        ...

    def round(self, found: Callable[[Finding], None]) -> Round:
        """Examine everything now; ``found`` is called (from the working thread) with each result."""
        ...

    def fix(self, fix: Fix) -> None:
        """Run a fix that the user has said yes to; raises ``DrucloudError``."""
        ...

    def close(self) -> None:
        """Give connections and entrance back."""
        ...


class Services(Protocol):
    """The operations below the screens."""

    def surroundings(self) -> Surroundings:
        """What is found on this machine; no network, well under a second."""
        ...

    def ask(self, person: Person) -> None:
        """Ask this person, from a working thread, when a role wants an MFA code or a profile has to be signed in."""
        ...

    def load_profile(self, name: str) -> Profile:
        """A saved profile's or a preset's content."""
        ...

    def open_target(self, profile: Profile, progress: Progress) -> Place:
        """Open what ``profile.target`` names (``auto`` is resolved), starting the sandbox if need be.

        May take minutes the first time in the sandbox (base image), telling through ``progress``. Calling it again
        with an equal target is cheap. Raises ``ReachError`` when credentials are missing, wrong or expired.
        """
        ...

    def deploy_key(self, deployment: DeploymentId, repository: str) -> DeployKey:
        """The deployment's deploy key, made on first call; registered in the sandbox's own Git server."""
        ...

    def test_git(self, deployment: DeploymentId, profile: Profile) -> GitAccess:
        """Try to read ``profile.site``'s repository and branch with the deploy key. Does not raise for a refusal."""
        ...

    def estimate(self, profile: Profile) -> Cost:
        """What ``profile`` would cost on AWS: no network, well under a second."""
        ...

    def prepare(self, profile: Profile, progress: Progress) -> Review:
        """Resolve what only the account knows, build blueprint, plan, cost and preflight. Changes nothing."""
        ...

    def launch(self, review: Review) -> DeploymentId:
        """Start the detached engine on exactly this review; returns once it is at work, raises if it is not."""
        ...

    def poll(self, deployment: DeploymentId, after: int) -> Batch:
        """Events numbered above ``after``, without waiting for any. Called ten times a second."""
        ...

    def request(self, deployment: DeploymentId, what: Request) -> None:
        """Ask the engine to stop at the next safe point, to roll back, or to go on after all.

        When no engine runs any more, ``rollback`` starts one that takes the deployment down again and ``continue``
        one that resumes it.
        """
        ...

    def log_path(self, deployment: DeploymentId) -> Path:
        """Where the deployment's full log is. Does not block."""
        ...

    def site_url(self, deployment: DeploymentId) -> str:
        """The URL a browser on this machine opens the site at; empty when there is none (yet)."""
        ...

    def watch(self, deployment: DeploymentId) -> HealthWatch:
        """Open an observation of the standing deployment; the screen closes it. ``UsageError`` if it does not stand."""
        ...

    def save_profile(self, profile: Profile, name: str) -> Path:
        """Save as a commented YAML file and return where; an existing one of that name keeps its comments."""
        ...

    def export(self, profile: Profile, folder: Path) -> Path:
        """Write ``profile`` into ``folder`` as files that work without drucloud; ``OSError`` where that cannot be."""
        ...

    def load_draft(self) -> Draft | None:
        """The wizard's unfinished answers, if any."""
        ...

    def save_draft(self, draft: Draft) -> None:
        """Keep them (atomic, 0600)."""
        ...

    def drop_draft(self) -> None:
        """Forget them; called when a deploy was launched."""
        ...
