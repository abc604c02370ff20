"""Route 53 and ACM: CREATE never overwrites, and a certificate is issued when its record can be seen, not before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.acm.models import CertBundle
from moto.cloudfront.models import cloudfront_backends
from moto.elbv2.models import elbv2_backends
from moto.route53.models import Route53Backend, route53_backends

from provisioners.sandbox.api import distributions
from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World

_POLICIES = ("CidrRoutingConfig", "Failover", "GeoLocation", "MultiValueAnswer", "Region", "Weight")


def known(zone: Any) -> set[tuple[str, str]]:
    """A zone's records by name (lower case, no dot at the end) and type."""
    return {_name_and_type(row) for row in zone.rrsets}


def _name_and_type(row: Any) -> tuple[str, str]:
    return str(row.name).rstrip(".").lower(), str(row.type)


@around(Route53Backend, "change_resource_record_sets")
def _change(_: World, original: Callable[..., Any], backend: Any, zoneid: str, change_list: Any) -> Any:
    zone = backend.get_hosted_zone(zoneid)
    for change in change_list:
        record = change["ResourceRecordSet"]
        if change["Action"] != "DELETE":
            _refuse(backend, zone, record, creating=change["Action"] == "CREATE")
        if change["Action"] == "CREATE":
            change["Action"] = "UPSERT"  # moto would remember a deleted record and refuse to make it again
    return original(zoneid, change_list)


def _refuse(backend: Any, zone: Any, record: Any, *, creating: bool) -> None:
    """A name has one simple record of a type, or several of one routing policy, each with an identifier of its own."""
    name, kind, identifier = str(record["Name"]).rstrip(".").lower(), record["Type"], record.get("SetIdentifier")
    which = f"[name='{name}.', type='{kind}'" + (f", set-identifier='{identifier}']" if identifier else "]")
    there = {row.set_identifier for row in zone.rrsets if _name_and_type(row) == (name, kind)}
    if creating and identifier in there:
        raise Refused("InvalidChangeBatch", f"[Tried to create resource record set {which} but it already exists]")
    if there and (identifier is None) != (None in there):
        raise Refused(
            "InvalidChangeBatch",
            f"[RRSet with DNS name {name}., type {kind} cannot be created as other RRSets exist with the same name and "
            "type.]",
        )
    several = str(record.get("MultiValueAnswer", "")).lower() == "true"
    if several and (not identifier or "AliasTarget" in record):
        raise Refused("InvalidInput", f"Invalid request: multivalue answer record {which} needs SetIdentifier alone")
    if identifier and not any(policy in record for policy in _POLICIES):
        raise Refused("InvalidInput", f"Invalid request: {which} has a SetIdentifier and no routing policy")
    check = record.get("HealthCheckId")
    if check and check not in backend.health_checks:
        raise Refused("InvalidChangeBatch", f"[No health check found with ID {check}]")


@around(CertBundle, "check")
def _check(_: World, original: Callable[[], None], bundle: Any) -> None:
    """Issued once the validating record stands in a zone of this account."""
    if bundle.type != "AMAZON_ISSUED" or bundle.status != "PENDING_VALIDATION":
        original()
        return
    seen = {name for zone in route53_backends[ACCOUNT][PARTITION].zones.values() for name, _ in known(zone)}
    options = bundle.describe()["Certificate"]["DomainValidationOptions"]
    wanted = {option["ResourceRecord"]["Name"].rstrip(".").lower() for option in options}
    if wanted <= seen:
        bundle.status = "ISSUED"


@before("acm", "DeleteCertificate")
def _in_use(_: World, call: Call) -> None:
    arn = call.get("CertificateArn")
    for balancer in elbv2_backends[ACCOUNT][call.region].load_balancers.values():
        for listener in balancer.listeners.values():
            if arn in (listener.certificates or []):
                raise _held(arn)
    if distributions.uses_certificate(cloudfront_backends[ACCOUNT][PARTITION], str(arn)):
        raise _held(arn)


def _held(arn: Any) -> Refused:
    return Refused("ResourceInUseException", f"Certificate {arn} in account {ACCOUNT} is in use.")
