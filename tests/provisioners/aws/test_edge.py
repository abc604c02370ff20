"""The edge as AWS keeps it: what is secret stays so, and what CloudFront refuses the sandbox refuses too."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from provisioners.aws.kinds import KINDS

from . import lifecycle_edge
from . import test_lifecycle as cases
from .stack import Stack


def test_a_rule_knows_the_secret_and_the_wish_only_its_name(stack: Stack) -> None:
    stack.make("Thing", "AWS::ElasticLoadBalancingV2::ListenerRule", **lifecycle_edge.rule(stack))
    arn, wanted = stack.made["Thing"]
    secret = stack.aws.client("secretsmanager").get_secret_value(SecretId=stack.made["Secret"][0])["SecretString"]
    (row,) = stack.aws.client("elbv2").describe_rules(RuleArns=[arn])["Rules"]
    assert row["Conditions"][0]["HttpHeaderConfig"]["Values"] == [secret]
    assert len(secret) == 48 and secret not in str(wanted)


def _refused(stack: Stack, code: str, behavior: dict[str, Any] | None = None, **changed: Any) -> None:
    config = {**cases._edge(stack)["DistributionConfig"], **changed}
    config["DefaultCacheBehavior"] = {**config["DefaultCacheBehavior"], **(behavior or {})}
    wanted = stack.wanted("Other", "AWS::CloudFront::Distribution", DistributionConfig=config)
    with pytest.raises(ClientError) as refused:
        KINDS[wanted.type].create(stack.aws, wanted)
    assert refused.value.response["Error"]["Code"] == code


def _certificate(stack: Stack, region: str) -> str:
    client = stack.aws.client("acm", region=region)
    return str(client.request_certificate(DomainName="www.edge.test", ValidationMethod="DNS")["CertificateArn"])


def test_a_name_of_ones_own_wants_an_issued_certificate_of_us_east_1(stack: Stack) -> None:
    _refused(stack, "InvalidViewerCertificate", Aliases=["www.edge.test"])
    for region in ("eu-central-1", "us-east-1"):  # elsewhere; not validated yet
        arn = _certificate(stack, region)
        shown = {"AcmCertificateArn": arn, "SslSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
        _refused(stack, "InvalidViewerCertificate", Aliases=["www.edge.test"], ViewerCertificate=shown)
        stack.aws.client("acm", region=region).delete_certificate(CertificateArn=arn)


def test_a_behaviour_may_name_only_policies_that_are_there(stack: Stack) -> None:
    _refused(stack, "NoSuchResponseHeadersPolicy", {"ResponseHeadersPolicyId": "0" * 32})
