"""Faults that are put into real machines, and taken out again."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.health.certificates import Authority

PAGES = "/srv/site/current/src/pages.php"
NGINX = "/etc/nginx/drucloud"
ROOM = "/srv/site/shared/private"


TLS = """
server {
    listen 443 ssl;
    http2 on;
    ssl_certificate /root/tls/chain.pem;
    ssl_certificate_key /root/tls/key.pem;
    return 200 ok;
}
"""
"""TLS at the web server, where the profile has none: with a certificate that the test's own authority made."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    :param machine: ``web``, ``admin`` or ``cache``.
    :param cause: the check that has to name it, and words it has to use.
    """

    name: str
    machine: str
    inject: str
    mend: str
    cause: str
    words: str


def _edit(path: str, script: str, reload: str) -> tuple[str, str]:
    """Edit a file in place (and keep the good one), and the way back; fails when nothing was edited."""
    good = "/root/good"
    return (
        f"cp -p {path} {good} && sed -i {script!r} {path} && ! cmp -s {path} {good} && systemctl reload {reload}",
        f"cp -p {good} {path} && systemctl reload {reload}",
    )


def _certificate(which: str) -> str:
    """Let nginx show that certificate."""
    copies = " && ".join(f"cp /root/tls/{which}-{part}.pem /root/tls/{part}.pem" for part in ("chain", "key"))
    return f"{copies} && nginx -t && systemctl reload nginx"


_CACHING_OFF = _edit(PAGES, "s/Cache-Control: max-age=$seconds, public/Cache-Control: no-cache, private/", "php8.4-fpm")
_SET_COOKIE = _edit(PAGES, r's/header("Cache-Control: max-age/header("Set-Cookie: visitor=1"); &/', "php8.4-fpm")
_VARY = _edit(f"{NGINX}/php.conf", "/fastcgi_ignore_headers Vary/d", "nginx")
_DENY = _edit(f"{NGINX}/site.conf", "/composer/d", "nginx")

FAULTS = (
    Fault("memcached stopped", "cache", "systemctl stop memcached", "systemctl start memcached",
          "memcached.round-trip", "memcached"),
    # A file system of 16 MiB in memory, where the site keeps files: the host's own disk is never filled.
    Fault("disk full", "web", f"mount -t tmpfs -o size=16m full {ROOM}; dd if=/dev/zero of={ROOM}/full bs=1M count=32 "
          f"2>/dev/null; test -s {ROOM}/full", f"umount {ROOM}", "machine.disk", ROOM),
    Fault("page caching off", "web", *_CACHING_OFF, "micro-cache.hit", "no-cache"),
    Fault("Set-Cookie for everyone", "web", *_SET_COOKIE, "micro-cache.hit", "sets a cookie"),
    Fault("Vary honoured", "web", *_VARY, "micro-cache.other-cookie", "Vary: Cookie"),
    Fault("FPM pool killed", "web", "systemctl kill -s KILL php8.4-fpm; systemctl stop php8.4-fpm",
          "systemctl reset-failed php8.4-fpm; systemctl start php8.4-fpm", "service.php8.4-fpm", "php8.4-fpm"),
    Fault("deny rule gone", "web", *_DENY, "site.denied", "/composer.json"),
    Fault("certificate expired", "web", _certificate("expired"), _certificate("good"), "tls.certificate", "expired on"),
    Fault("cron stopped", "admin", "systemctl stop cron", "systemctl start cron", "service.cron", "cron"),
    Fault("nginx stopped", "web", "systemctl stop nginx", "systemctl start nginx", "service.nginx", "nginx"),
    Fault("node cut off", "web", "CUT", "JOIN", "machine.reachable", "10.42."),
)  # fmt: skip


class Machines:
    """The machines of one operator's sandbox, entered from the host as root."""

    def __init__(self, state: Path, names: dict[str, str]) -> None:
        """:param names: the sandbox's name of the machines ``web``, ``admin`` and ``cache``."""
        self._state = state
        self._names = names
        self._routes: dict[str, str] = {}

    def apply(self, machine: str, command: str) -> None:
        if command == "CUT":
            self._routes[machine] = self._network(machine, "ip route show default").strip()
            self._network(machine, f"ip link set {self._routes[machine].split()[4]} down")
        elif command == "JOIN":
            route = self._routes.pop(machine)
            self._network(machine, f"ip link set {route.split()[4]} up && ip route add {route}")
        else:
            self._enter(machine, "--all", command)

    def run(self, machine: str, command: str) -> str:
        """What a command prints there, run by root."""
        return self._enter(machine, "--all", command)

    def serve_tls(self, authority: Authority, host: str) -> None:
        """Let the web server speak TLS with a good certificate, and lay one beside it that expired."""
        self._enter("web", "--all", "install -d -m 0700 /root/tls")
        for name, days in (("good", 80.0), ("expired", -2.0)):
            chain, key = authority.certificate(host, days)
            self._write(f"/root/tls/{name}-chain.pem", chain)
            self._write(f"/root/tls/{name}-key.pem", key)
        self._write("/root/tls/tls.conf", TLS.encode())
        edit = "sed -i 's!include /etc/nginx/drucloud/site.conf;!& include /root/tls/tls.conf;!' /etc/nginx/nginx.conf"
        self._enter("web", "--all", f"{edit} && {_certificate('good')}")

    def _write(self, path: str, content: bytes) -> None:
        self._enter("web", "--all", f"cat >{path}", content)

    def _network(self, machine: str, command: str) -> str:
        return self._enter(machine, "--net", command)

    def _enter(self, machine: str, what: str, command: str, stdin: bytes = b"") -> str:
        argv = ["nsenter", "--target", self._init(machine), what, "sh", "-c", f"cd /; {command}"]
        ran = subprocess.run(argv, input=stdin, capture_output=True, check=False, timeout=60)
        assert ran.returncode == 0, f"{command}: {ran.stdout!r}{ran.stderr!r}"
        return ran.stdout.decode()

    def _init(self, machine: str) -> str:
        """Pid of the machine's first process: the child of its systemd-nspawn."""
        folder = f"{self._state}/sandbox/machines/{self._names[machine]}/root"
        # -ww: where COLUMNS is set, as it is under pytest, ps would cut its lines there and the folder off.
        listing = subprocess.run(
            ["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
        (nspawn,) = [row[0] for row in rows if row[2].startswith("systemd-nspawn") and f"-D {folder} " in row[2]]
        (init,) = [row[0] for row in rows if row[1] == nspawn]
        return init
