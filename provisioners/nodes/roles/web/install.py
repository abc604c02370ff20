#!/usr/bin/python3
"""Bring the database to the live release: install Drupal into an empty one, update one that is installed.

Uses the site's own Drush, as www-data. An empty database gets the configuration of the repository
(config/sync) or else the standard profile; an installed one gets ``drush deploy``'s steps. A database with tables in
which Drupal does not start is left alone: it may be somebody's import. The administrator's generated password is
thrown away (``drush user:login`` makes a one-time link), so no secret is printed. ``--check`` says whether the database
was brought to the live release already. A site that is not Drupal needs none of this.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

SETTINGS = pathlib.Path("/etc/drucloud/site-settings.json")
CURRENT = pathlib.Path("/srv/site/current")
STATE = pathlib.Path("/var/lib/drucloud")
READY = STATE / "site-ready"  # the commit the database was last brought to
BEGUN = STATE / "site-installing"  # an installation of ours that was cut off may be begun again
PURGE = STATE / "purge"
HOME = "/var/cache/drupal"
DRUSH = "vendor/drush/drush/drush.php"
SERVICES: tuple[tuple[str, str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = (
    ("search", "search_api_solr", ("search_api_solr",), ()),
    ("files", "s3fs", ("s3fs",), (("s3fs:refresh-cache",),)),
    (
        "purge",
        "cloudfront_purger",
        ("cloudfront_purger_tags", "purge_processor_lateruntime", "purge_processor_cron", "purge_drush"),
        (("p:purger-add", "cloudfront_tags", "--if-not-exists"),),
    ),
)
"""What the deployment may have built, the module that must be in the code, what is installed, and what is done then."""


class InstallError(Exception):
    """The site cannot be installed or updated; the text says why in plain words."""


class Site:
    """The live release and its Drush."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.release = CURRENT.resolve()
        self.docroot = self.release / str(settings["docroot"])
        self.name = settings["domain"] or settings["deployment"]
        self.services = frozenset(settings.get("services", ()))
        # By PHP itself: vendor/bin/drush may be a shell script, and what was committed on Windows is not executable.
        self._drush = ["php", str(self.release / DRUSH), f"--uri=http://{settings['domain'] or 'default'}"]

    @property
    def is_drupal(self) -> bool:
        """Drupal 8 or newer."""
        return (self.docroot / "core/lib/Drupal.php").is_file()

    @property
    def has_configuration(self) -> bool:
        """Whether the repository brings the site's whole configuration."""
        return (self.docroot / "../config/sync/core.extension.yml").is_file()

    def has_module(self, name: str) -> bool:
        """Whether the module is in the code, where Composer or a hand puts it."""
        return any((self.docroot / folder / name).is_dir() for folder in ("modules/contrib", "modules"))

    def configured(self, file: str, key: str) -> str:
        """A plain value of the repository's configuration; empty when it is not there."""
        text = (self.docroot / "../config/sync" / file).read_text(encoding="utf-8")
        found = re.search(rf"^{key}: ['\"]?([A-Za-z0-9_-]+)", text, re.MULTILINE)
        return found[1] if found else ""

    def has_install_hook(self, profile: str) -> bool:
        """Whether the profile does more than its configuration when it is installed."""
        files = [
            *self.docroot.glob(f"core/profiles/{profile}/*.install"),
            *self.docroot.glob(f"profiles/**/{profile}.install"),
        ]
        return any(f"function {profile}_install(" in file.read_text(encoding="utf-8") for file in files)

    def try_drush(self, *arguments: str, seconds: float = 1200) -> tuple[int, str, str]:
        """Exit code, output and errors of a Drush command."""
        if not (self.release / DRUSH).exists():
            raise InstallError(f"there is no {DRUSH} in the repository: require drush/drush and commit vendor")
        try:
            done = subprocess.run(
                [*self._drush, "--no-interaction", *arguments],
                cwd=self.release,
                env={"HOME": HOME, "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                user="www-data",
                group="www-data",
                extra_groups=[],
                umask=0o022,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InstallError(f"drush {arguments[0]} did not finish within {seconds:.0f} s") from None
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def drush(self, *arguments: str) -> str:
        """Output of a Drush command that has to succeed."""
        code, out, err = self.try_drush(*arguments)
        if code:
            told = [line for line in (out + err).splitlines() if line.strip() and "assword" not in line]
            raise InstallError(f"drush {arguments[0]} failed: " + "\n".join(told[-12:]))
        return out.strip()


def bring_up(site: Site) -> str:
    """Install or update; what was done."""
    if site.drush("status", "--field=bootstrap") == "Successful" and not BEGUN.exists():
        update(site)
        done = "updated the database"
    else:
        install(site)
        done = "installed Drupal"
    if (site.docroot / "modules/contrib/memcache").is_dir():
        site.drush("pm:install", "memcache")
    missing = [] if site.has_configuration else join_services(site, fresh=done.startswith("installed"))
    site.drush("cache:rebuild")
    return f"{done} (without {', '.join(missing)})" if missing else done


def join_services(site: Site, fresh: bool) -> list[str]:
    """Install the modules for what the deployment has built; those that would not be installed.

    Only where the repository has no configuration: that one says itself what is installed, and an import would take
    them away again. s3fs joins an empty site only: files that are there already must be moved first (s3fs:copy-local).
    """
    missing = []
    for service, module, others, then in SERVICES:
        if service not in site.services or not site.has_module(module) or (module == "s3fs" and not fresh):
            continue
        commands = [("pm:install", ",".join(others)), *then]
        if any(site.try_drush(*command)[0] for command in commands):
            missing.append(module)
    return missing


def update(site: Site) -> None:
    """What ``drush deploy`` does, with the configuration's part only where the repository has one."""
    if site.has_configuration:
        site.drush("deploy")
    else:
        site.drush("updatedb")


def install(site: Site) -> None:
    """Into an empty database only, or over an installation of ours that was cut off."""
    if site.drush("sql:query", "SHOW TABLES") and not BEGUN.exists():
        raise InstallError("the database has tables but Drupal does not start on it; import a whole dump or empty it")
    BEGUN.touch()
    profile = site.configured("core.extension.yml", "profile") if site.has_configuration else "standard"
    about = [f"--site-name={site.name}", "--account-name=admin"]
    if site.has_configuration and not site.has_install_hook(profile):
        site.drush("site:install", "--existing-config", *about)
    else:
        site.drush("site:install", profile or "minimal", *about)
    if site.has_configuration and site.has_install_hook(profile):
        # Core refuses --existing-config for such a profile (standard is one): install it, take on the site's identity.
        site.drush("config:set", "system.site", "uuid", site.configured("system.site.yml", "uuid"))
        if profile == "standard":  # its shortcuts would keep their set from being replaced
            site.drush("entity:delete", "shortcut_set")
        site.drush("config:import")
    BEGUN.unlink()


def main(check: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    site = Site(json.loads(SETTINGS.read_text()))
    if not site.is_drupal:
        print("not a Drupal site: nothing to install")
        return 0
    if READY.exists() and READY.read_text().strip() == site.release.name:
        print(f"the database is at {site.release.name[:12]}")
        return 0
    if check:
        return 1
    done = bring_up(site)
    PURGE.touch()
    READY.write_text(site.release.name + "\n")
    print(f"{done} for {site.release.name[:12]}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main("--check" in sys.argv[1:]))
    except InstallError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
