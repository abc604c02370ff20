"""``pytest --accept`` writes the golden frames under tests/frames anew."""

import os
import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write the golden frames under tests/frames anew")


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control starts what it puts in the background with SIGINT ignored, and so would every program
    # be that a test starts: Ctrl+C must reach those as in a terminal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--accept"):
        os.environ["DRUCLOUD_ACCEPT_FRAMES"] = "1"
