"""What Drupal says about itself, through its own Drush, as one JSON object. Streamed over SSH to ``python3``.

Run as root, it asks as the site's own user. Traps of Drush: the default fields of ``status`` hold the database's
password, so the fields are always named; ``core:requirements`` is fatal or empty in releases before 13.7 with newer
Drupal, so an answer that is no JSON is told as such; ``pm:security`` ends with 3 when it has found something.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RELEASE = Path("/srv/site/current")
LEGACY = Path("/usr/lib/drucloud/drupal7.php")
"""On the web servers of a Drupal 7 alone: it says the same without Drush."""
SETTINGS = Path("/etc/drucloud/site-settings.json")
DRUSH = "vendor/drush/drush/drush.php"
"""By PHP itself: ``vendor/bin/drush`` may be a shell script, and is not always executable."""
ANSWERS: dict[str, list[str]] = {
    "status": ["status", "--fields=drupal-version,drush-version,bootstrap,db-status", "--format=json"],
    "requirements": ["core:requirements", "--severity=2", "--format=json"],
    "security": ["pm:security", "--format=json"],
    "cron": ["state:get", "system.cron_last", "--format=json"],
    "updates": ["updatedb:status", "--format=json"],
    "modules": ["pm:list", "--type=module", "--status=enabled", "--field=name", "--format=json"],
}
SETTINGS = Path("/etc/drucloud/site-settings.json")
SECONDS = 40


def ask(release: Path, arguments: list[str], user: str) -> Any:
    """One command's JSON; ``{"error": ...}`` when it gives none. Nothing on standard error is kept."""
    argv = ["php", str(release / DRUSH), "--no-interaction", *arguments]
    if user:
        argv = ["runuser", "-u", user, "--", *argv]
    try:
        ran = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, cwd=release)
    except subprocess.TimeoutExpired:
        return {"error": f"Drush did not end within {SECONDS} s"}
    text = ran.stdout.strip()
    if not text and ran.returncode == 0:
        return []
    try:
        return json.loads(text)
    except ValueError:
        return {"error": f"Drush ended with code {ran.returncode} and gave no JSON"}


def ask_legacy(release: Path, user: str, program: Path = LEGACY) -> dict[str, Any]:
    """What a Drupal 7 says; where it cannot, why not."""
    docroot = release / json.loads(SETTINGS.read_text())["docroot"]
    argv = ["runuser", "-u", user, "--", "php", str(program), "report", str(docroot)]
    try:
        told = json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS).stdout)
    except (subprocess.TimeoutExpired, ValueError):
        told = {"error": "Drupal does not start on the command line"}
    answer: dict[str, Any] = told.get("answer") or {"status": {"error": told["error"]}}
    return answer


def built(settings: Path = SETTINGS) -> dict[str, Any]:
    """Which services the deployment has built for the site, and whether the code has what sends mail by SES."""
    try:
        told = json.loads(settings.read_text())
    except (OSError, ValueError):
        return {}
    return {"services": sorted(told.get("services", ())), "mailer": (RELEASE / "vendor/symfony/amazon-mailer").is_dir()}


def main(user: str, release: Path = RELEASE) -> None:
    """Print everything; ``{}`` for a site without Drush."""
    seen: dict[str, Any] = {}
    if LEGACY.exists() and release.exists():
        seen = ask_legacy(release, user)
    elif (release / DRUSH).exists():
        seen = {name: ask(release, arguments, user) for name, arguments in ANSWERS.items()}
        seen["now"] = time.time()
        seen["built"] = built()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else RELEASE)
