"""What may be mended by one key: a closed list of commands that lose nothing and can be repeated.

Starting what should run, and Drupal's own switch for page caching. Never a reboot, never a restart of what runs,
nothing that deletes. Each is shown, word for word, before it is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from health.machines import is_machine, is_web
from health.report import Finding
from health.scene import Scene
from profiles.errors import FailedError
from provisioners.debian import SUITES
from provisioners.foreign_text import clean_line
from provisioners.nodes.ssh import command_line

STARTED = frozenset({"nginx", *(f"php{suite.php}-fpm" for suite in SUITES), "cron", "keepalived", "solr", "glusterd"})
"""Units that may be started."""
MAX_AGE = "900"
FIX_SECONDS = 60.0

_DRUSH = "/srv/site/current/vendor/drush/drush/drush.php"


@dataclass(frozen=True)
class Fix:
    """One command on one machine.

    :param subject: what findings call the machine.
    :param why: what it does, in one sentence.
    """

    subject: str
    argv: tuple[str, ...]
    why: str

    @property
    def command(self) -> str:
        """As a person would type it there."""
        return command_line(self.argv)


def fix_for(cause: Finding) -> Fix | None:
    """The fix of a finding that failed, if there is a safe one."""
    if cause.status != "fail":
        return None
    unit = cause.name.removeprefix("service.")
    if unit in STARTED and is_machine(cause.subject):
        return Fix(cause.subject, ("sudo", "systemctl", "start", unit), f"Start {unit} again.")
    if cause.name == "site.page-cache":
        subject = cause.subject if is_web(cause.subject) else "web server"
        argv = ("sudo", "runuser", "-u", "www-data", "--", "php", _DRUSH, "--yes", "config:set", "system.performance",
                "cache.page.max_age", MAX_AGE)  # fmt: skip
        return Fix(subject, argv, f"Let Drupal's pages be kept for {MAX_AGE} seconds.")
    return None


def first_fix(causes: Sequence[Finding]) -> tuple[Finding, Fix] | None:
    """The first cause that can be mended so, and how."""
    for cause in causes:
        if (fix := fix_for(cause)) is not None:
            return cause, fix
    return None


def apply(scene: Scene, fix: Fix) -> None:
    """Run it; raises ``FailedError`` when it fails and ``ReachError`` when the machine cannot be asked."""
    machine = next((one.machine for one in scene.machines if one.subject == fix.subject), None)
    if machine is None:
        raise FailedError(f"There is no {fix.subject}.", "Look again: the deployment may have changed.")
    ran = scene.connections.run(machine, fix.argv, seconds=FIX_SECONDS)
    if ran.code:
        said = clean_line((ran.err or ran.out).decode("utf-8", "replace"))[:300]
        raise FailedError(f"'{fix.command}' ended with code {ran.code}: {said}", "Look at the machine yourself.")
