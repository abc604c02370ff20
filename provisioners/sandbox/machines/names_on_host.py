"""What the sandbox's things are called on the host (namespaces, cgroups, machines)."""

from __future__ import annotations

import hashlib
from pathlib import Path


def prefix(root: Path) -> str:
    """Begins every name of the host that keeps its machines in ``root``.

    Made of the folder, so that sandboxes with different state directories never touch each other's things.
    """
    return f"dc{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:6]}"
