"""Many real OpenSSH servers on one machine: Debian's sshd from the sandbox's base image, each on a port of its own.

They run in one chroot on an overlay of the image (nothing of it is changed), in a mount and a process namespace that
end with this program. Needs root and a base image (any sandbox deployment builds one).
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioners.nodes import keys
from provisioners.sandbox.machines import image

FIRST_PORT = 22_000
_START = """
set -e
mount -t tmpfs bench "$LAB"
mkdir "$LAB/up" "$LAB/work" "$LAB/root"
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$LAB/up,workdir=$LAB/work" "$LAB/root"
mount -t proc proc "$LAB/root/proc"
mount --rbind /dev "$LAB/root/dev"
mkdir -p "$LAB/root/run/sshd" "$LAB/root/etc/bench"
cat > "$LAB/root/etc/bench/keys"
chroot "$LAB/root" id -u admin >/dev/null 2>&1 || chroot "$LAB/root" useradd -m -s /bin/bash admin
chroot "$LAB/root" usermod -p '*' admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' > "$LAB/root/etc/sudoers.d/bench" 2>/dev/null || true
chroot "$LAB/root" ssh-keygen -q -t ed25519 -N '' -f /etc/bench/host
cat "$LAB/root/etc/bench/host.pub"
for n in $(seq 0 $((COUNT - 1))); do
    chroot "$LAB/root" /usr/sbin/sshd -D -e -f /dev/null -h /etc/bench/host -o "PidFile none" -o UsePAM=no \\
        -o "AuthorizedKeysFile /etc/bench/keys" -o StrictModes=no -o MaxStartups=200 \\
        -o "ListenAddress 127.0.0.1:$((FIRST + n))" 2>/dev/null &
done
echo started
wait
"""


@dataclass(frozen=True)
class Servers:
    """Servers that listen.

    :param ports: one server each, all on 127.0.0.1.
    :param host_key: the host key that all of them show.
    """

    ports: range
    host_key: str


@contextlib.contextmanager
def servers(count: int, pair: keys.KeyPair) -> Iterator[Servers]:
    """``count`` servers that let user ``admin`` in with the key pair."""
    base = image.cached()
    if base is None:
        raise SystemExit("There is no base image yet: deploy anything to the sandbox first.")
    lab = Path(tempfile.mkdtemp(prefix="bench-sshds-"))
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "BASE": str(base), "LAB": str(lab), "COUNT": str(count)}
    process = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _START],
        env={**environment, "FIRST": str(FIRST_PORT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{pair.public}\n")
    process.stdin.close()
    try:
        host_key = process.stdout.readline().strip()
        assert process.stdout.readline() == "started\n", "the servers did not start"
        ports = range(FIRST_PORT, FIRST_PORT + count)
        for port in ports:
            _await(port)
        yield Servers(ports, host_key)
    finally:
        process.kill()
        process.wait()
        lab.rmdir()


def _await(port: int, patience: float = 60.0) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as connection:
                connection.recv(4)
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
