"""The real :class:`screens.services.Services`: what every front end reaches below itself, wired once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drucloud_tui import drafts, wiring
from drucloud_tui.person import TerminalPerson
from drucloud_tui.wiring import Progress
from profiles import store
from profiles.errors import FailedError, UsageError
from profiles.model import Profile
from provisioners.blueprint.security_words import security_words
from provisioners.engine import operations
from provisioners.engine.cost import Estimate
from provisioners.engine.deployment import Deployment, all_deployments
from provisioners.person import Person
from provisioners.target import DeploymentId, Target
from screens.services import (
    AwsLogin,
    Batch,
    Cost,
    CostLine,
    DeployKey,
    Draft,
    GitAccess,
    KnownDeployment,
    Notice,
    Place,
    Request,
    Review,
    Surroundings,
)

if TYPE_CHECKING:
    from health.watch import Watch

PROGRAM = (sys.executable, "-m", "drucloud_tui.engine_process")
"""The detached engine; the deployment's folder is added."""


def silent(text: str) -> None:
    """A :data:`Progress` that tells nobody."""


class LiveServices:
    """Everything wired to the real rooms. Opened targets are kept, so that opening again is cheap."""

    def __init__(self, sandbox_mode: str = "auto", refresh: bool = False, allow_replace: bool = False) -> None:
        """How plans are made.

        :param refresh: take newer answers of the account than the pinned ones.
        :param allow_replace: whether complete resources may be deleted and made again.
        """
        self.sandbox_mode = sandbox_mode
        self.refresh = refresh
        self.allow_replace = allow_replace
        self._targets: dict[tuple[str, str, str, str], Target] = {}
        self._person: Person = TerminalPerson()

    def surroundings(self) -> Surroundings:
        """See :class:`screens.services.Services`."""
        from provisioners.aws.account import credentials_found, logins_found
        from provisioners.sandbox.machines import choose

        mode, reason = choose(self.sandbox_mode)
        found = credentials_found()
        return Surroundings(
            credentials=found,
            credentials_from="your AWS configuration" if found else "",
            aws_logins=tuple(AwsLogin(login.name, login.how) for login in logins_found()),
            sandbox_mode=mode,
            sandbox_reason=reason,
            saved_profiles=tuple(store.saved()),
            presets={name: store.about(name) for name in store.presets()},
            deployments=tuple(map(_known, all_deployments())),
        )

    def ask(self, person: Person) -> None:
        """See :class:`screens.services.Services`."""
        self._person = person

    def load_profile(self, name: str) -> Profile:
        """See :class:`screens.services.Services`."""
        return store.load(store.resolve(name))

    def open_target(self, profile: Profile, progress: Progress) -> Place:
        """See :class:`screens.services.Services`."""
        return _place(self.target(profile, progress))

    def target(self, profile: Profile, progress: Progress = silent) -> Target:
        """The opened target itself."""
        key = (wiring.target_name(profile), profile.aws.region, profile.aws.profile, profile.aws.expected_account)
        if key not in self._targets:
            self._targets[key] = wiring.open_target(profile, self.sandbox_mode, progress, self._person)
        return self._targets[key]

    def deploy_key(self, deployment: DeploymentId, repository: str) -> DeployKey:
        """See :class:`screens.services.Services`."""
        from drucloud_tui.site_code import make_key

        return make_key(deployment, repository)

    def test_git(self, deployment: DeploymentId, profile: Profile) -> GitAccess:
        """See :class:`screens.services.Services`."""
        from drucloud_tui.site_code import try_access

        return try_access(self.target(wiring.pinned(profile, deployment)), deployment, profile)

    def estimate(self, profile: Profile) -> Cost:
        """See :class:`screens.services.Services`."""
        from provisioners.blueprint.build import build
        from provisioners.blueprint.placeholders import placeholder_lookups
        from provisioners.engine.cost import estimate

        blueprint = build(profile, placeholder_lookups(profile, "aws"))
        return _cost(estimate(blueprint, profile.aws.region))

    def prepare(self, profile: Profile, progress: Progress) -> Review:
        """See :class:`screens.services.Services`."""
        review = operations.prepare(
            profile,
            self.target(profile, progress),
            wiring.kinds(),
            wiring.steps(),
            sources=wiring.sources(),
            refresh=self.refresh,
            allow_replace=self.allow_replace,
            progress=progress,
        )
        return _review(review, profile)

    def prepare_resume(self, deployment: DeploymentId, progress: Progress = silent) -> Review:
        """What is left to do on a deployment, by the profile its newest run was started with."""
        profile = self.profile_of(deployment)
        review = operations.prepare_resume(
            Deployment(deployment),
            self.target(profile, progress),
            wiring.kinds(),
            wiring.steps(),
            sources=wiring.sources(),
            load=lambda text: profile,
            progress=progress,
        )
        return _review(review, profile)

    def prepare_destroy(self, deployment: DeploymentId, progress: Progress = silent) -> Review:
        """What taking a deployment down will delete and keep."""
        profile = self.profile_of(deployment)
        return _review(operations.prepare_destroy(Deployment(deployment), self.target(profile, progress)), profile)

    def profile_of(self, deployment: DeploymentId) -> Profile:
        """The profile of a deployment's newest run, bound to where it stands."""
        text = Deployment(deployment).state().profile
        if not text:
            raise UsageError(f"'{deployment.name}' was never started.", "Start it with 'drucloud replay PROFILE'.")
        return wiring.pinned(store.loads(text, source=f"the journal of '{deployment.name}'"), deployment)

    def launch(self, review: Review) -> DeploymentId:
        """See :class:`screens.services.Services`."""
        if review.verb != "destroy":
            # The sandbox forgets its keys when it is stopped; the machines fetch the code during the run.
            self.deploy_key(review.deployment, review.profile.site.repository)
        operations.launch(review.handle, review.verb, PROGRAM)
        return review.deployment

    def poll(self, deployment: DeploymentId, after: int) -> Batch:
        """See :class:`screens.services.Services`."""
        found = Deployment(deployment)
        # Asked first: an engine that ends in between has written its last event before the events are read.
        running = found.running() is not None
        return Batch(tuple(found.events(after)), running)

    def request(self, deployment: DeploymentId, what: Request) -> None:
        """See :class:`screens.services.Services`."""
        found = Deployment(deployment)
        if found.running():
            found.send(what)
        elif what == "rollback":
            self.launch(self.prepare_destroy(deployment))
        elif what == "continue":
            self.launch(self.prepare_resume(deployment))

    def log_path(self, deployment: DeploymentId) -> Path:
        """See :class:`screens.services.Services`."""
        return Deployment(deployment).log_path

    def site_url(self, deployment: DeploymentId) -> str:
        """See :class:`screens.services.Services`."""
        state = Deployment(deployment).state()
        checks = [step.properties for step in state.steps.values() if step.type == "Drucloud::Check"]
        if not checks or "Address" not in checks[0] or state.mode == "rehearsal":
            return ""
        address, domain = str(checks[0]["Address"]), str(checks[0].get("Domain", ""))
        if deployment.target == "aws":
            return f"http://{domain or address}/"
        from provisioners.sandbox.client import running

        sandbox = running()
        return sandbox.site_url(address) if sandbox else ""

    def watch(self, deployment: DeploymentId) -> Watch:
        """See :class:`screens.services.Services`."""
        from health.watch import Watch

        return Watch(Deployment(deployment), self.target(self.profile_of(deployment)))

    def save_profile(self, profile: Profile, name: str) -> Path:
        """See :class:`screens.services.Services`."""
        return drafts.save_profile(profile, name)

    def export(self, profile: Profile, folder: Path) -> Path:
        """See :class:`screens.services.Services`."""
        from provisioners.aws.cloudformation_export import export

        export(profile, folder)
        return folder

    def load_draft(self) -> Draft | None:
        """See :class:`screens.services.Services`."""
        return drafts.load()

    def save_draft(self, draft: Draft) -> None:
        """See :class:`screens.services.Services`."""
        drafts.save(draft)

    def drop_draft(self) -> None:
        """See :class:`screens.services.Services`."""
        drafts.drop()


