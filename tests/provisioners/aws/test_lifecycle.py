"""Every kind: created with the answer lost, found, settled, observed, changed, deleted, gone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from provisioners.aws import offers
from provisioners.aws.kinds import KINDS

from . import cases_compute as cases
from . import (
    lifecycle_edge,
    lifecycle_mail,
    lifecycle_monitoring,
    lifecycle_names,
    lifecycle_protection,
    lifecycle_volumes,
)
from .case import Case
from .stack import REGION, Stack, lost_answers, retried

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def policy(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq1dDGmB9DCwZbWpSNjfu2m0TBm8e8EUE3YAAPjoUt4"


def _vpc(stack: Stack) -> dict[str, Any]:
    return {"CidrBlock": "10.42.0.0/16", "EnableDnsSupport": "true", "EnableDnsHostnames": True}


def _subnet(stack: Stack) -> dict[str, Any]:
    vpc = stack.make("Vpc", "AWS::EC2::VPC", CidrBlock="10.42.0.0/16")["Ref"]
    return {"VpcId": vpc, "CidrBlock": "10.42.0.0/24", "AvailabilityZone": f"{REGION}a", "MapPublicIpOnLaunch": False}


def _attachment(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    return {"VpcId": net["Vpc"], "InternetGatewayId": net["Gateway"]}


def _table(stack: Stack) -> dict[str, Any]:
    return {"VpcId": stack.make("Vpc", "AWS::EC2::VPC", CidrBlock="10.42.0.0/16")["Ref"]}


def _route(stack: Stack) -> dict[str, Any]:
    net = stack.attached()
    table = stack.make("Table", "AWS::EC2::RouteTable", VpcId=net["Vpc"])["Ref"]
    return {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": net["Gateway"]}


def _association(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    return {
        "SubnetId": net["SubnetA"],
        "RouteTableId": stack.make("T", "AWS::EC2::RouteTable", VpcId=net["Vpc"])["Ref"],
    }


def _group(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0", "Description": "HTTP"}
    ssh = {"IpProtocol": "tcp", "FromPort": "22", "ToPort": "22", "SourceSecurityGroupId": net["Group"]}
    return {
        "GroupName": "trial-web",
        "GroupDescription": "web",
        "VpcId": net["Vpc"],
        "SecurityGroupIngress": [http, ssh],
        "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32"}],
    }


def _ingress(stack: Stack) -> dict[str, Any]:
    return {
        "GroupId": stack.network()["Group"],
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "CidrIp": "1.2.3.4/32",
    }


def _egress(stack: Stack) -> dict[str, Any]:
    group = stack.network()["Group"]
    return {
        "GroupId": group,
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "DestinationSecurityGroupId": group,
        "Description": "to itself",
    }


def _key(stack: Stack) -> dict[str, Any]:
    return {"KeyName": "trial", "PublicKeyMaterial": PUBLIC_KEY}


def _address(stack: Stack) -> dict[str, Any]:
    return {"Domain": "vpc"}


def _instance(stack: Stack) -> dict[str, Any]:
    net = stack.attached()
    stack.make("Key", "AWS::EC2::KeyPair", **_key(stack))
    stack.make("Role", "AWS::IAM::Role", RoleName="trial", AssumeRolePolicyDocument=TRUST)
    stack.make("Profile", "AWS::IAM::InstanceProfile", InstanceProfileName="trial", Roles=["trial"])
    return {
        "ImageId": offers.debian_image(stack.aws, "arm64"),
        "InstanceType": "t4g.small",
        "KeyName": "trial",
        "IamInstanceProfile": "trial",
        "SubnetId": net["SubnetA"],
        "SecurityGroupIds": [net["Group"]],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": "1"},
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "20", "Encrypted": "true", "DeleteOnTermination": "true"}}
        ],
        "UserData": base64.b64encode(b"#!/bin/sh\necho hello\n").decode(),
        "DisableApiTermination": True,
        "SourceDestCheck": False,
        "PropagateTagsToVolumeOnCreation": True,
    }


def _in_use(stack: Stack) -> dict[str, Any]:
    machine = stack.make("Machine", "AWS::EC2::Instance", **_instance(stack))["Ref"]
    address = stack.make("Address", "AWS::EC2::EIP", Domain="vpc")
    return {"AllocationId": address["AllocationId"], "InstanceId": machine}


def _role(stack: Stack) -> dict[str, Any]:
    inline = [{"PolicyName": "one", "PolicyDocument": policy("s3:ListBucket")}]
    return {"RoleName": "trial-web", "AssumeRolePolicyDocument": TRUST, "Policies": inline}


def _role_policy(stack: Stack) -> dict[str, Any]:
    stack.make("Role", "AWS::IAM::Role", RoleName="trial", AssumeRolePolicyDocument=TRUST)
    return {"RoleName": "trial", "PolicyName": "drucloud", "PolicyDocument": policy("s3:ListBucket")}


def _profile(stack: Stack) -> dict[str, Any]:
    stack.make("Role", "AWS::IAM::Role", RoleName="trial", AssumeRolePolicyDocument=TRUST)
    return {"Roles": ["trial"]}


def _secret(stack: Stack) -> dict[str, Any]:
    how = {"SecretStringTemplate": '{"username": "drupal"}', "GenerateStringKey": "password", "PasswordLength": "64"}
    return {"Name": "drucloud/trial/site", "GenerateSecretString": {**how, "ExcludePunctuation": "true"}}


def _db_subnets(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    subnets = [net["SubnetA"], net["SubnetB"]]
    return {"DBSubnetGroupName": "trial", "DBSubnetGroupDescription": "private", "SubnetIds": subnets}


PARAMETERS = {
    "character_set_server": "utf8mb4",
    "innodb_flush_log_at_trx_commit": "1",
    "interactive_timeout": "300",
    "join_buffer_size": "1048576",
    "long_query_time": "1",
    "max_allowed_packet": "67108864",
    "max_heap_table_size": "67108864",
    "slow_query_log": "1",
    "wait_timeout": "300",
}


def _db_parameters(stack: Stack) -> dict[str, Any]:
    family = offers.database_versions(stack.aws)[0].family
    return {"Family": family, "Description": "Drupal", "Parameters": PARAMETERS}


def _database(stack: Stack) -> dict[str, Any]:
    subnets = stack.make("DbSubnets", "AWS::RDS::DBSubnetGroup", **_db_subnets(stack))["Ref"]
    parameters = stack.make("DbParameters", "AWS::RDS::DBParameterGroup", **_db_parameters(stack))["Ref"]
    return {
        "DBInstanceIdentifier": "drucloud-trial",
        "DBName": "drupal",
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "mariadb",
        "EngineVersion": offers.database_versions(stack.aws)[0].version,
        "AllocatedStorage": "20",
        "StorageEncrypted": True,
        "Port": "3306",
        "MasterUsername": "drucloud",
        "ManageMasterUserPassword": True,
        "DBSubnetGroupName": subnets,
        "DBParameterGroupName": parameters,
        "VPCSecurityGroups": [stack.made["Group"][0]],
        "BackupRetentionPeriod": "7",
        "DeletionProtection": True,
    }


def _cache_subnets(stack: Stack) -> dict[str, Any]:
    net = stack.network()
    return {"CacheSubnetGroupName": "trial", "Description": "private", "SubnetIds": [net["SubnetA"], net["SubnetB"]]}


def _cache_parameters(stack: Stack) -> dict[str, Any]:
    return {
        "CacheParameterGroupFamily": "memcached1.6",
        "Description": "big",
        "Properties": {"max_item_size": "2097152"},
    }


def _cache(stack: Stack) -> dict[str, Any]:
    subnets = stack.make("CacheSubnets", "AWS::ElastiCache::SubnetGroup", **_cache_subnets(stack))["Ref"]
    return {
        "ClusterName": "drucloud-trial",
        "Engine": "memcached",
        "EngineVersion": offers.cache_version(stack.aws),
        "CacheNodeType": "cache.t4g.micro",
        "NumCacheNodes": "2",
        "AZMode": "cross-az",
        "PreferredAvailabilityZones": [f"{REGION}a", f"{REGION}b"],
        "CacheSubnetGroupName": subnets,
        "VpcSecurityGroupIds": [stack.made["Group"][0]],
    }


def _bucket(stack: Stack) -> dict[str, Any]:
    every = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    by_default = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    tidy = {"Id": "tidy", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": "30"}}
    return {
        "PublicAccessBlockConfiguration": dict.fromkeys(every, "true"),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": by_default},
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [tidy]},
    }


def _bucket_policy(stack: Stack) -> dict[str, Any]:
    bucket = stack.make("Bucket", "AWS::S3::Bucket", **_bucket(stack))
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"{bucket['Arn']}/*"}
    only_tls = {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    return {"Bucket": bucket["Ref"], "PolicyDocument": {"Version": "2012-10-17", "Statement": [only_tls]}}


def _nat(stack: Stack) -> dict[str, Any]:
    net = stack.attached()
    return {"SubnetId": net["SubnetA"], "AllocationId": stack.make("Address", "AWS::EC2::EIP")["AllocationId"]}


def _endpoint(stack: Stack) -> dict[str, Any]:
    vpc = _table(stack)["VpcId"]
    table = stack.make("Table", "AWS::EC2::RouteTable", VpcId=vpc)["Ref"]
    service = f"com.amazonaws.{REGION}.s3"
    return {"VpcId": vpc, "ServiceName": service, "VpcEndpointType": "Gateway", "RouteTableIds": [table]}


def _balancer(stack: Stack) -> dict[str, Any]:
    net = stack.attached()
    return {
        "Type": "application",
        "Scheme": "internet-facing",
        "Subnets": [net["SubnetA"], net["SubnetB"]],
        "SecurityGroups": [net["Group"]],
        "LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
    }


def _targets(stack: Stack) -> dict[str, Any]:
    machine = stack.make("Machine", "AWS::EC2::Instance", **_instance(stack))["Ref"]
    return {
        "VpcId": stack.made["Vpc"][0],
        "Protocol": "HTTP",
        "Port": "80",
        "HealthCheckPath": "/healthz",
        "Matcher": {"HttpCode": "200"},
        "Targets": [{"Id": machine, "Port": "80"}],
        "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
    }


def _listener(stack: Stack) -> dict[str, Any]:
    targets = stack.make("Targets", "AWS::ElasticLoadBalancingV2::TargetGroup", **_targets(stack))["Ref"]
    net = {name: stack.made[name][0] for name in ("SubnetA", "SubnetB", "Group")}
    balancer = stack.make(
        "Balancer",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        Subnets=[net["SubnetA"], net["SubnetB"]],
        SecurityGroups=[net["Group"]],
    )
    forward = {"Type": "forward", "TargetGroupArn": targets}
    return {"LoadBalancerArn": balancer["Ref"], "Port": "80", "Protocol": "HTTP", "DefaultActions": [forward]}


def _cache_policy(stack: Stack) -> dict[str, Any]:
    key = {
        "CookiesConfig": {"CookieBehavior": "whitelist", "Cookies": ["SESS*"]},
        "HeadersConfig": {"HeaderBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
        "EnableAcceptEncodingGzip": True,
    }
    config = {"Name": "trial", "MinTTL": 0, "DefaultTTL": "0", "MaxTTL": 31536000}
    return {"CachePolicyConfig": {**config, "ParametersInCacheKeyAndForwardedToOrigin": key}}


def _control(stack: Stack) -> dict[str, Any]:
    signing = {"SigningBehavior": "always", "SigningProtocol": "sigv4", "OriginAccessControlOriginType": "s3"}
    return {"OriginAccessControlConfig": {"Name": "trial", **signing}}


def _edge(stack: Stack) -> dict[str, Any]:
    policy = stack.make("Policy", "AWS::CloudFront::CachePolicy", **_cache_policy(stack))["Ref"]
    origin = {
        "Id": "web",
        "DomainName": "origin.example.com",
        "CustomOriginConfig": {"OriginProtocolPolicy": "http-only", "HTTPPort": "80", "HTTPSPort": 443},
    }
    behavior = {
        "TargetOriginId": "web",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD", "OPTIONS"],
        "CachedMethods": ["GET", "HEAD"],
        "CachePolicyId": policy,
    }
    return {
        "DistributionConfig": {
            "Comment": "trial",
            "Enabled": True,
            "IPV6Enabled": "true",
            "Origins": [origin],
            "DefaultCacheBehavior": behavior,
            "CacheBehaviors": [{**behavior, "PathPattern": "/core/*"}],
        }
    }


def _zone(stack: Stack) -> str:
    client = stack.aws.client("route53")
    known = [row for row in client.list_hosted_zones()["HostedZones"] if row["Name"] == "example.com."]
    zone = known[0] if known else client.create_hosted_zone(Name="example.com", CallerReference="trial")["HostedZone"]
    return str(zone["Id"]).removeprefix("/hostedzone/")


def _record(stack: Stack) -> dict[str, Any]:
    return {
        "HostedZoneId": _zone(stack),
        "Name": "www.example.com",
        "Type": "A",
        "TTL": "300",
        "ResourceRecords": ["192.0.2.1"],
    }


def _certificate(stack: Stack) -> dict[str, Any]:
    proof = {"DomainName": "www.example.com", "HostedZoneId": _zone(stack)}
    return {"DomainName": "www.example.com", "ValidationMethod": "DNS", "DomainValidationOptions": [proof]}


def _topic(stack: Stack) -> dict[str, Any]:
    return {"TopicName": "trial", "Subscription": [{"Protocol": "email", "Endpoint": "ops@example.com"}]}


def _log_group(stack: Stack) -> dict[str, Any]:
    return {"LogGroupName": "/aws/rds/instance/trial/error", "RetentionInDays": "30"}


def _alarm(stack: Stack) -> dict[str, Any]:
    return {
        "AlarmName": "trial-busy",
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "trial"}],
        "Statistic": "Average",
        "Period": "300",
        "EvaluationPeriods": "3",
        "Threshold": "80",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": [stack.make("Topic", "AWS::SNS::Topic", TopicName="trial")["Ref"]],
    }


def _stack_of_two(stack: Stack) -> dict[str, Any]:
    network = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.42.0.0/16"}}}
    subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.42.0.0/24", "AvailabilityZone": {"Ref": "Zone"}}
    template = {
        "Parameters": {"Zone": {"Type": "String"}},
        "Resources": {**network, "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": subnet}},
        "Outputs": {"SubnetRef": {"Value": {"Ref": "Subnet"}}},
    }
    return {"StackName": "drucloud-trial", "TemplateBody": json.dumps(template), "Parameters": {"Zone": f"{REGION}a"}}


_GROUP = ("Ref", "AutoScalingGroupARN", "FirstInstanceId", "FirstPrivateIp")

CASES = [
    Case("AWS::CloudFormation::Stack", _stack_of_two, ("Ref", "Outputs.SubnetRef"), "cloudformation"),
    Case("AWS::EC2::VPC", _vpc, ("Ref", "VpcId", "CidrBlock")),
    Case("AWS::EC2::Subnet", _subnet, ("Ref", "AvailabilityZone")),
    Case("AWS::EC2::InternetGateway", lambda stack: {}, ("Ref", "InternetGatewayId")),
    Case("AWS::EC2::VPCGatewayAttachment", _attachment),
    Case("AWS::EC2::RouteTable", _table, ("Ref", "RouteTableId")),
    Case("AWS::EC2::Route", _route),
    Case("AWS::EC2::SubnetRouteTableAssociation", _association),
    Case("AWS::EC2::SecurityGroup", _group, ("Ref", "GroupId")),
    Case("AWS::EC2::SecurityGroupIngress", _ingress),
    Case("AWS::EC2::SecurityGroupEgress", _egress),
    Case("AWS::EC2::KeyPair", _key, ("Ref", "KeyPairId")),
    Case("AWS::EC2::EIP", _address, ("Ref", "PublicIp", "AllocationId")),
    Case("AWS::EC2::EIPAssociation", _in_use),
    Case("AWS::EC2::Instance", _instance, ("Ref", "PrivateIp", "AvailabilityZone")),
    Case(cases.TEMPLATE, lambda stack: cases.template(_instance(stack)), ("Ref", "LatestVersionNumber")),
    Case(cases.GROUP, lambda stack: cases.group(stack, _instance(stack)), _GROUP, "autoscaling"),
    Case(cases.POLICY, lambda stack: cases.policy(stack, _instance(stack)), ("Ref",), "autoscaling"),
    Case("AWS::IAM::Role", _role, ("Ref", "Arn", "RoleId"), "iam"),
    Case("AWS::IAM::RolePolicy", _role_policy, ("Ref",), "iam"),
    Case("AWS::IAM::InstanceProfile", _profile, ("Ref", "Arn"), "iam"),
    Case("AWS::SecretsManager::Secret", _secret, ("Ref", "Id"), "secretsmanager"),
    Case("AWS::RDS::DBSubnetGroup", _db_subnets, ("Ref",), "rds"),
    Case("AWS::RDS::DBParameterGroup", _db_parameters, ("Ref",), "rds"),
    Case(
        "AWS::RDS::DBInstance",
        _database,
        ("Ref", "DBInstanceArn", "Endpoint.Address", "Endpoint.Port", "MasterUserSecret.SecretArn"),
        "rds",
    ),
    Case("AWS::ElastiCache::SubnetGroup", _cache_subnets, ("Ref",), "elasticache"),
    Case("AWS::ElastiCache::ParameterGroup", _cache_parameters, ("Ref",), "elasticache"),
    Case("AWS::ElastiCache::CacheCluster", _cache, ("Ref", "NodeEndpoints"), "elasticache"),
    Case("AWS::S3::Bucket", _bucket, ("Ref", "Arn", "DomainName", "RegionalDomainName"), "s3"),
    Case("AWS::S3::BucketPolicy", _bucket_policy, ("Ref",), "s3"),
    Case("AWS::EC2::NatGateway", _nat),
    Case("AWS::SNS::Topic", _topic, ("Ref", "TopicName"), "sns"),
    Case("AWS::Logs::LogGroup", _log_group, ("Ref", "Arn"), "logs"),
    Case("AWS::CloudWatch::Alarm", _alarm, ("Ref", "Arn"), "cloudwatch"),
    Case("AWS::Route53::RecordSet", _record, ("Ref",), "route53"),
    Case("AWS::CertificateManager::Certificate", _certificate, ("Ref",), "acm"),
    Case("AWS::CloudFront::CachePolicy", _cache_policy, ("Ref",), "cloudfront"),
    Case("AWS::CloudFront::OriginAccessControl", _control, ("Ref",), "cloudfront"),
    Case("AWS::CloudFront::Distribution", _edge, ("Ref", "DomainName"), "cloudfront"),
    Case("AWS::EC2::VPCEndpoint", _endpoint),
    Case("AWS::ElasticLoadBalancingV2::LoadBalancer", _balancer, ("Ref", "DNSName", "LoadBalancerFullName"), "elbv2"),
    Case("AWS::ElasticLoadBalancingV2::TargetGroup", _targets, ("Ref", "TargetGroupFullName"), "elbv2"),
    Case("AWS::ElasticLoadBalancingV2::Listener", _listener, ("Ref",), "elbv2"),
    *lifecycle_edge.CASES,
    *lifecycle_mail.CASES,
    *lifecycle_monitoring.CASES,
    *lifecycle_names.CASES,
    *lifecycle_protection.CASES,
    *lifecycle_volumes.CASES,
]

IDS = [case.type for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_lost_answer_is_found_and_made_once(stack: Stack, case: Case) -> None:
    kind, wanted = KINDS[case.type], stack.wanted("Thing", case.type, **case.properties(stack))
    assert kind.find(stack.aws, wanted) is None
    with lost_answers(stack.aws, case.service) as lost, pytest.raises(ConnectionClosedError):
        retried("create", lambda: kind.create(stack.aws, wanted))
    assert lost == ["lost"]
    identity = kind.find(stack.aws, wanted)
    assert identity is not None
    stack.complete(identity, wanted)
    attributes = stack.complete(identity, wanted)  # a resume settles again
    assert all(attributes.get(name) for name in case.attributes), attributes


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_deleted_is_absent_and_deleting_twice_is_no_error(stack: Stack, case: Case) -> None:
    kind, properties = KINDS[case.type], case.properties(stack)
    stack.make("Thing", case.type, **properties)
    identity, wanted = stack.made["Thing"]
    stack.remove("Thing")
    kind.delete(stack.aws, identity, properties, "Delete")
    assert kind.find(stack.aws, wanted) is None


def test_every_kind_has_a_case() -> None:
    assert set(KINDS) == {case.type for case in CASES}
