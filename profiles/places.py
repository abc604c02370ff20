"""Where drucloud keeps things on the operator's machine.

Three roots, by the platform's own rules (XDG on Linux), each overridable for tests and containers:

========  ====================  ==========================================================
root      environment variable  holds
========  ====================  ==========================================================
config    ``DRUCLOUD_CONFIG``   saved profiles, the wizard's draft
state     ``DRUCLOUD_STATE``    one folder a deployment (journal, lock, keys), the sandbox
cache     ``DRUCLOUD_CACHE``    the sandbox's base image, role layers and package cache
========  ====================  ==========================================================

Folders are made 0700 when first asked for; one that cannot be made is a ``FailedError``.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from profiles.errors import FailedError

_APP = "drucloud"


def _root(variable: str, default: Path) -> Path:
    path = Path(os.environ[variable]) if os.environ.get(variable) else default
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FailedError(
            f"The folder {path} cannot be made or entered: {error.strerror}.",
            f"Give yourself access, or set {variable} to a folder of yours.",
        ) from error
    return path


def config_root() -> Path:
    """The folder of saved profiles and drafts."""
    return _root("DRUCLOUD_CONFIG", platformdirs.user_config_path(_APP, appauthor=False))


def state_root() -> Path:
    """The folder of deployments and of the running sandbox."""
    return _root("DRUCLOUD_STATE", platformdirs.user_state_path(_APP, appauthor=False))


def cache_root() -> Path:
    """The folder of what can be made again: base image, role layers, packages."""
    return _root("DRUCLOUD_CACHE", platformdirs.user_cache_path(_APP, appauthor=False))
