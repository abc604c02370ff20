"""Can the site's code be fetched? The deploy key, the test, and what a person is told and asked about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from profiles import store
from profiles.errors import DrucloudError, ReachError, UsageError
from profiles.model import Profile
from provisioners.engine.deployment import Deployment
from provisioners.nodes import git_access, git_address
from provisioners.nodes.keys import deploy_key
from provisioners.nodes.site import CANARY, sandbox_repository
from provisioners.target import DeploymentId, Target
from screens.services import DeployKey, GitAccess, Services

Confirm = Callable[[str, bool], bool]
"""Asks a yes-or-no question; the second argument is what Enter means."""

_PASTE_AT = {
    "github.com": "On GitHub: the repository's Settings, Deploy keys, Add deploy key (no write access).",
    "gitlab.com": "On GitLab: the project's Settings, Repository, Deploy keys (no write access).",
    "bitbucket.org": "On Bitbucket: the repository's Settings, Access keys.",
}


@dataclass(frozen=True)
class Source:
    """Where the code is: SSH address, and the server's pinned host key (empty: one that is shipped, or unknown)."""

    url: str
    host_key: str


def source(profile: Profile, deployment: DeploymentId) -> Source:
    """The repository of ``profile`` as seen from ``deployment``."""
    site = profile.site
    if site.repository != CANARY:
        if deployment.target == "sandbox" and sandbox_repository(site.repository):
            from provisioners.sandbox.client import ensure

            return Source(site.repository, ensure().git_host_key())
        return Source(site.repository, site.git_host_key)
    if deployment.target != "sandbox":
        raise UsageError(
            "The canary site is served by the sandbox only; in your account there is nobody to serve it.",
            "Set site.repository to the SSH address of your site's Git repository.",
        )
    from provisioners.sandbox.client import ensure

    sandbox = ensure()
    return Source(sandbox.git_url(), sandbox.git_host_key())


def make_key(deployment: DeploymentId, repository: str) -> DeployKey:
    """The deployment's deploy key; in the sandbox its Git server is told to accept it."""
    public = deploy_key(Deployment(deployment).folder).public
    if deployment.target == "sandbox" and repository == CANARY:
        from provisioners.sandbox.client import ensure

        ensure().authorize_git_key(public)
        return DeployKey(public, registered=True)
    if deployment.target == "sandbox" and (name := sandbox_repository(repository)):
        from provisioners.sandbox.client import ensure

        ensure().authorize_git_key(public, name)
        return DeployKey(public, registered=True)
    return DeployKey(public, registered=False, paste_at=_paste_at(repository))


def _paste_at(repository: str) -> str:
    try:
        host = git_address.parse(repository).host
    except DrucloudError:
        host = ""
    return _PASTE_AT.get(host, "Add it to the repository's deploy keys; reading is enough.")


def try_access(target: Target, deployment: DeploymentId, profile: Profile) -> GitAccess:
    """Try to read repository and branch with the deploy key."""
    key = deploy_key(Deployment(deployment).folder)
    try:
        code = source(profile, deployment)
        access = git_access.test(code.url, key.path, code.host_key, profile.site.branch, target.dialer)
    except git_access.UnknownHostKeyError as error:
        host = git_address.parse(code.url).host
        return GitAccess("unknown_host_key", error.what, error.do, host, error.key, error.fingerprint)
    except DrucloudError as error:
        return GitAccess("failed", error.what, error.do)
    return GitAccess("ok", f"Branch {profile.site.branch} is at {access.commit[:12]}.")


def secure(services: Services, deployment: DeploymentId, profile: Profile, confirmed: Confirm | None) -> Profile:
    """``profile`` whose code can be fetched, perhaps with a newly confirmed host key; else :class:`ReachError`.

    :param confirmed: asks a person about an unknown host key; ``None`` without a terminal.
    """
    source(profile, deployment)  # refuses what can never be fetched before a key is shown for it
    key = services.deploy_key(deployment, profile.site.repository)
    access = services.test_git(deployment, profile)
    if access.status == "unknown_host_key":
        if confirmed is None:
            raise ReachError(access.what, f"If it is the right one, set site.git_host_key to '{access.host_key}'.")
        if not confirmed(f"{access.what} Is that its key?", False):
            raise ReachError(f"The host key of {access.host} was not confirmed.", "Nothing was changed.")
        profile = store.apply(profile, {"site.git_host_key": access.host_key})
        access = services.test_git(deployment, profile)
    if access.status != "ok":
        shown = "" if key.registered else f" This deployment's key is: {key.public} ({key.paste_at})"
        raise ReachError(access.what, f"{access.do}{shown}")
    return profile
