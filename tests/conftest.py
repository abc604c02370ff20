"""``pytest --accept`` writes the golden frames under tests/frames anew."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write the golden frames under tests/frames anew")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--accept"):
        os.environ["DRUCLOUD_ACCEPT_FRAMES"] = "1"
