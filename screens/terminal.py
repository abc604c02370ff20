"""The terminal that is drawn on, asked for its own size."""

from __future__ import annotations

import os

from textual.drivers.linux_driver import LinuxDriver


class OwnSizeDriver(LinuxDriver):
    """Textual's driver, without a detour.

    Textual 8.2 asks ``shutil.get_terminal_size``: for it ``COLUMNS`` and ``LINES``, which some shells export, go before
    the terminal itself, so that the page keeps their size whatever becomes of the window; and it asks standard output,
    which is a file in ``drucloud > file``, where Textual draws on standard error.
    """

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self.fileno)
        except OSError:
            return super()._get_terminal_size()
        return (columns, rows) if columns and rows else super()._get_terminal_size()
