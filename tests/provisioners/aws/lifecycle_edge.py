"""Lifecycle cases of what stands between CloudFront and its origins."""

from __future__ import annotations

from typing import Any

from .case import Case
from .stack import Stack

HEADERS = {
    "Name": "trial-headers",
    "CorsConfig": {
        "AccessControlAllowOrigins": {"Items": ["*"]},
        "AccessControlAllowMethods": {"Items": ["GET"]},
        "AccessControlAllowHeaders": {"Items": ["*"]},
        "AccessControlAllowCredentials": False,
        "OriginOverride": True,
    },
}


def _headers(stack: Stack) -> dict[str, Any]:
    return {"ResponseHeadersPolicyConfig": HEADERS}


def rule(stack: Stack) -> dict[str, Any]:
    """A rule whose condition is a secret."""
    net = stack.attached()
    group = stack.make("Targets", "AWS::ElasticLoadBalancingV2::TargetGroup",
                       VpcId=net["Vpc"], Protocol="HTTP", Port=80, TargetType="instance")["Ref"]  # fmt: skip
    balancer = stack.make("Balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", Type="application",
                          Subnets=[net["SubnetA"], net["SubnetB"]], SecurityGroups=[net["Group"]])["Ref"]  # fmt: skip
    nobody = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}
    listener = stack.make("Listener", "AWS::ElasticLoadBalancingV2::Listener", LoadBalancerArn=balancer,
                          Port=80, Protocol="HTTP", DefaultActions=[nobody])["Ref"]  # fmt: skip
    secret = stack.make("Secret", "AWS::SecretsManager::Secret", GenerateSecretString={"PasswordLength": 48})["Ref"]
    value = f"{{{{resolve:secretsmanager:{secret}}}}}"
    condition = {"HttpHeaderName": "X-Origin-Verify", "Values": [value]}
    return {
        "ListenerArn": listener,
        "Priority": 1,
        "Conditions": [{"Field": "http-header", "HttpHeaderConfig": condition}],
        "Actions": [{"Type": "forward", "TargetGroupArn": group}],
    }


CASES = [
    Case("AWS::CloudFront::ResponseHeadersPolicy", _headers, ("Ref",), "cloudfront"),
    Case("AWS::ElasticLoadBalancingV2::ListenerRule", rule, ("Ref",), "elbv2"),
]
