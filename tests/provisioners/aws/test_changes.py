"""Changes in place: what changed is what was asked for, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from profiles.errors import FailedError
from provisioners.aws.ec2_security import rules_of
from provisioners.aws.kinds import KINDS

from . import test_lifecycle as cases
from .stack import Stack, retried


def change(stack: Stack, logical_id: str, **properties: Any) -> None:
    """``None`` takes a property away."""
    identity, wanted = stack.made[logical_id]
    merged = {**wanted.properties, **properties}
    kept = {name: value for name, value in merged.items() if value is not None}
    kind, changed = KINDS[wanted.type], frozenset(properties)
    assert changed <= kind.mutable
    retried("change", lambda: kind.change(stack.aws, identity, replace(wanted, properties=kept), changed))
    stack.until("ready", wanted.type, identity)


def made(stack: Stack, type_name: str) -> str:
    """The resource of the lifecycle's case, as ``Thing``; its identity."""
    (case,) = (case for case in cases.CASES if case.type == type_name)
    stack.make("Thing", type_name, **case.properties(stack))
    return stack.made["Thing"][0]


def ports(stack: Stack, group: str, egress: bool) -> dict[tuple[int, str], str]:
    rows = [row for row in rules_of(stack.aws, group) if row["IsEgress"] == egress]
    return {(row["FromPort"], row.get("CidrIpv4", "group")): row["SecurityGroupRuleId"] for row in rows}


def test_security_group_gets_what_is_missing_and_loses_what_is_not_wanted(stack: Stack) -> None:
    group = made(stack, "AWS::EC2::SecurityGroup")
    before = ports(stack, group, egress=False)
    assert set(before) == {(80, "0.0.0.0/0"), (22, "group")}
    assert set(ports(stack, group, egress=True)) == {(-1, "127.0.0.1/32")}
    client = stack.aws.client("ec2")
    client.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "1.2.3.4/32"}]}],
    )
    http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0", "Description": "HTTP"}
    tls = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}
    change(stack, "Thing", SecurityGroupIngress=[http, tls])
    after = ports(stack, group, egress=False)
    assert set(after) == {(80, "0.0.0.0/0"), (443, "0.0.0.0/0"), (22, "1.2.3.4/32")}, "a stranger's rule stays"
    assert after[80, "0.0.0.0/0"] == before[80, "0.0.0.0/0"], "a wanted rule is never taken away, not even for a moment"
    change(stack, "Thing", SecurityGroupEgress=None)
    assert set(ports(stack, group, egress=True)) == {(-1, "0.0.0.0/0")}


def test_vpc_and_instance_attributes(stack: Stack) -> None:
    machine = made(stack, "AWS::EC2::Instance")
    client, vpc = stack.aws.client("ec2"), stack.made["Vpc"][0]
    change(stack, "Vpc", EnableDnsHostnames=True)
    assert client.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    row = client.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]
    assert row["MetadataOptions"]["HttpTokens"] == "required" and row["SourceDestCheck"] is False
    assert {tag["Key"] for tag in row["Tags"]} >= {
        "Name",
        "drucloud:deployment",
        "drucloud:resource",
        "drucloud:intent",
    }
    volume = row["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (disk,) = client.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert disk["Size"] == 20 and {"Key": "drucloud:resource", "Value": "Thing"} in disk["Tags"]
    said = client.describe_instance_attribute(InstanceId=machine, Attribute="userData")["UserData"]["Value"]
    assert said == stack.made["Thing"][1].properties["UserData"]
    change(stack, "Thing", DisableApiTermination=False)
    told = client.describe_instance_attribute(InstanceId=machine, Attribute="disableApiTermination")
    assert told["DisableApiTermination"]["Value"] is False


def test_role_policies(stack: Stack) -> None:
    role = made(stack, "AWS::IAM::Role")
    client = stack.aws.client("iam")
    other = [{"PolicyName": "two", "PolicyDocument": cases.policy("s3:GetObject")}]
    change(stack, "Thing", Policies=other, Description="new")
    assert client.list_role_policies(RoleName=role)["PolicyNames"] == ["two"]
    assert client.get_role(RoleName=role)["Role"]["Description"] == "new"


def test_role_policy_document(stack: Stack) -> None:
    made(stack, "AWS::IAM::RolePolicy")
    change(stack, "Thing", PolicyDocument=cases.policy("s3:GetObject"))
    found = stack.aws.client("iam").get_role_policy(RoleName="trial", PolicyName="drucloud")["PolicyDocument"]
    assert found["Statement"][0]["Action"] == "s3:GetObject"


def test_database(stack: Stack) -> None:
    database = made(stack, "AWS::RDS::DBInstance")
    change(stack, "Thing", BackupRetentionPeriod=14, AllocatedStorage="30")
    (row,) = stack.aws.client("rds").describe_db_instances(DBInstanceIdentifier=database)["DBInstances"]
    assert (row["BackupRetentionPeriod"], row["AllocatedStorage"]) == (14, 30)


def test_database_parameters(stack: Stack) -> None:
    group = made(stack, "AWS::RDS::DBParameterGroup")
    change(stack, "Thing", Parameters={"long_query_time": "2"})
    pages = stack.aws.client("rds").get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
    found = {row["ParameterName"]: row.get("ParameterValue") for page in pages for row in page["Parameters"]}
    assert found["long_query_time"] == "2"


def test_bucket_settings(stack: Stack) -> None:
    bucket = made(stack, "AWS::S3::Bucket")
    client = stack.aws.client("s3")
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    (rule,) = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (kept["ID"], kept["NoncurrentVersionExpiration"]["NoncurrentDays"]) == ("tidy", 30)
    change(stack, "Thing", VersioningConfiguration={"Status": "Suspended"}, LifecycleConfiguration=None)
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    with pytest.raises(client.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        client.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_route_leads_elsewhere(stack: Stack) -> None:
    made(stack, "AWS::EC2::Route")
    identity, wanted = stack.made["Thing"]
    elsewhere = replace(wanted, properties={**wanted.properties, "GatewayId": "igw-0123456789abcdef0"})
    with pytest.raises(FailedError, match="leads elsewhere"):
        KINDS["AWS::EC2::Route"].find(stack.aws, elsewhere)
    change(stack, "Thing", GatewayId=wanted.properties["GatewayId"])
    assert stack.see("AWS::EC2::Route", identity).status == "ready"


def test_bucket_policy(stack: Stack) -> None:
    bucket = made(stack, "AWS::S3::BucketPolicy")
    document = json.loads(json.dumps(stack.made["Thing"][1].properties["PolicyDocument"]))
    document["Statement"][0]["Sid"] = "TlsOnly"
    change(stack, "Thing", PolicyDocument=document)
    found = json.loads(stack.aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    assert found["Statement"][0]["Sid"] == "TlsOnly"
