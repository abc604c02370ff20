"""The Application Load Balancer before the web servers, and where visitors arrive."""

from __future__ import annotations

from typing import Any

from troposphere import elasticloadbalancingv2 as elb

from provisioners.blueprint import directors, dns_balancing, edge, names, origin_lock, security_groups
from provisioners.blueprint.draft import Draft, GetAtt, Ref
from provisioners.blueprint.nodes import web_names

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy: every browser of the last ten years."""

HEALTH_PATH = "/healthz"
"""Answered by nginx itself with 200 whatever the Host header says: Drupal refuses the target's address as a host."""

_TARGET_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "30",  # the default of 300 s makes every deploy wait
    "load_balancing.algorithm.type": "least_outstanding_requests",  # PHP requests differ in length
}


def add(draft: Draft) -> None:
    """Add load balancer, target group and listener, if the profile wants one."""
    if draft.profile.balancer.kind != "alb":
        return
    draft.add("balancer", "Load balancer", _balancer(draft))
    draft.add("balancer", "Web servers behind it", _targets(draft))
    draft.add("balancer", "HTTP listener", _listener(draft))
    if names.has_certificate(draft):
        draft.add("balancer", "HTTPS listener", _tls_listener(draft))
    if edge.wanted(draft):
        asked = "HttpsListener" if names.has_certificate(draft) else "HttpListener"
        draft.add("balancer", "Rule: only from CloudFront", origin_lock.rule(asked, "WebTargets"))


def address(draft: Draft) -> Any:
    """Where visitors arrive: an address or a name."""
    if edge.wanted(draft):
        return GetAtt("Distribution", "DomainName")
    if directors.wanted(draft):
        return Ref(directors.ADDRESS)
    return GetAtt("Balancer", "DNSName") if draft.profile.balancer.kind == "alb" else Ref("WebAddress")


def links(draft: Draft) -> list[str]:
    """What must stand before a visitor gets through."""
    if dns_balancing.wanted(draft):
        return [dns_balancing.FIRST_RECORD]
    if draft.profile.balancer.kind != "alb":
        return [*directors.links(draft), *(["DomainRecord"] if names.wanted(draft) else [])]
    tls = ["HttpsListener", "DomainRecord"] if names.has_certificate(draft) else []
    return ["HttpListener", *tls, *(["Distribution", "FromEdgeRule"] if edge.wanted(draft) else [])]


def forwarding(draft: Draft) -> str:
    """The listener or rule that sends requests on to the web servers."""
    if edge.wanted(draft):
        return "FromEdgeRule"
    return "HttpsListener" if names.has_certificate(draft) else "HttpListener"


def _balancer(draft: Draft) -> elb.LoadBalancer:
    wanted = {
        "deletion_protection.enabled": "true" if draft.keeps_data else "false",
        "idle_timeout.timeout_seconds": "60",  # shorter than nginx's 75 s, or it answers 502 now and then
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    return elb.LoadBalancer(
        "Balancer",
        Type="application",
        Scheme="internet-facing",
        IpAddressType="ipv4",
        Subnets=[Ref("PublicSubnetA"), Ref("PublicSubnetB")],
        SecurityGroups=[GetAtt(security_groups.BALANCER, "GroupId")],
        LoadBalancerAttributes=[elb.LoadBalancerAttributes(Key=key, Value=value) for key, value in wanted.items()],
        DependsOn=["GatewayAttachment", "PublicDefaultRoute"],
    )


def _targets(draft: Draft) -> elb.TargetGroup:
    servers = [elb.TargetDescription(Id=Ref(f"{who}Server"), Port=80) for who in web_names(draft)]
    return elb.TargetGroup(
        "WebTargets",
        VpcId=Ref("Vpc"),
        Protocol="HTTP",
        Port=80,
        TargetType="instance",
        HealthCheckPath=HEALTH_PATH,
        HealthCheckIntervalSeconds=15,
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=3,
        Matcher=elb.Matcher(HttpCode="200"),
        TargetGroupAttributes=[elb.TargetGroupAttribute(Key=k, Value=v) for k, v in _TARGET_ATTRIBUTES.items()],
        **({"Targets": servers} if servers else {}),  # a group registers its servers itself
    )


def _tls_listener(draft: Draft) -> elb.Listener:
    return elb.Listener(
        "HttpsListener",
        LoadBalancerArn=Ref("Balancer"),
        Port=443,
        Protocol="HTTPS",
        SslPolicy=TLS_POLICY,
        Certificates=[elb.Certificate(CertificateArn=Ref("Certificate"))],
        DefaultActions=[_for_visitors(draft)],
    )


def _for_visitors(draft: Draft) -> elb.Action:
    """What a listener does for whoever asks: behind a CDN only the rule's requests go through."""
    return origin_lock.refusal() if edge.wanted(draft) else _forward()


def _forward() -> elb.Action:
    return elb.Action(Type="forward", TargetGroupArn=Ref("WebTargets"))


def _to_https() -> elb.Action:
    return elb.Action(
        Type="redirect",
        RedirectConfig=elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301"),
    )


def _listener(draft: Draft) -> elb.Listener:
    """Sends visitors to HTTPS where there is a certificate; a CDN in front does that itself."""
    return elb.Listener(
        "HttpListener",
        LoadBalancerArn=Ref("Balancer"),
        Port=80,
        Protocol="HTTP",
        DefaultActions=[_to_https() if names.has_certificate(draft) else _for_visitors(draft)],
    )
