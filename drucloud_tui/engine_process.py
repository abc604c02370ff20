"""The detached engine: ``python -m drucloud_tui.engine_process FOLDER``, started by ``operations.launch``.

It outlives every view; what it does stands in the journal in that folder, what goes wrong in its log.
"""

from __future__ import annotations

import sys
from pathlib import Path

from drucloud_tui import wiring
from provisioners.engine.process import serve


def main() -> int:
    """Serve the deployment whose folder is the only argument."""
    if len(sys.argv) != 2:
        print("usage: python -m drucloud_tui.engine_process FOLDER", file=sys.stderr)
        return 2
    return serve(Path(sys.argv[1]), wiring.kinds(), wiring.steps(), wiring.reopen)


if __name__ == "__main__":
    sys.exit(main())
