"""The domain: its certificate, and the records that lead it here. Only where Route 53 holds its zone."""

from __future__ import annotations

from troposphere import certificatemanager as acm
from troposphere import route53

from provisioners.blueprint import dns_balancing, edge
from provisioners.blueprint.draft import Draft, GetAtt, Ref
from provisioners.blueprint.nodes import SITE_ADDRESS

CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
"""The zone of every distribution's name (Route 53 Developer Guide, AliasTarget)."""


def wanted(draft: Draft) -> bool:
    """Whether drucloud is to lead the domain here."""
    return bool(draft.profile.site.domain) and draft.profile.names.dns == "route53"


def has_certificate(draft: Draft) -> bool:
    """Whether a balancer or CDN ends TLS for the domain."""
    return wanted(draft) and draft.profile.balancer.kind == "alb"


def scheme(draft: Draft) -> str:
    """How visitors ask: ``https`` where TLS ends before the web servers. The sandbox's stand-ins have no TLS."""
    return "https" if draft.lookups.target == "aws" and (has_certificate(draft) or edge.wanted(draft)) else "http"


def add(draft: Draft) -> None:
    """Add certificate and records, if the domain's zone is in Route 53."""
    if not wanted(draft):
        return
    domain, zone = draft.profile.site.domain, draft.lookups.hosted_zone
    if has_certificate(draft):
        draft.add("names", f"Certificate {domain}", _certificate(draft, "Certificate"))
    if edge.certificate(draft) == "EdgeCertificate":
        certificate = _certificate(draft, "EdgeCertificate")
        draft.add("names", f"Certificate {domain} for CloudFront", certificate, region=edge.EDGE_REGION)
    if dns_balancing.wanted(draft):
        dns_balancing.add(draft)
        return
    draft.add("names", f"Record {domain}", _record(draft, domain, zone, "A"))
    if edge.wanted(draft):
        draft.add("names", f"IPv6 record {domain}", _record(draft, domain, zone, "AAAA"))


def _certificate(draft: Draft, title: str) -> acm.Certificate:
    domain = draft.profile.site.domain
    proof = acm.DomainValidationOption(DomainName=domain, HostedZoneId=draft.lookups.hosted_zone)
    return acm.Certificate(title, DomainName=domain, ValidationMethod="DNS", DomainValidationOptions=[proof])


def _record(draft: Draft, domain: str, zone: str, kind: str) -> route53.RecordSetType:
    title = "DomainRecord" if kind == "A" else "DomainRecordIpv6"
    common = {"HostedZoneId": zone, "Name": domain, "Type": kind}
    if edge.wanted(draft):
        alias = route53.AliasTarget(HostedZoneId=CLOUDFRONT_ZONE, DNSName=GetAtt("Distribution", "DomainName"))
        return route53.RecordSetType(title, AliasTarget=alias, **common)
    if draft.profile.balancer.kind == "alb":
        alias = route53.AliasTarget(
            HostedZoneId=GetAtt("Balancer", "CanonicalHostedZoneID"),
            DNSName=GetAtt("Balancer", "DNSName"),
            EvaluateTargetHealth=True,
        )
        return route53.RecordSetType(title, AliasTarget=alias, **common)
    arrival = SITE_ADDRESS if draft.profile.balancer.kind == "lvs" else "WebAddress"
    return route53.RecordSetType(title, TTL="300", ResourceRecords=[Ref(arrival)], **common)
