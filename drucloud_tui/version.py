"""Which version this is; loads nothing that is not needed to say it."""

from __future__ import annotations

import os
import sys


def version_line() -> str:
    """``drucloud 1.2.3``.

    The version stands in the name of the installed metadata's folder (``drucloud-1.2.3.dist-info``: the packaging
    specification for installed projects); ``importlib.metadata`` would import ``email`` and ``zipfile`` to read it.
    """
    return f"drucloud {_installed() or 'not installed (run from its source)'}"


def _installed() -> str:
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208  (pathlib would be loaded for it)
        except OSError:  # a path that is not there, or a zip
            continue
        for name in names:
            if name.startswith("drucloud-") and name.endswith(".dist-info"):
                return name[len("drucloud-") : -len(".dist-info")]
    return ""
