"""A VPC's resolver: dnsmasq at 169.254.169.253 of its namespace, with a hosts file and no upstream.

It answers every reverse look-up too, at once: without that MariaDB stalls each new connection for seconds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from profiles.errors import FailedError
from provisioners.foreign_text import clean_line
from provisioners.sandbox.machines import namespaces
from provisioners.sandbox.machines.host import RESOLVER, Leads, addresses
from provisioners.sandbox.machines.supervised import Child


class Resolver:
    """The resolver of one VPC.

    :param namespace: where it runs.
    :param folder: where its hosts file and log are kept.
    :param groups: the cgroup it runs in, one folder a hierarchy.
    """

    def __init__(self, namespace: str, folder: Path, groups: Sequence[Path] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._hosts = folder / "hosts"
        self._hosts.write_text("")
        self._child = Child(
            [
                *("nsenter", f"--net={namespaces.NAMED / namespace}", "dnsmasq", "--keep-in-foreground"),
                *("--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts"),
                *("--user=root", "--group=root"),  # a change of either makes the kernel forget the death signal
                *("--log-facility=-", "--bind-interfaces", f"--listen-address={RESOLVER[0]}"),
                *(f"--addn-hosts={self._hosts}", "--local=/#/", "--local-ttl=5", "--cache-size=1000"),
            ],
            folder / "dnsmasq.log",
            cgroups=groups,
        )
        self._await(namespace, folder / "dnsmasq.log")

    def set(self, names: Mapping[str, Leads]) -> None:
        """Answer with ``names`` (name to address or addresses) and nothing else from now on.

        The first name of an address is what a reverse look-up gives.
        """
        by_address: dict[str, list[str]] = {}
        for name, leads in names.items():
            for address in addresses(leads):
                by_address.setdefault(address, []).append(name)
        text = "".join(f"{address} {' '.join(found)}\n" for address, found in by_address.items())
        new = self._hosts.with_suffix(".new")
        new.write_text(text)
        new.replace(self._hosts)  # never read half written
        self._child.signal(signal.SIGHUP)

    def _await(self, namespace: str, log: Path, patience: float = 10.0) -> None:
        """Return once it answers: before that, the signal that makes it read its names again would end it."""
        deadline = time.monotonic() + patience
        while self._child.running and time.monotonic() < deadline:
            try:
                namespaces.connect(namespace, *RESOLVER, 1.0).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        self._child.stop(signal.SIGKILL, 1.0)
        reason = clean_line(log.read_text(errors="replace")) or "it says nothing"
        raise FailedError(f"The sandbox's resolver (dnsmasq) does not start: {reason}")

    def stop(self) -> None:
        """End it."""
        self._child.stop(signal.SIGTERM, 5.0)
