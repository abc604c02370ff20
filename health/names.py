"""DNS as the world sees it: the domain leads here, and the records that let its mail be believed are there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import dns.exception
import dns.resolver

from health.report import Finding, Status
from provisioners.foreign_text import clean_line

SECONDS = 5.0
MOST = 8
"""So many addresses Route 53 answers with ("Multivalue answer routing", Route 53 Developer Guide)."""


class Lookup(Protocol):
    """Asks DNS. Empty when there is no such record; raises ``OSError`` when nobody answers."""

    def __call__(self, name: str, kind: str) -> set[str]:
        """The records of ``kind`` (``A``, ``TXT``, ``MX``, ``CNAME``) at ``name``."""
        ...


class Resolver:
    """The resolver of this machine, or another one."""

    def __init__(self, server: str = "", port: int = 53) -> None:
        """:param server: address of a name server; empty means the machine's own."""
        self._resolver = dns.resolver.Resolver(configure=not server)
        if server:
            self._resolver.nameservers, self._resolver.port = [server], port
        self._resolver.lifetime = SECONDS

    def __call__(self, name: str, kind: str) -> set[str]:
        """See :class:`Lookup`."""
        try:
            answer = self._resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return set()
        except dns.exception.DNSException as error:
            raise OSError(clean_line(str(error))) from error
        return {"".join(row.to_text().split('" "')).strip('"').rstrip(".") for row in answer}


def leads_here(domain: str, address: str, look: Lookup) -> list[Finding]:
    """Whether visitors of ``domain`` arrive at ``address`` (an IP address, or the name of a balancer or CDN).

    Two answers need not be the same: a CDN gives each resolver others. So one in common is enough, and for a CDN any
    address that is also CloudFront's is told by the site's own answer, not here.
    """
    try:
        found = look(domain, "A") | look(domain, "AAAA")
        wanted = {address} if address.replace(".", "").isdigit() else look(address, "A") | look(address, "AAAA")
    except OSError as error:
        return [_finding("dns.domain", domain, "unknown", "no answer", f"DNS does not answer ({error}).", "")]
    if not found:
        why, remedy = f"{domain} does not exist in DNS.", f"Add a record that leads {domain} to {address}."
        return [_finding("dns.domain", domain, "fail", "no record", why, remedy)]
    value = ", ".join(sorted(found))
    if found & wanted or address.endswith(".cloudfront.net"):
        return [_finding("dns.domain", domain, "ok", value, f"{domain} leads here.", "")]
    why = f"{domain} leads elsewhere, not to {address}."
    return [_finding("dns.domain", domain, "fail", value, why, f"Change its record so that it leads to {address}.")]


def spreads_here(domain: str, addresses: Sequence[str], look: Lookup) -> list[Finding]:
    """Whether visitors of ``domain`` arrive at all of ``addresses``, and nowhere else.

    Route 53 answers with at most eight, and leaves out whose health check fails.
    """
    try:
        found = look(domain, "A")
    except OSError as error:
        return [_finding("dns.domain", domain, "unknown", "no answer", f"DNS does not answer ({error}).", "")]
    value, ours = ", ".join(sorted(found)) or "no record", set(addresses)
    if strangers := ", ".join(sorted(found - ours)):
        why = f"{domain} leads some visitors to {strangers}, which is no web server of this deployment."
        return [_finding("dns.domain", domain, "fail", value, why, "Remove that record in Route 53.")]
    if not found:
        why, remedy = f"{domain} does not exist in DNS.", "Run 'drucloud replay' with the deployment's profile."
        return [_finding("dns.domain", domain, "fail", value, why, remedy)]
    if len(ours) <= MOST and (left_out := ", ".join(sorted(ours - found))):
        why = f"DNS leads nobody to {left_out}: its health check fails, or has begun to pass a moment ago."
        return [_finding("dns.domain", domain, "warn", value, why, "See that web server's own findings.")]
    return [_finding("dns.domain", domain, "ok", value, f"{domain} leads to the web servers.", "")]


def mail_records(domain: str, look: Lookup) -> list[Finding]:
    """SPF and DMARC: without them large providers refuse a site's mail (DKIM is told by SES itself)."""
    wanted: Mapping[str, tuple[str, str]] = {
        "mail.spf": (domain, "v=spf1"),
        "mail.dmarc": (f"_dmarc.{domain}", "v=dmarc1"),
    }
    findings = []
    for name, (where, begins) in wanted.items():
        try:
            texts = look(where, "TXT")
        except OSError as error:
            findings.append(_finding(name, where, "unknown", "no answer", f"DNS does not answer ({error}).", ""))
            continue
        record = next((text for text in sorted(texts) if text.lower().startswith(begins)), "")
        why = "Receivers can check the site's mail." if record else f"{where} has no {begins} record."
        remedy = "" if record else f"Add a TXT record at {where} that begins with {begins}."
        findings.append(_finding(name, where, "ok" if record else "warn", clean_line(record) or "none", why, remedy))
    return findings


def _finding(name: str, subject: str, status: Status, value: str, why: str, remedy: str) -> Finding:
    return Finding(name, subject, status, value, "", why, remedy, time.time())
