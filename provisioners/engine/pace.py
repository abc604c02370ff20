"""How long the engine waits between looks and tries: real AWS takes minutes for what the sandbox does in a second.

Nothing here limits how long a resource may take to come up: as long as AWS says ``pending``, the engine waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from provisioners.target import TargetName


@dataclass(frozen=True)
class Pace:
    """All in seconds but ``poll``.

    :param poll: factor on a kind's own ``poll_seconds``.
    :param gather: how long a look waits for others that want one of the same type.
    :param visible: within what time a thing that was made is seen by ``find`` and by everyone who refers to it
        (EC2 is eventually consistent: seconds, up to minutes).
    :param in_use: how long a deletion is tried again while AWS says that the thing is in use, after everything of ours
        that used it is gone (network interfaces of RDS and ElastiCache outlive them by minutes).
    :param patience: how long calls that are throttled or not answered at all are tried again.
    :param first_pause: pause after a first failed try; it doubles up to ``longest_pause``.
    :param slowest: the longest that anything is expected to take to stand; what is shown as the expected time is this
        at most, however long AWS takes for the same (in the sandbox everything is a machine that boots, or less).
    """

    poll: float
    gather: float
    visible: float
    in_use: float
    patience: float
    first_pause: float
    longest_pause: float
    slowest: float = inf


AWS = Pace(poll=1.0, gather=0.25, visible=120.0, in_use=1800.0, patience=900.0, first_pause=1.0, longest_pause=30.0)
SANDBOX = Pace(
    poll=0.05,
    gather=0.02,
    visible=3.0,
    in_use=120.0,
    patience=60.0,
    first_pause=0.1,
    longest_pause=1.0,
    slowest=20.0,
)


def pace_of(target: TargetName) -> Pace:
    """The pace that suits a target."""
    return SANDBOX if target == "sandbox" else AWS
