"""paramiko, loaded without invoke.

paramiko imports invoke, which imports unittest.mock and asyncio: half of the time that paramiko takes to load. It is
used for ``Match exec`` lines of an OpenSSH client configuration only (``paramiko.config``, which raises the
``ImportError`` when it meets one); drucloud reads no such file.
"""

from __future__ import annotations

import sys

_LOADED = "invoke" in sys.modules
if not _LOADED:
    sys.modules["invoke"] = None  # type: ignore[assignment]  # the import system's own way to say: not to be had
try:
    import paramiko as paramiko
finally:
    if not _LOADED:
        del sys.modules["invoke"]
