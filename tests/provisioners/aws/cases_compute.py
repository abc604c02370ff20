"""The lifecycle's cases for launch template, Auto Scaling group and policy; ``server`` is an instance's properties."""

from __future__ import annotations

from typing import Any

from .stack import Stack

TEMPLATE = "AWS::EC2::LaunchTemplate"
GROUP = "AWS::AutoScaling::AutoScalingGroup"
POLICY = "AWS::AutoScaling::ScalingPolicy"


def template(server: dict[str, Any]) -> dict[str, Any]:
    kept = ("ImageId", "InstanceType", "KeyName", "SecurityGroupIds", "MetadataOptions", "BlockDeviceMappings")
    data = {name: server[name] for name in (*kept, "UserData")}
    return {"LaunchTemplateData": {**data, "IamInstanceProfile": {"Name": server["IamInstanceProfile"]}}}


def group(stack: Stack, server: dict[str, Any]) -> dict[str, Any]:
    made = stack.make("Template", TEMPLATE, **template(server))
    targets = stack.make(
        "Targets",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        VpcId=stack.made["Vpc"][0],
        Protocol="HTTP",
        Port="80",
        HealthCheckPath="/healthz",
    )
    return {
        "LaunchTemplate": {"LaunchTemplateId": made["Ref"], "Version": made["LatestVersionNumber"]},
        "MinSize": "2",
        "MaxSize": "4",
        "VPCZoneIdentifier": [stack.made["SubnetA"][0], stack.made["SubnetB"][0]],
        "TargetGroupARNs": [targets["Ref"]],
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": 300,
        "DefaultInstanceWarmup": 60,
    }


def policy(stack: Stack, server: dict[str, Any]) -> dict[str, Any]:
    name = stack.make("Servers", GROUP, **group(stack, server))["Ref"]
    metric = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
    tracking = {"PredefinedMetricSpecification": metric, "TargetValue": "60"}
    return {
        "AutoScalingGroupName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": tracking,
    }
