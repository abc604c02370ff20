"""One account and region behind boto3, with the client settings that make creating safe."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from botocore.config import Config

if TYPE_CHECKING:
    import boto3

CREATING = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60, max_pool_connections=32)
"""For calls that create: botocore's own retries would duplicate what a lost answer had made (facts: CreateVpc)."""

READING = Config(
    retries={"mode": "adaptive", "max_attempts": 8}, connect_timeout=5, read_timeout=30, max_pool_connections=32
)
"""For Describe calls and calls that are idempotent by contract."""


class Aws:
    """Clients of one account and region; safe to share between threads.

    Whether the endpoint is AWS or the sandbox is the session's business (its ``endpoint_url``), never the caller's.
    """

    def __init__(self, session: boto3.Session, region: str, endpoint_url: str = "") -> None:
        """:param endpoint_url: URL of the sandbox's API; empty for AWS's own endpoints."""
        self.session = session
        self.region = region
        self.endpoint_url = endpoint_url
        self._clients: dict[tuple[str, bool, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, *, creating: bool = False, region: str = "") -> Any:
        """A cached client; ``creating=True`` for mutating calls without a retry-safe contract."""
        key = (service, creating, region or self.region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self.session.client(
                    service,
                    region_name=key[2],
                    endpoint_url=self.endpoint_url or None,
                    config=CREATING if creating else READING,
                )
            return self._clients[key]
