#!/usr/bin/python3
"""The site's certificate where TLS ends on this machine: self-signed at first, Let's Encrypt's once the domain is here.

``certificate`` makes the self-signed one if there is none, so that nginx can start. ``certificate --renew`` (the timer)
asks an ACME server as soon as the domain leads to this machine, and again 30 days before the end; then visitors are
sent from HTTP to HTTPS. ``--check`` says whether there is a certificate. Settings: /etc/drucloud/certificate.json.

Where web servers share files they share the certificate too: the server's question (HTTP-01) arrives at any machine of
the domain, so the answer lies where all of them find it. Whoever comes first asks, the others take what it got; one
each would soon be more than Let's Encrypt gives out, five a week for the same name (its "Rate Limits").
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

SETTINGS = pathlib.Path("/etc/drucloud/certificate.json")
FOLDER = pathlib.Path("/etc/drucloud/tls")
SHARED = pathlib.Path("/srv/site/shared")
LOCK_SECONDS = 300.0
RENEW_SECONDS = 30 * 86400
# The challenge and the balancer's question stay on HTTP.
REDIRECT = '"~^http /(?!healthz$|\\.well-known/acme-challenge/)" 1;\n'


class CertificateError(Exception):
    """There is no certificate; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where certbot keeps its files, the answers to the ACME server's questions lie, and who asks is settled."""

    config: pathlib.Path
    webroot: pathlib.Path
    lock: pathlib.Path

    @classmethod
    def of(cls, shared: bool) -> Place:
        """On this machine, or in the files that all web servers share; only root may look into the keys' folder."""
        if not shared:
            return cls(pathlib.Path("/etc/letsencrypt"), pathlib.Path("/var/www/acme"), FOLDER / "lock")
        return cls(SHARED / "tls/letsencrypt", SHARED / "acme", SHARED / "tls/lock")

    @property
    def challenges(self) -> pathlib.Path:
        """Where nginx looks for the answers."""
        return self.webroot / ".well-known/acme-challenge"

    def make(self) -> None:
        """The folders; they stay, for a server that has looked for one in vain remembers that for a while (NFS)."""
        self.lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.challenges.mkdir(parents=True, exist_ok=True)

    def issued(self, domain: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Key and certificate as certbot keeps them."""
        live = self.config / "live" / domain
        return live / "privkey.pem", live / "fullchain.pem"


def must(*argv: str) -> str:
    """Output of a command that has to succeed."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
    text = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode:
        raise CertificateError(f"{argv[0]} {argv[1]} failed: {text[-600:]}")
    return text


def put(name: str, content: bytes, mode: int) -> None:
    """Replace a file of the folder in one step."""
    fresh = FOLDER / f".{name}.new"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(FOLDER / name)


def have() -> bool:
    """Whether there is a certificate with its key."""
    return (FOLDER / "fullchain.pem").exists() and (FOLDER / "privkey.pem").exists()


def self_sign(domain: str) -> None:
    """A certificate that no browser trusts, so that nginx starts."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, certificate = FOLDER / ".key.new", FOLDER / ".certificate.new"
    must(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "3650", "-subj", "/CN=not trusted yet", "-addext", f"subjectAltName=DNS:{domain or 'localhost'}"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    put("privkey.pem", key.read_bytes(), 0o600)
    put("fullchain.pem", certificate.read_bytes(), 0o644)
    key.unlink()
    certificate.unlink()


def leads_here(domain: str, place: Place) -> bool:
    """Whether the domain is this machine, or one that shares its files, seen through its own web server."""
    token = secrets.token_hex(16)
    path = place.challenges / f"drucloud-{token}"
    path.write_text(token)
    try:
        connection = http.client.HTTPConnection(domain, 80, timeout=10)
        connection.request("GET", f"/.well-known/acme-challenge/{path.name}")
        return connection.getresponse().read(100).decode("ascii", "replace") == token
    except OSError:
        return False
    finally:
        path.unlink()


def lives(certificate: pathlib.Path) -> bool:
    """Whether there is such a certificate, good for another 30 days."""
    ends = ["openssl", "x509", "-checkend", str(RENEW_SECONDS), "-noout", "-in", str(certificate)]
    return certificate.exists() and subprocess.run(ends, stdout=subprocess.DEVNULL, check=False).returncode == 0


def fresh_enough(domain: str, place: Place) -> bool:
    """Whether the trusted certificate is in use and lives for another 30 days."""
    issued, used = place.issued(domain)[1], FOLDER / "fullchain.pem"
    return lives(issued) and used.exists() and issued.read_bytes() == used.read_bytes()


@contextlib.contextmanager
def alone(place: Place) -> Iterator[None]:
    """One machine at a time: the lock holds over all that share the files (NFS 4 and GlusterFS carry it)."""
    until = time.monotonic() + LOCK_SECONDS
    with place.lock.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise CertificateError(
                        "another web server has been asking for the certificate all the time"
                    ) from None
                time.sleep(1)
        yield


def ask(domain: str, server: str, place: Place) -> None:
    """Get the certificate from the ACME server, or renew it."""
    must(
        *("certbot", "certonly", "--webroot", "-w", str(place.webroot), "-d", domain, "--cert-name", domain),
        *("--non-interactive", "--agree-tos", "--register-unsafely-without-email", "--keep-until-expiring"),
        *("--key-type", "ecdsa", "--preferred-challenges", "http", "--config-dir", str(place.config)),
        *(("--server", server) if server else ()),
    )


def renew(domain: str, server: str, place: Place) -> str:
    """Ask for the certificate unless another machine has got it, put it into use; what was done."""
    place.make()
    with alone(place):
        if not lives(place.issued(domain)[1]):
            if not leads_here(domain, place):
                return f"{domain} does not lead to this machine yet"
            ask(domain, server, place)
    key, certificate = place.issued(domain)
    put("privkey.pem", key.read_bytes(), 0o600)
    put("fullchain.pem", certificate.read_bytes(), 0o644)
    put("redirect.map", REDIRECT.encode(), 0o644)
    must("nginx", "-t")
    must("systemctl", "reload", "nginx.service")
    return f"{domain} has a trusted certificate; visitors are sent to HTTPS"


def main(check: bool, renewing: bool) -> int:
    """Do it, or with ``check`` only look; the exit code."""
    settings = json.loads(SETTINGS.read_text())
    if settings["tls"] != "acme":
        print("TLS does not end on this machine")
        return 0
    domain, place = settings["domain"], Place.of(settings["shared"])
    if not have():
        if check:
            return 1
        self_sign(domain)
        place.make()
    if renewing and domain and not fresh_enough(domain, place):
        print(renew(domain, settings["acme_server"], place))
        return 0
    print("trusted certificate in use" if (FOLDER / "redirect.map").exists() else "self-signed certificate in use")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    try:
        sys.exit(main("--check" in sys.argv[1:], "--renew" in sys.argv[1:]))
    except CertificateError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
