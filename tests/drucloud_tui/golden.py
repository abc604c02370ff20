"""Golden text frames under tests/frames; ``DRUCLOUD_ACCEPT_FRAMES=1`` rewrites them."""

import os
from pathlib import Path

from drucloud_tui.jsonl import load

TESTS = Path(__file__).resolve().parent.parent


def journal(name):
    """The events of a journal under tests/journals."""
    with (TESTS / "journals" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return list(load(lines))


def assert_frame(name, text):
    """``text`` is what tests/frames/``name``.txt holds."""
    path = TESTS / "frames" / f"{name}.txt"
    if os.environ.get("DRUCLOUD_ACCEPT_FRAMES"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
