"""Waiting for what happens by itself."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(wanted: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until ``wanted`` says so."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
