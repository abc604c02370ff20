"""Lifecycle cases of AWS Backup and WAF."""

from __future__ import annotations

from typing import Any

from .case import Case
from .stack import ACCOUNT, Stack

SEEN = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "trial"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def plan(stack: Stack) -> dict[str, Any]:
    vault = stack.make("Vault", "AWS::Backup::BackupVault", BackupVaultName="trial")["Ref"]
    rule = {
        "RuleName": "nightly",
        "TargetBackupVault": vault,
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "Lifecycle": {"DeleteAfterDays": "35"},
    }
    return {"BackupPlan": {"BackupPlanName": "trial", "BackupPlanRule": [rule]}}


def _selection(stack: Stack) -> dict[str, Any]:
    made = stack.make("Plan", "AWS::Backup::BackupPlan", **plan(stack))["Ref"]
    role = stack.make("Role", "AWS::IAM::Role", RoleName="trial", AssumeRolePolicyDocument=TRUST)["Arn"]
    resources = [f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:trial"]
    chosen = {"SelectionName": "trial", "IamRoleArn": role, "Resources": resources}
    return {"BackupPlanId": made, "BackupSelection": chosen}


def acl(scope: str) -> dict[str, Any]:
    rate = {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}
    group = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}
    return {
        "Name": "trial",
        "Scope": scope,
        "DefaultAction": {"Allow": {}},
        "Rules": [
            {"Name": "r", "Priority": 0, "Statement": rate, "Action": {"Block": {}}, "VisibilityConfig": SEEN},
            {"Name": "g", "Priority": 1, "Statement": group, "OverrideAction": {"Count": {}}, "VisibilityConfig": SEEN},
        ],
        "VisibilityConfig": SEEN,
    }


def _tie(stack: Stack) -> dict[str, Any]:
    net = stack.attached()
    balancer = stack.make("Balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", Type="application",
                          Subnets=[net["SubnetA"], net["SubnetB"]], SecurityGroups=[net["Group"]])["Ref"]  # fmt: skip
    made = stack.make("Acl", "AWS::WAFv2::WebACL", **acl("REGIONAL"))["Arn"]
    return {"ResourceArn": balancer, "WebACLArn": made}


CASES = [
    Case("AWS::Backup::BackupVault", lambda stack: {"BackupVaultName": "trial"}, ("Ref", "BackupVaultArn"), "backup"),
    Case("AWS::Backup::BackupPlan", plan, ("Ref",), "backup"),
    Case("AWS::Backup::BackupSelection", _selection, ("Ref",), "backup"),
    Case("AWS::WAFv2::WebACL", lambda stack: acl("REGIONAL"), ("Ref", "Arn"), "wafv2"),
    Case("AWS::WAFv2::WebACLAssociation", _tie, ("Ref",), "wafv2"),
]
