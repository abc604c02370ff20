"""Where the program begins: ``drucloud`` and ``python -m drucloud_tui``."""

from __future__ import annotations

import sys


def main() -> None:
    """The command line; ``--version`` alone is answered before the command line is even loaded."""
    if sys.argv[1:] == ["--version"]:
        from drucloud_tui.version import version_line

        print(version_line())
        return
    from drucloud_tui.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
