"""The machines of bench/converge.py: fresh Debians in one network, and how a tool is run beside them."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioners.nodes import keys
from provisioners.sandbox.machines import namespaces
from provisioners.sandbox.machines.host import MachineSpec
from provisioners.sandbox.machines.names_on_host import prefix
from provisioners.sandbox.machines.nspawn import NspawnHost

VPC = "vpc-bench"
MEMORY_MIB = 512
_LET_IN = (
    "install -d -m 700 -o admin -g admin /home/admin/.ssh;"
    " install -m 600 -o admin -g admin /dev/stdin /home/admin/.ssh/authorized_keys;"
    " cat /etc/ssh/ssh_host_ed25519_key.pub"
)


class Fleet:
    """Up to 16 machines that all tools reach in the same way: user ``admin``, one key, known host keys, sudo."""

    def __init__(self, folder: Path) -> None:
        """:param folder: of the machines, the key and the tools' own files; begins empty."""
        self.folder = folder
        self.host = NspawnHost(folder / "machines", print)
        self.host.network_up(VPC, "10.43.0.0/16")
        self.key = keys.deployment_key(folder)
        self.known_hosts = folder / "known_hosts"
        self._netns = namespaces.NAMED / f"{prefix(folder / 'machines')}-{VPC}"
        self.names: list[str] = []

    def fresh(self, count: int) -> list[str]:
        """``count`` machines as Debian's image has them, in place of those that stood; their addresses."""
        self.clear()
        self.names = [f"n{number:02}" for number in range(1, count + 1)]
        _all(self._boot, self.names)
        lines = {name: self.sh(name, _LET_IN, f"{self.key.public}\n".encode()) for name in self.names}
        kept = (f"{self.address(name)} {' '.join(line.split()[:2])}\n" for name, line in lines.items())
        self.known_hosts.write_text("".join(kept))
        return [self.address(name) for name in self.names]

    def clear(self) -> None:
        """Remove the machines."""
        _all(self.host.remove, self.names)
        self.names = []

    def close(self) -> None:
        """Remove everything."""
        self.host.close()

    def address(self, name: str) -> str:
        """The machine's address."""
        return f"10.43.1.{int(name[1:])}"

    def sh(self, name: str, command: str, stdin: bytes = b"") -> str:
        """Output of a shell command in the machine, as root and from outside; raises when it fails."""
        code, out = self.host.execute(name, ["sh", "-c", command], stdin)
        if code:
            raise SystemExit(f"{name}: {command}: {out.decode(errors='replace')}")
        return out.decode().strip()

    def run(self, argv: Sequence[str], environment: dict[str, str], log: Path) -> int:
        """Run a tool on the host, inside the machines' network; its output goes to ``log``.

        Every tool may keep its compiled modules, as it does where it was installed.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with log.open("wb") as out:
            return subprocess.run(
                ["nsenter", f"--net={self._netns}", *argv],
                env={**inherited, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                check=False,
            ).returncode

    def state(self, files: Sequence[str], paths: Sequence[str], units: Sequence[str]) -> list[str]:
        """What a role is judged by, a machine: bytes of the files, owner and mode of all paths, state of the units."""
        look = (
            f"sha256sum {' '.join(files)}; stat -c '%n %U %G %a' {' '.join(paths)};"
            f" systemctl is-enabled {' '.join(units)}; systemctl is-active {' '.join(units)};"
            " curl -fsSD- -o /dev/null http://127.0.0.1/ | grep X-Revision"
        )
        return [self.sh(name, look) for name in self.names]

    def cpu(self) -> float:
        """CPU seconds that the machines have used since they booted, from their control groups."""
        used = (self.sh(name, "sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat") for name in self.names)
        return sum(int(microseconds) for microseconds in used) / 1e6

    def _boot(self, name: str) -> None:
        self.host.start(MachineSpec(name, VPC, self.address(name), "", name, b"", MEMORY_MIB, 2))

    def inventory(self, path: Path, addresses: Sequence[str]) -> Path:
        """What :mod:`bench.converge_drucloud` reads."""
        hosts = dict(line.split(maxsplit=1) for line in self.known_hosts.read_text().splitlines())
        path.write_text(json.dumps({"key": str(self.key.path), "hosts": {name: hosts[name] for name in addresses}}))
        return path


def _all(work: Callable[[str], None], names: Sequence[str]) -> None:
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
