"""checkov's verdict on every preset, against the documented list; only where checkov is installed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from profiles import store
from provisioners.blueprint.build import build
from tests.provisioners.blueprint.lookups import AWS

CHECKOV = os.environ.get("CHECKOV") or shutil.which("checkov")
DOCUMENTED = Path(__file__).parents[3] / "docs" / "checkov.md"


def failed_checks(template: Path) -> set[str]:
    """Ids of the checks that fail."""
    run = subprocess.run(
        [str(CHECKOV), "-f", str(template), "--framework", "cloudformation", "--compact", "--quiet", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    report = json.loads(run.stdout)
    assert report["summary"]["passed"] > 30
    return {check["check_id"] for check in report["results"]["failed_checks"]}


@pytest.mark.skipif(CHECKOV is None, reason="checkov is not installed (set CHECKOV to its program)")
def test_checkov_fails_what_is_documented_and_nothing_else(tmp_path):
    failed = set()
    for name in store.presets():
        template = tmp_path / f"{name}.json"
        template.write_text(json.dumps(build(store.load(store.resolve(name)), AWS).cloudformation()))
        failed |= failed_checks(template)
    lines = DOCUMENTED.read_text(encoding="utf-8").splitlines()
    assert failed == {line.split("`")[1] for line in lines if line.startswith("| `")}
