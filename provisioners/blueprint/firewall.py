"""A web application firewall before CloudFront, or before the load balancer where there is no CDN.

AWS's own rule groups, a rate limit, and exceptions for what editors of a Drupal site really send: their text holds
HTML, code samples and long forms, which the rules about bodies take for attacks. Those few only count, whatever the
rest does.
"""

from __future__ import annotations

from troposphere import wafv2

from provisioners.blueprint import edge
from provisioners.blueprint.draft import Draft, GetAtt, Ref

REQUESTS_PER_IP = 2000
"""In five minutes; a reader's page with its pictures is some dozen, most of which CloudFront answers."""

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWSManagedRulesAmazonIpReputationList", ()),
    ("AWSManagedRulesKnownBadInputsRuleSet", ()),
    ("AWSManagedRulesCommonRuleSet", ("SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericRFI_BODY")),
    ("AWSManagedRulesPHPRuleSet", ("PHPHighRiskMethodsVariables_BODY",)),
    ("AWSManagedRulesSQLiRuleSet", ("SQLi_BODY",)),
)
"""Rule groups of AWS, each with the rules that editors run into (AWS WAF Developer Guide, "Baseline rule groups")."""


def wanted(draft: Draft) -> bool:
    """Whether the profile wants a firewall."""
    return draft.profile.protection.firewall != "none"


def add(draft: Draft) -> None:
    """Add the web ACL, and tie it to the load balancer where no distribution names it."""
    if not wanted(draft):
        return
    at_edge = edge.wanted(draft)
    region = edge.EDGE_REGION if at_edge else ""  # where WAF keeps what belongs to CloudFront
    draft.add("protection", "Web application firewall", _web_acl(draft, at_edge), region=region)
    if not at_edge:
        tie = wafv2.WebACLAssociation("FirewallInUse", ResourceArn=Ref("Balancer"), WebACLArn=GetAtt("Firewall", "Arn"))
        draft.add("protection", "Firewall before the load balancer", tie)


def _web_acl(draft: Draft, at_edge: bool) -> wafv2.WebACL:
    blocks = draft.profile.protection.firewall == "block"
    rules = [_group(number, name, counted, blocks) for number, (name, counted) in enumerate(_GROUPS, start=1)]
    return wafv2.WebACL(
        "Firewall",
        Name=draft.name(draft.lookups.region),  # the edge's are in one list for all regions
        Scope="CLOUDFRONT" if at_edge else "REGIONAL",
        Description=f"{draft.profile.name}, built by drucloud",
        DefaultAction=wafv2.DefaultAction(Allow=wafv2.AllowAction()),
        Rules=[_rate(blocks), *rules],
        VisibilityConfig=_seen("Firewall"),
    )


def _rate(blocks: bool) -> wafv2.WebACLRule:
    return wafv2.WebACLRule(
        Name="Rate",
        Priority=0,
        Statement=wafv2.Statement(
            RateBasedStatement=wafv2.RateBasedStatement(Limit=REQUESTS_PER_IP, AggregateKeyType="IP")
        ),
        Action=wafv2.RuleAction(Block=wafv2.BlockAction()) if blocks else wafv2.RuleAction(Count=wafv2.CountAction()),
        VisibilityConfig=_seen("Rate"),
    )


def _group(priority: int, name: str, counted: tuple[str, ...], blocks: bool) -> wafv2.WebACLRule:
    count = wafv2.RuleAction(Count=wafv2.CountAction())
    exceptions = [wafv2.RuleActionOverride(Name=rule, ActionToUse=count) for rule in counted]
    statement = wafv2.ManagedRuleGroupStatement(
        VendorName="AWS", Name=name, **({"RuleActionOverrides": exceptions} if exceptions else {})
    )
    return wafv2.WebACLRule(
        Name=name,
        Priority=priority,
        Statement=wafv2.Statement(ManagedRuleGroupStatement=statement),
        OverrideAction=wafv2.OverrideAction(**({"None": {}} if blocks else {"Count": {}})),
        VisibilityConfig=_seen(name),
    )


def _seen(name: str) -> wafv2.VisibilityConfig:
    """Metrics and samples of what a rule met."""
    return wafv2.VisibilityConfig(SampledRequestsEnabled=True, CloudWatchMetricsEnabled=True, MetricName=name)
