"""Golden text frames: what the screen says, line by line, without colours; ``pytest --accept`` writes them anew."""

import os
from pathlib import Path

from textual.app import App

FRAMES = Path(__file__).parents[1] / "frames"


def frame(app: App) -> str:
    """The screen as text, trailing blanks cut."""
    rows = ["".join(segment.text for segment in strip).rstrip() for strip in app.screen._compositor.render_strips()]
    return "\n".join(rows) + "\n"


def check_frame(app: App, name: str) -> None:
    """Compare the screen with ``tests/frames/NAME.txt``."""
    path, now = FRAMES / f"{name}.txt", frame(app)
    assert len(now.splitlines()) == app.size.height
    assert all(len(row) <= app.size.width for row in now.splitlines())
    if os.environ.get("DRUCLOUD_ACCEPT_FRAMES"):
        path.write_text(now, encoding="utf-8")
    assert now == path.read_text(encoding="utf-8"), f"{path.name} differs: look at it, then run pytest --accept"
