"""Operators for the acceptance tests, and the host's own word on what they left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.operator import Operator


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path (Unix sockets are limited to 107 bytes) that any user may enter."""
    path = Path(tempfile.mkdtemp(prefix="dc-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """The operator's folder."""
    with short_folder() as path:
        yield path


@pytest.fixture
def operator(home: Path) -> Iterator[Operator]:
    """An operator whose sandbox boots machines; it is stopped in the end."""
    someone = Operator(home, sandbox="machines")
    yield someone
    someone.stop_sandbox()


@pytest.fixture
def ordinary_user(home: Path) -> Iterator[Operator]:
    """An operator without root, whose sandbox rehearses."""
    user = "nobody" if os.geteuid() == 0 else ""
    if user:
        shutil.chown(home, user)
    someone = Operator(home, sandbox="rehearsal", user=user)
    yield someone
    someone.stop_sandbox()
