"""Whether the domain leads to the zone we write into, and whether its certificate can be issued."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dns.exception
import dns.resolver
from dns.rdatatype import RdataType

from provisioners.aws import mail_state, route53
from provisioners.aws.findings import Finding, Subject, finding

AMAZON = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")
"""ACM issues if a domain's CAA records name one of these, or if there are none (ACM User Guide, "CAA records")."""

SECONDS = 3.0

Ask = Callable[[str, RdataType], list[str]]
"""Asks public DNS; an empty list when there is no such record, ``dns.exception.DNSException`` when nobody answers."""


def ask(name: str, kind: RdataType) -> list[str]:
    """The records of ``name`` as the operator's resolver gives them."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [str(row).lower().rstrip(".") for row in answer]


def domain(subject: Subject, ask: Ask = ask) -> Iterator[Finding]:
    """The public delegation of the zone against the name servers that Route 53 gave it."""
    if subject.profile.names.dns != "route53" or not subject.lookups.hosted_zone or subject.target.name != "aws":
        return
    zone = subject.aws.client("route53").get_hosted_zone(Id=subject.lookups.hosted_zone)
    name = str(zone["HostedZone"]["Name"]).rstrip(".")
    ours = {str(one).lower().rstrip(".") for one in zone["DelegationSet"]["NameServers"]}
    try:
        public = set(ask(name, RdataType.NS))
    except dns.exception.DNSException:
        yield finding("warn", f"Public DNS did not answer for {name}.", "Check the network, or go on without.")
        return
    if not public & ours:
        where = ", ".join(sorted(public)) or "nobody"
        yield finding(
            "fail",
            f"{name} is led to {where}, not to its Route 53 zone in this account ({', '.join(sorted(ours))}).",
            "Enter those name servers at the registrar, use the account that has the zone, or set names.dns=manual.",
        )


def records(subject: Subject) -> Iterator[Finding]:
    """Records of the domain that are not ours: nothing is overwritten, so the deploy would end there."""
    zone, name = subject.lookups.hosted_zone, subject.profile.site.domain
    if subject.profile.names.dns != "route53" or not zone or subject.standing:
        return
    there = route53.records(subject.aws, zone)
    wanted = (one.properties for one in subject.of_type(route53.RecordSet.type))
    ours = {(name, str(one["Type"])) for one in wanted if one["Name"] == name}
    for _, kind in sorted(ours & there.keys()):
        yield finding(
            "fail",
            f"{name} has a record of type {kind} already; drucloud never overwrites one.",
            "Remove it in Route 53, or set names.dns=manual and lead the name here yourself.",
        )


def certificate(subject: Subject, ask: Ask = ask) -> Iterator[Finding]:
    """CAA records that keep the certificate's authority out, and a certificate for the name that is there already."""
    name = subject.profile.site.domain
    managed = any(subject.of_type("AWS::CertificateManager::Certificate"))
    on_servers = subject.profile.balancer.kind in ("none", "dns")
    if not name or subject.target.name != "aws" or not (managed or on_servers):
        return
    who, known = ("Amazon", AMAZON) if managed else ("Let's Encrypt", ("letsencrypt.org",))
    try:
        authorities = _caa(name, ask)
    except dns.exception.DNSException:
        authorities = []
    issuers = [row for row in authorities if " issue " in f" {row} "]
    if issuers and not any(one in row for row in issuers for one in known):
        add = f'Add the record 0 issue "{known[0]}" beside them'
        yield finding(
            "fail" if managed else "warn",
            f"The CAA records of {name} do not let {who} issue its certificate.",
            f"{add}, or set names.dns=manual." if managed else f"{add}; until then no browser trusts the site.",
        )
    if not managed:
        return
    pages = subject.aws.client("acm").get_paginator("list_certificates").paginate(CertificateStatuses=["ISSUED"])
    if any(row["DomainName"] == name for page in pages for row in page["CertificateSummaryList"]):
        yield finding("ok", f"ACM has a certificate for {name} already; this deployment gets one of its own.")


def _caa(name: str, ask: Ask) -> list[str]:
    """Those of the nearest name upwards that has any."""
    parts = name.split(".")
    for start in range(len(parts) - 1):
        if found := ask(".".join(parts[start:]), RdataType.CAA):
            return found
    return []


def mail(subject: Subject) -> Iterator[Finding]:
    """Whether the site's mail gets out, and what stands in the way of its records."""
    standing = "MailIdentity" in subject.standing
    return mail_state.findings(subject.aws, subject.profile, subject.lookups.hosted_zone, standing)