def _known(deployment: Deployment) -> KnownDeployment:
    try:
        state = deployment.state()
    except FailedError:  # told to whoever asks for this one; the wizard goes on without it
        return KnownDeployment(deployment.id, "unreadable", deployment.running() is not None)
    return KnownDeployment(deployment.id, state.phase, deployment.running() is not None, state.updated_at, state.verb)


def _place(target: Target) -> Place:
    return Place(target.name, target.account, target.region, target.mode, target.mode_reason, target.alias)


def _review(review: operations.Review, profile: Profile) -> Review:
    return Review(
        verb=review.verb,
        profile=profile,
        place=_place(review.target),
        plan=review.plan.to_json(),
        cost=_cost(review.estimate),
        notices=tuple(_notice(finding) for finding in review.findings),
        security=security_words(review.template) if review.verb != "destroy" else (),
        handle=review,
    )


def _notice(finding: Mapping[str, Any]) -> Notice:
    return Notice(finding["status"], finding["what"], finding.get("do", ""))


def _cost(estimate: Estimate | None) -> Cost:
    if estimate is None:
        return Cost()
    return Cost(
        lines=tuple(
            CostLine(line.logical_id, line.label, line.tier, line.monthly_usd, line.note, line.cheaper)
            for line in estimate.lines
        ),
        monthly_usd=estimate.monthly_usd,
        hourly_usd=estimate.hourly_usd,
        as_of=estimate.as_of,
        exclusions=estimate.exclusions,
        monthly_high_usd=estimate.monthly_high_usd,
    )
