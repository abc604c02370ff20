"""The package cache: apt-cacher-ng on the host's loopback, relayed into every VPC.

It has a configuration and a cache folder of its own below ``cache_root()``. Sandboxes that run at the same time (each
with another state directory) never share a folder: each takes the first free slot, and the kernel frees the slot when
the process that holds it is gone.
"""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from profiles.errors import FailedError
from profiles.places import cache_root
from provisioners.sandbox.machines import locks
from provisioners.sandbox.machines.sources import proxies
from provisioners.sandbox.machines.supervised import Child

_CONFIGURATION = """\
# Written by drucloud for its own instance of apt-cacher-ng; changes are overwritten.
CacheDir: {cache}
LogDir: {logs}
BindAddress: 127.0.0.1
Port: {port}
PidFile: {logs}/pid
ForeGround: 1
ReportPage:
ExThreshold: 30
VerboseLog: 0
{proxy}"""
_ATTEMPTS = 5


class PackageCache:
    """One running package cache; :attr:`port` on 127.0.0.1.

    :param groups: the cgroup it runs in, one folder a hierarchy.
    """

    def __init__(self, groups: Sequence[Path] = ()) -> None:
        self._groups = groups
        self._slot, self._folder = _free_slot()
        for _ in range(_ATTEMPTS):
            self.port = _free_port()
            self._child = self._start()
            if self._answers():
                return
            self._child.stop(signal.SIGTERM, 2.0)
        raise FailedError(
            f"The package cache (apt-cacher-ng) does not start; its log is in {self._folder}.",
            "Reinstall the package apt-cacher-ng, or use --sandbox rehearsal.",
        )

    def stop(self) -> None:
        """End it; what it holds stays on disk for the next run."""
        self._child.stop(signal.SIGTERM, 1.0)  # it waits for connections that machines left open
        if self._slot >= 0:
            locks.release(self._slot)
            self._slot = -1

    def _start(self) -> Child:
        logs = self._folder / "log"
        for path in (self._folder / "cache", logs, self._folder / "conf"):
            path.mkdir(parents=True, exist_ok=True)
        proxy = proxies().get("http", "")
        (self._folder / "conf" / "acng.conf").write_text(
            _CONFIGURATION.format(
                cache=self._folder / "cache", logs=logs, port=self.port, proxy=f"Proxy: {proxy}\n" if proxy else ""
            )
        )
        command = ["apt-cacher-ng", "-c", str(self._folder / "conf")]
        return Child(command, logs / "output.log", pass_fds=[self._slot], cgroups=self._groups)

    def _answers(self, patience: float = 5.0) -> bool:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self._child.running:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False


def _free_slot() -> tuple[int, Path]:
    """A cache folder nobody uses, and the open file that holds it."""
    for number in range(100):
        folder = cache_root() / "packages" / str(number)
        slot = locks.take(folder / "lock")
        if slot is not None:
            return slot, folder
    raise FailedError("A hundred sandboxes run at once; the package cache has no room.", "Stop some of them.")


def _free_port() -> int:
    """A free port below 32768: apt-cacher-ng takes a higher one for a name and does not find it."""
    for port in random.sample(range(20000, 32768), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise FailedError("The package cache finds no free port between 20000 and 32767.", "Stop what occupies them.")
