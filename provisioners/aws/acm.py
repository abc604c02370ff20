"""ACM certificates, proven by a record in Route 53."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from profiles.errors import FailedError
from provisioners.aws import route53
from provisioners.aws.errors import classify
from provisioners.aws.permissions import REQUEST_TAG, ZONES, Need, on, tagged
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import PREFIX, as_dict, as_list
from provisioners.blueprint.graph import region_of
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "acm"

PROOF_SECONDS = 60.0
"""ACM says which record it wants some seconds after the request."""

VALIDATION_TTL = 300


_CERTIFICATES = ("arn:{partition}:acm:*:{account}:certificate/*",)


class Certificate(Kind):
    """``AWS::CertificateManager::Certificate`` with DNS validation; identity is its ARN.

    The validating record stays after a delete, as with CloudFormation: another certificate of the same domain and
    account is proven by the same record. CloudFront takes certificates of us-east-1 only: a certificate stands where
    the ``drucloud:region`` tag among its ``Tags`` says, and its ARN tells that ever after.
    """

    type = "AWS::CertificateManager::Certificate"
    poll_seconds = 10.0
    expected_seconds = 180.0
    needs = (
        Need("acm:RequestCertificate", "deploy", condition=REQUEST_TAG),
        *on(_CERTIFICATES, "deploy", "acm:AddTagsToCertificate", beside="acm:RequestCertificate"),
        *tagged(_CERTIFICATES, "read", "acm:DescribeCertificate"),
        *on(ZONES, "deploy", "route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"),
        Need("acm:ListCertificates", "find"),
        *on(_CERTIFICATES, "find", "acm:ListTagsForCertificate"),
        *tagged(_CERTIFICATES, "destroy", "acm:DeleteCertificate"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Request it, with token (ACM keeps it for an hour) and tags."""
        made = aws.client(_SERVICE, creating=True, region=region_of(wanted.properties)).request_certificate(
            DomainName=str(wanted.properties["DomainName"]),
            ValidationMethod="DNS",
            IdempotencyToken=wanted.token,
            Tags=as_list(wanted),
        )
        return str(made["CertificateArn"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Put the record that proves the domain to be ours."""
        for option in wanted.properties["DomainValidationOptions"]:
            asked = self._asked(aws, identity, str(option["DomainName"]))
            record = {
                "Name": asked["Name"],
                "Type": asked["Type"],
                "TTL": VALIDATION_TTL,
                "ResourceRecords": [{"Value": asked["Value"]}],
            }
            route53.create_unless_there(aws, str(option["HostedZoneId"]), record)

    def _asked(self, aws: Aws, identity: str, domain: str) -> Mapping[str, str]:
        """The record ACM wants to see for ``domain``."""
        end = time.monotonic() + PROOF_SECONDS
        while time.monotonic() < end:
            told = _client(aws, identity).describe_certificate(CertificateArn=identity)["Certificate"]
            for option in told.get("DomainValidationOptions", ()):
                if option["DomainName"] == domain and "ResourceRecord" in option:
                    record: Mapping[str, str] = option["ResourceRecord"]
                    return record
            time.sleep(2.0)
        raise FailedError(f"ACM does not say which record proves {domain}.", "Resume in a minute.")

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By domain, then by its tags."""
        ours = {key: value for key, value in wanted.tags.items() if key.startswith(PREFIX)}
        client = aws.client(_SERVICE, region=region_of(wanted.properties))
        for page in client.get_paginator("list_certificates").paginate():
            for row in page["CertificateSummaryList"]:
                if row["DomainName"] != wanted.properties["DomainName"]:
                    continue
                tags = as_dict(client.list_tags_for_certificate(CertificateArn=row["CertificateArn"]).get("Tags", ()))
                if ours.items() <= tags.items():
                    return str(row["CertificateArn"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each: ACM describes one at a time, and a deployment has one."""
        return {one: self._seen(aws, one) for one in identities}

    def _seen(self, aws: Aws, identity: str) -> Observed:
        try:
            told = _client(aws, identity).describe_certificate(CertificateArn=identity)["Certificate"]
        except ClientError as error:
            if classify(error) == "gone":
                return ABSENT
            raise
        state = str(told["Status"])
        if state == "ISSUED":
            return Observed("ready", {"Ref": identity})
        return Observed("pending" if state == "PENDING_VALIDATION" else "failed", detail=state.lower())

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; refused while a listener or a distribution uses it."""
        _client(aws, identity).delete_certificate(CertificateArn=identity)


def _client(aws: Aws, arn: str) -> Any:
    """A client of the region in which the certificate stands."""
    return aws.client(_SERVICE, region=arn.split(":")[3])
