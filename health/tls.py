"""TLS where visitors arrive: the certificate's chain, its end, what is spoken, and that plain HTTP leads there."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from health.report import Finding, Status
from health.visit import Visitor
from provisioners.foreign_text import clean_line
from provisioners.target import Dialer

EXPIRY_WARN_DAYS, EXPIRY_FAIL_DAYS = 20.0, 7.0
"""ACME renews at 30 days and ACM at 60: fewer than 20 left says that renewal does not work."""

PLACEHOLDER = "not trusted yet"
"""Who signed the certificate that a web server makes for itself until Let's Encrypt's is there."""

_RENEW = "Renew the certificate: certbot renew on the web server; ACM renews by itself while its DNS record stands."


@dataclass(frozen=True)
class Handshake:
    """What a TLS server said.

    :param error: why the certificate is not trusted, empty when it is.
    :param ends_at: until when the certificate is good (Unix seconds).
    :param http2: whether HTTP/2 was agreed on.
    """

    protocol: str
    http2: bool
    ends_at: float
    issuer: str
    error: str = ""


def context(verify: bool = True) -> ssl.SSLContext:
    """A client's context with this machine's own authorities (``SSL_CERT_FILE`` names others); offers HTTP/2."""
    made = ssl.create_default_context()
    made.set_alpn_protocols(["h2", "http/1.1"])
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def shake(dialer: Dialer, address: str, port: int, name: str, seconds: float) -> Handshake:
    """One handshake; a second one that trusts everybody reads a certificate that is refused. Raises ``OSError``."""
    try:
        return _shake(dialer.dial(address, port, seconds), name, context())
    except ssl.SSLCertVerificationError as error:
        why = clean_line(error.verify_message or str(error))
    return _shake(dialer.dial(address, port, seconds), name, context(verify=False), why)


def _shake(connection: socket.socket, name: str, how: ssl.SSLContext, error: str = "") -> Handshake:
    with connection, how.wrap_socket(connection, server_hostname=name) as secured:
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
        names = certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        issuer = clean_line(str(names[0].value)) if names else ""
        ends = certificate.not_valid_after_utc.timestamp()
        return Handshake(secured.version() or "", secured.selected_alpn_protocol() == "h2", ends, issuer, error)


class Look:
    """Examines TLS at one address; where it is not expected, only while somebody listens there."""

    ABSENT_SECONDS = 300.0
    """How long nobody is looked for again where TLS is not expected: a silent port costs a round its time-out."""

    def __init__(
        self, dialer: Dialer, address: str, name: str, expected: bool, port: int = 443, subject: str = ""
    ) -> None:
        """Nothing is looked at yet.

        :param expected: whether visitors are to use HTTPS.
        :param subject: what findings are about, if not the name.
        """
        self._subject = subject or name
        self._dialer = dialer
        self._address = address
        self._name = name
        self._expected = expected
        self._port = port
        self._absent_until = 0.0

    def __call__(self) -> list[Finding]:
        """Chain, expiry, HTTP/2, and the redirect where HTTPS is expected."""
        if time.monotonic() < self._absent_until:
            return []
        try:
            seen = shake(self._dialer, self._address, self._port, self._name, 8.0 if self._expected else 2.0)
        except (OSError, ValueError) as error:
            if not self._expected:
                self._absent_until = time.monotonic() + self.ABSENT_SECONDS
                return []
            why = f"Nobody speaks TLS at {self._address}:{self._port} ({clean_line(str(error))})."
            return [self._found("tls.certificate", "fail", "no TLS", why, "See whether the listener on 443 stands.")]
        return [*self._certificate(seen), self._http2(seen), *(self._redirect() if self._expected else [])]

    def _certificate(self, seen: Handshake) -> list[Finding]:
        days = (seen.ends_at - time.time()) / 86400
        if seen.issuer == PLACEHOLDER:
            why = f"No authority has signed for {self._name} yet: Let's Encrypt does once the domain leads here."
            remedy = "Lead the domain here; on the web server: journalctl -u drucloud-certificate."
            return [self._found("tls.certificate", "warn", "self-signed", why, remedy)]
        date = datetime.fromtimestamp(seen.ends_at, UTC).strftime("%Y-%m-%d")
        status: Status = "fail" if seen.error or days < EXPIRY_FAIL_DAYS else "ok"
        if status == "ok" and days < EXPIRY_WARN_DAYS:
            status = "warn"
        if days < 0:
            why = f"The certificate expired on {date}."
        elif seen.error:
            why = f"The certificate is not trusted: {seen.error}."
        else:
            why = f"The certificate of {seen.issuer or 'its authority'} is good until {date}."
        value = f"{days:.0f} days left"
        remedy = "" if status == "ok" else _RENEW
        return [self._found("tls.certificate", status, value, why, remedy, days * 86400, "s")]

    def _http2(self, seen: Handshake) -> Finding:
        value = f"{seen.protocol}, {'HTTP/2' if seen.http2 else 'HTTP/1.1'}"
        if seen.http2:
            return self._found("tls.http2", "ok", value, "Browsers load the page's parts over one connection.", "")
        why = "HTTP/2 is not offered: browsers load the page's parts one after the other."
        return self._found("tls.http2", "warn", value, why, "nginx: 'http2 on'; a load balancer offers it by default.")

    def _redirect(self) -> list[Finding]:
        with Visitor(self._dialer, self._address, self._name, 8.0) as visitor:
            visit = visitor.get("/")
        leads = visit.header("Location").startswith("https://") and visit.status in (301, 302, 307, 308)
        value = f"{visit.status} {clean_line(visit.header('Location'))}".strip() if not visit.error else visit.error
        why = "Plain HTTP leads to HTTPS." if leads else "Plain HTTP does not lead to HTTPS."
        remedy = "" if leads else "See the listener on port 80."
        return [self._found("tls.redirect", "ok" if leads else "fail", value, why, remedy)]

    def _found(
        self, name: str, status: Status, value: str, why: str, remedy: str,
        number: float | None = None, measure: str = "",
    ) -> Finding:  # fmt: skip
        return Finding(name, self._subject, status, value, "", why, remedy, time.time(), number, measure)
