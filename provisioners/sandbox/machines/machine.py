"""One machine: a Debian booted by systemd-nspawn from an overlay over the base image.

systemd-nspawn runs in a mount and a process namespace of its own: however the machine ends, no mount is left on the
host, and when systemd-nspawn is killed the kernel kills the whole machine (by itself it would let the guest live on).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from profiles.errors import FailedError
from provisioners.foreign_text import clean_line
from provisioners.sandbox.machines import cgroups, leftovers, meminfo, namespaces
from provisioners.sandbox.machines.host import MachineSpec, MachineState
from provisioners.sandbox.machines.network import Network
from provisioners.sandbox.machines.supervised import Child

_REBOOT = 133
"""systemd-nspawn's exit code when the guest asked for a reboot."""
_BOOT_TIMEOUT = 60.0
_HALT_TIMEOUT = 30.0
_CONSOLE_BYTES = 64 * 1024
_OVERLAY = 'mount -t overlay overlay -o "$1" "$2" && shift 2 && exec "$@"'
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    "SYSTEMD_NSPAWN_TMPFS_TMP": "0",
    "SYSTEMD_NSPAWN_LOCK": "0",  # a lock file that a killed systemd-nspawn would leave
}


class Machine:
    """One machine of a host; :attr:`lock` serializes what is done to it.

    :param spec: what it is.
    :param folder: its own folder: the overlay's upper layer, its console's log.
    :param lowers: the read-only layers below it, topmost first.
    :param network: the network it stands in.
    :param prefix: begins its name in the host's process and cgroup trees.
    """

    def __init__(self, spec: MachineSpec, folder: Path, lowers: Sequence[Path], network: Network, prefix: str) -> None:
        self.spec = spec
        self.lock = threading.RLock()
        self.public_addresses: tuple[str, ...] = ()
        self.network = network
        self._folder = folder
        self.lowers = tuple(lowers)
        self._prefix = prefix
        self._child: Child | None = None
        self._groups: list[Path] = []
        self._state: MachineState = "stopped"

    @property
    def state(self) -> MachineState:
        """What it is doing."""
        return self._state

    def start(self) -> None:
        """Boot it and return once sshd answers; raises :class:`FailedError` with the console's last line."""
        with self.lock:
            if self._child is not None and self._child.running:
                return
            self._prepare()
            self._state = "starting"
            self._groups = cgroups.create(self._prefix, self.spec.name, self.spec.memory_mib)
            self.refresh_meminfo()
            self._child = Child(
                self._command(),
                self._console,
                restart_on=_REBOOT,
                cgroups=self._groups,
                env=_ENVIRONMENT,
                ended=self._ended,
            )
        self._await_sshd()

    def stop(self) -> None:
        """Shut it down cleanly; a machine that does not halt in time is killed."""
        with self.lock:
            if self._child is not None and self._child.running:
                os.kill(self._descendant(1), signal.SIGTERM)
                self._child.wait(_HALT_TIMEOUT)
            self._end()

    def crash(self) -> None:
        """Kill it."""
        self._end()

    def remove(self) -> None:
        """Kill it and remove everything of it: its disk is not needed any more, so it need not halt first."""
        with self.lock:
            self.crash()
            self.network.detach(self.spec.name)
            shutil.rmtree(self._folder, ignore_errors=False)

    def freeze(self, folder: Path) -> tuple[Path, ...]:
        """Copy its disk, as an image has it, into ``folder``; the layers of the image, topmost first.

        What is of this machine only stays out: its name, and that cloud-init (here ``first_boot``) did its part, which
        on EC2 is remembered by instance id.
        """
        with self.lock:
            if self._child is not None and self._child.running:
                raise FailedError(f"The machine {self.spec.hostname} still runs: its disk cannot be copied.")
            folder.parent.mkdir(mode=0o755, exist_ok=True)
            subprocess.run(["cp", "-a", "--reflink=auto", str(self._folder / "upper"), str(folder)], check=True)
        shutil.rmtree(folder / "var/lib/drucloud-sandbox", ignore_errors=True)
        for name in ("etc/hostname", "etc/hosts"):
            (folder / name).unlink(missing_ok=True)
        return (folder, *self.lowers)

    def console(self) -> str:
        """The end of what it wrote to its console."""
        if not self._console.exists():
            return ""
        with self._console.open("rb") as log:
            log.seek(max(0, self._console.stat().st_size - _CONSOLE_BYTES))
            return log.read().decode(errors="replace").replace("\r\n", "\n")

    def execute(self, argv: Sequence[str], stdin: bytes, seconds: float | None = None) -> tuple[int, bytes]:
        """Run a command in all of its namespaces as root; its exit code and combined output.

        :param seconds: how long it may take; whoever enters a machine that is going down may wait for ever.
        """
        init = self._descendant(2)
        # --root: where we ourselves live in a chroot, the mount namespace's own root is still the host's
        enter = ("nsenter", "--target", str(init), "--all", "--root", "--wd")
        if os.path.samefile(f"/proc/{init}/root/", "/"):  # noqa: PTH121  a file of another process, not a path of ours
            raise FailedError(f"The machine {self.spec.hostname} is only starting.")
        try:
            result = subprocess.run(
                [*enter, *argv],
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={name: _ENVIRONMENT[name] for name in ("PATH", "LC_ALL")},
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FailedError(f"The machine {self.spec.hostname} does not answer.") from None
        return result.returncode, result.stdout

    def refresh_meminfo(self) -> None:
        """Bring the memory figures that the machine sees up to date."""
        with contextlib.suppress(FileNotFoundError):  # its cgroup has just gone
            meminfo.write(self._meminfo, self.spec.memory_mib, self._groups)

    @property
    def _console(self) -> Path:
        return self._folder / "console.log"

    @property
    def _meminfo(self) -> Path:
        return self._folder / "meminfo"

    def _prepare(self) -> None:
        """Make its disk, once, and its interface."""
        self.network.attach(self.spec.name, self.spec.private_ip)
        upper = self._folder / "upper"
        if upper.exists():
            return
        for path in (self._folder, upper, self._folder / "work", self._folder / "root", upper / "etc"):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)  # the upper layer's folders lend their mode to the machine's own
        _write(upper / "etc/hostname", f"{self.spec.hostname}\n")
        short = self.spec.hostname.partition(".")[0]
        names = self.spec.hostname if short == self.spec.hostname else f"{self.spec.hostname} {short}"
        _write(upper / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {names}\n")

    def _command(self) -> list[str]:
        lower = ":".join(str(path) for path in self.lowers)
        options = f"lowerdir={lower},upperdir={self._folder / 'upper'},workdir={self._folder / 'work'}"
        root = str(self._folder / "root")
        binds = []
        if meminfo.usage(self._groups) is not None:
            binds = [f"--bind-ro={self._meminfo}:/etc/drucloud-sandbox/meminfo"]
        if Path("/dev/fuse").exists():
            binds.append("--bind=/dev/fuse")
        return [
            *("unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", _OVERLAY, "sh", options, root),
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no", "-D", root),
            *("-M", f"{self._prefix}-{self.spec.name}", f"--hostname={self.spec.hostname}"),
            f"--network-namespace-path={namespaces.NAMED / self.network.machine_namespace(self.spec.name)}",
            *("--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no", *binds),
        ]

    def _await_sshd(self) -> None:
        deadline = time.monotonic() + _BOOT_TIMEOUT
        while time.monotonic() < deadline:
            if self._child is None or not self._child.running:
                break
            with contextlib.suppress(OSError), self._dial_sshd() as connection:
                if connection.recv(4) == b"SSH-":
                    self._state = "running"
                    return
            time.sleep(0.02)
        last = [line for line in self.console().splitlines() if line.strip()][-1:] or ["nothing"]
        self._state = "failed"
        raise FailedError(
            f"The machine {self.spec.hostname} did not come up; its console ends with: {clean_line(last[0])}",
            f"The whole console is in {self._console}.",
        )

    def _dial_sshd(self) -> socket.socket:
        return namespaces.connect(self.network.namespace, self.spec.private_ip, 22, 2.0)

    def _end(self) -> None:
        with self.lock:
            if self._child is None:
                return
            self._child.stop(signal.SIGKILL, 10.0)
            self._child = None
            cgroups.remove(self._prefix, self.spec.name)
            leftovers.remove_traces(f"{self._prefix}-{self.spec.name}")
            self._groups = []
            self._state = "stopped"

    def _ended(self, code: int) -> None:
        """It ended by itself: halted from inside, or broken."""
        self._state = "stopped" if code == 0 else "failed"

    def _descendant(self, generation: int) -> int:
        """The process id of systemd-nspawn (1) or of the machine's init (2) below the child we started."""
        if self._child is None or not self._child.running:
            raise FailedError(f"The machine {self.spec.hostname} is not running.")
        pid = self._child.pid
        try:
            for _ in range(generation):
                pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[-1])
        except (OSError, IndexError):
            raise FailedError(f"The machine {self.spec.hostname} is only starting.") from None
        return pid


def _write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o644)
    os.chown(file, 0, 0)
