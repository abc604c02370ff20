"""What every extension of the sandbox's API is given: the account, the one lock, the clock and what is real."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioners.sandbox.reality import Reality

ACCOUNT = "123456789012"
"""The sandbox's account id: the example id of AWS's documentation, which is also moto's own."""

PARTITION = "aws"


@dataclass
class World:
    """One running sandbox, as its API sees it.

    :param scale: how long what has no machine behind it takes, as a share of AWS's own time (a NAT gateway's 90 s
        become 0.9 s at 0.01).
    """

    reality: Reality
    scale: float = 0.01
    lock: threading.RLock = field(default_factory=threading.RLock)
    """moto's backends are plain dictionaries: every API call, and every change from the side, holds this lock."""

    def scaled(self, seconds: float) -> float:
        """``seconds`` of AWS's time in seconds of the sandbox's."""
        return seconds * self.scale
