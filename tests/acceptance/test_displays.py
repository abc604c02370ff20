"""The same job without the full screen: by plain prompts only, and by JSON only. Rehearsed: no root, no machine."""

import json

import pytest

from tests.acceptance.operator import Operator
from tests.drucloud_tui.terminal import Terminal, drucloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_by_plain_prompts_alone(operator: Operator) -> None:
    """Bare ``drucloud`` on a dumb terminal: Enter to every question, deploy, then health."""
    with Terminal(drucloud("--sandbox", "rehearsal"), environ=operator.environment) as terminal:
        for _ in range(60):
            terminal.send("\n")
        said, code = terminal.end(seconds=300)
        assert code == 0, said
        assert "Saved as" in said
        assert "REHEARSAL" in said
        assert "\x1b[" not in said, "a dumb terminal got an escape"
    assert "drucloud replay" in said
    operator.sandbox = "rehearsal"
    health = operator.run("health", "starter", "--once").ok()
    assert "unknown" in health.out


def test_by_json_alone(operator: Operator) -> None:
    operator.sandbox = "rehearsal"
    ran = operator.run(
        "replay", "starter", "--target", "sandbox", "--sandbox", "rehearsal", "--display", "json", "--yes"
    ).ok()
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert {"number", "at", "kind", "version"} <= set(events[0])
    assert [item["number"] for item in events] == sorted(item["number"] for item in events)
    kinds = [item["kind"] for item in events]
    assert "RunStarted" in kinds
    assert kinds[-1] == "RunFinished"
    report = json.loads(operator.run("health", "starter", "--json").ok().out)
    assert report["findings"]
