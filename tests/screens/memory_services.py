"""A faithful in-memory :class:`screens.services.Services`: plans and runs come from recorded journals."""

import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from drucloud_tui.services import LiveServices
from health.diagnosis import diagnose
from health.history import History
from health.report import Finding
from health.watch import Round
from profiles import store
from profiles.errors import ReachError
from profiles.model import Profile
from provisioners.engine.events import FindingRecorded, RunFinished, RunStarted, Stamped
from provisioners.person import Person, SignIn
from screens.services import (
    AwsLogin,
    Batch,
    Cost,
    CostLine,
    DeployKey,
    Draft,
    GitAccess,
    Notice,
    Place,
    Review,
    Surroundings,
)
from tests.journals import load

NOW = time.time()
"""When everything is examined."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2Vmb3J0ZXN0c29ubHkwMDAwMDAwMDAwMDAwMDAwMDAw drucloud-starter"


SECURITY = ("Open to the Internet: port 80.", "Every disk and the database are encrypted.")

LOGINS = (
    AwsLogin("", "environment (AWS_ACCESS_KEY_ID)"),
    AwsLogin("agency[prod]", "single sign-on"),
    AwsLogin("deploy", "role Deploy by default, with MFA"),
)

SIGN_IN = SignIn("agency[prod]", "https://acme.awsapps.com/start/#/device?user_code=ABCD-EFGH", "ABCD-EFGH", 10)


@dataclass
class MemoryServices:
    """What the tests set, and what the screens did (``done``)."""

    journal: list[Stamped] = field(default_factory=lambda: load("starter"))
    credentials: bool = False
    credentials_work: bool = True
    access: list[GitAccess] = field(default_factory=lambda: [GitAccess("ok", "The branch main can be read.")])
    notices: tuple[Notice, ...] = (Notice("ok", "The region offers every class of the profile."),)
    speed: float = 0.0
    """Seconds of the recording that pass in a second; 0 gives all events that :attr:`released` allows at once."""
    released: int = 10**9
    draft: Draft | None = None
    known: tuple = ()
    done: list[tuple] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    """Opening a target waits for it."""
    signed_in: threading.Event = field(default_factory=threading.Event)
    """The browser's confirmation of a sign-in."""
    running: bool = True
    began: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    mended: list[Finding] = field(default_factory=list)
    """What an examination finds; empty: what the journal's own check found."""

    def __post_init__(self) -> None:
        self.gate.set()

    def surroundings(self) -> Surroundings:
        return Surroundings(
            credentials=self.credentials,
            credentials_from="your AWS configuration" if self.credentials else "",
            aws_logins=LOGINS if self.credentials else (),
            sandbox_mode="machines",
            sandbox_reason="Linux, root and systemd-nspawn are here",
            presets={"starter": store.about("starter")},
            deployments=self.known,
        )

    def ask(self, person: Person) -> None:
        self.person = person

    def load_profile(self, name: str) -> Profile:
        return Profile(name=name)

    def open_target(self, profile: Profile, progress) -> Place:
        progress("building the base image, 40 %")
        self.gate.wait(30)
        if profile.aws.profile == "deploy":
            self.done.append(("code", self.person.code("Enter MFA code for arn:aws:iam::210987654321:mfa/me[x]: ")))
        if profile.aws.profile == "agency[prod]":
            with self.person.sign_in(SIGN_IN) as given_up:
                while not self.signed_in.wait(0.05):
                    if given_up():
                        raise ReachError("You gave up signing in.", "Go on to be asked again.")
            self.done.append(("signed in",))
        aws = profile.target == "aws" or (profile.target == "auto" and self.credentials)
        if aws and not self.credentials_work:
            raise ReachError("AWS does not know these credentials [InvalidClientTokenId].", "Run 'aws configure'.")
        self.done.append(("open", "aws" if aws else "sandbox"))
        if aws:
            return Place("aws", "210987654321", profile.aws.region, "aws", alias="acme-prod")
        return Place("sandbox", "123456789012", profile.aws.region, "machines")

    def deploy_key(self, deployment, repository: str) -> DeployKey:
        registered = repository == "canary"
        return DeployKey(KEY, registered, "" if registered else "Paste it at Settings, Deploy keys; reading is enough.")

    def test_git(self, deployment, profile: Profile) -> GitAccess:
        self.done.append(("git", profile.site.repository, profile.site.git_host_key))
        return self.access.pop(0) if len(self.access) > 1 else self.access[0]

    def estimate(self, profile: Profile) -> Cost:
        return LiveServices().estimate(profile)

    def prepare(self, profile: Profile, progress) -> Review:
        self.done.append(("prepare", profile.name))
        started = next(item.event for item in self.journal if isinstance(item.event, RunStarted))
        aws = profile.target == "aws"
        place = (
            Place("aws", "210987654321", profile.aws.region, "aws", alias="acme-prod")
            if aws
            else Place("sandbox", "123456789012", profile.aws.region, "machines")
        )
        lines = started.plan["lines"]
        cost = Cost(
            tuple(CostLine(line["id"], line["label"], line["tier"], line["monthly_usd"]) for line in lines),
            sum(line["monthly_usd"] or 0 for line in lines),
            0.0754,
            "2026-11-01",
            ("Traffic to the Internet: $0.09 a GB.", "Tax, free tier and discounts."),
            sum(line["monthly_usd"] or 0 for line in lines) + 5,
        )
        return Review("create", profile, place, started.plan, cost, self.notices, SECURITY)

    def launch(self, review: Review):
        self.done.append(("launch", review.profile.name, review.place.target))
        self.began = time.time()
        return review.deployment

    def poll(self, deployment, after: int) -> Batch:
        until = self.released
        shift = 0.0
        if self.speed:
            first = self.journal[0].at
            until = sum(item.at - first <= (time.time() - self.began) * self.speed for item in self.journal)
            shift = self.began - first
        events = tuple(Stamped(i.number, i.at + shift, i.event) for i in self.journal[after:until])
        shown = self.journal[: min(until, len(self.journal))]
        over = bool(shown) and isinstance(shown[-1].event, RunFinished)
        return Batch(events, self.running and not over)

    def request(self, deployment, what) -> None:
        self.done.append(("request", what))

    def log_path(self, deployment) -> Path:
        return Path("/var/lib/drucloud/engine.log")

    def site_url(self, deployment) -> str:
        return "http://127.0.0.1:8080/"

    def watch(self, deployment) -> "MemoryWatch":
        recorded = [Finding.from_json(i.event.finding) for i in self.journal if isinstance(i.event, FindingRecorded)]
        return MemoryWatch(self, recorded)

    def save_profile(self, profile: Profile, name: str) -> Path:
        self.done.append(("save", name))
        return Path(f"profiles/{name}.yaml")

    def export(self, profile: Profile, folder: Path) -> Path:
        return LiveServices().export(profile, folder)

    def load_draft(self) -> Draft | None:
        return self.draft

    def save_draft(self, draft: Draft) -> None:
        self.draft = draft

    def drop_draft(self) -> None:
        self.draft = None


class MemoryWatch:
    """Examinations that find what the test says, kept in a real history of their own."""

    def __init__(self, services: MemoryServices, recorded: list[Finding]) -> None:
        self._services = services
        self._recorded = recorded
        self._folder = tempfile.TemporaryDirectory()
        self.history = History(self._folder.name)

    def round(self, found) -> Round:
        self._services.done.append(("examine",))
        findings = self._services.findings or self._recorded
        for finding in findings:
            found(finding)
        dated, changes = self.history.record(findings, at=NOW)
        return Round(NOW, 1.5, dated, changes, diagnose(dated))

    def fix(self, fix) -> None:
        self._services.done.append(("fix", fix.subject, fix.command))
        self._services.findings = self._services.mended

    def close(self) -> None:
        self._services.done.append(("close",))
        self.history.close()
        self._folder.cleanup()
