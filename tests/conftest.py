"""``pytest --accept`` writes the golden frames under tests/frames anew."""

import os
import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write the golden frames under tests/frames anew")


def pytest_configure(config: pytest.Config) -> None:
    # What a shell without job control puts in the background ignores SIGINT, and what nohup starts SIGHUP; so would
    # every program that a test starts, where both must do what they do in a terminal. A handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    if config.getoption("--accept"):
        os.environ["DRUCLOUD_ACCEPT_FRAMES"] = "1"
