"""The security choices of a blueprint in words, for the review: each sentence is read off the resources themselves.

What is not so is said too: a stack without HTTPS, or data that a destroy deletes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Resources = Mapping[str, Mapping[str, Any]]


def security_words(template: Mapping[str, Any]) -> tuple[str, ...]:
    """What protects the deployment, one sentence each; empty for a plan without a template (a destroy)."""
    resources: Resources = template.get("Resources", {})
    if not resources:
        return ()
    return (*_doors(resources), *_https(resources), *_machines(resources), *_data(resources), *_secrets(resources))


def _of(resources: Resources, kind: str) -> list[Mapping[str, Any]]:
    return [body for body in resources.values() if body["Type"] == kind]


def _properties(resources: Resources, kind: str) -> list[Mapping[str, Any]]:
    return [body.get("Properties", {}) for body in _of(resources, kind)]


def _doors(resources: Resources) -> Iterator[str]:
    groups = _properties(resources, "AWS::EC2::SecurityGroup")
    rules = [rule for group in groups for rule in group.get("SecurityGroupIngress", ())]
    ports = {rule.get("FromPort") for rule in rules if rule.get("CidrIp") == "0.0.0.0/0"}
    named = " and ".join(str(port) for port in sorted(port for port in ports if port is not None))
    yield f"Open to the Internet: port {named}." if named else "Nothing is open to the whole Internet."
    if any("SourcePrefixListId" in rule for rule in rules):
        yield "CloudFront alone reaches the load balancer."
    yield "SSH: the admin node alone, for your own address alone, and only while drucloud works."


def _https(resources: Resources) -> Iterator[str]:
    listeners = _properties(resources, "AWS::ElasticLoadBalancingV2::Listener")
    if any(listener.get("Protocol") == "HTTPS" for listener in listeners):
        yield "HTTPS ends at the load balancer, with a certificate that AWS renews."
    elif _of(resources, "AWS::CloudFront::Distribution"):
        yield "HTTPS ends at CloudFront; behind it the stack speaks HTTP."
    elif any(node.get("Settings", {}).get("Tls") == "acme" for node in _properties(resources, "Drucloud::Node")):
        yield "HTTPS ends at the web servers, with a certificate of Let's Encrypt once the domain leads there."
    else:
        yield "No HTTPS: the site answers in clear until names.dns=route53 and a load balancer give it a certificate."


def _machines(resources: Resources) -> Iterator[str]:
    instances = [
        *_properties(resources, "AWS::EC2::Instance"),
        *(item["LaunchTemplateData"] for item in _properties(resources, "AWS::EC2::LaunchTemplate")),
    ]
    if instances and all(item.get("MetadataOptions", {}).get("HttpTokens") == "required" for item in instances):
        yield "Machines: metadata only with a token (IMDSv2)."
    disks = [disk.get("Ebs", {}) for item in instances for disk in item.get("BlockDeviceMappings", ())]
    databases = _properties(resources, "AWS::RDS::DBInstance")
    if all(disk.get("Encrypted") for disk in disks) and all(item.get("StorageEncrypted") for item in databases):
        yield "Every disk and the database are encrypted."


def _data(resources: Resources) -> Iterator[str]:
    for body in _of(resources, "AWS::RDS::DBInstance"):
        wish = body["Properties"]
        reach = "from the Internet too" if wish.get("PubliclyAccessible") else "from inside the network only"
        kept = body.get("DeletionPolicy") == "Snapshot"
        left = "destroy leaves a final snapshot" if kept else "destroy deletes it with its data"
        yield f"Database: reached {reach}, {wish.get('BackupRetentionPeriod', 0)} days of backups, {left}."
    for wish in _properties(resources, "AWS::S3::Bucket"):
        if all(wish.get("PublicAccessBlockConfiguration", {}).values()):
            yield "Bucket: private, whatever its policy says."
            return


def _secrets(resources: Resources) -> Iterator[str]:
    if count := len(_of(resources, "AWS::SecretsManager::Secret")):
        yield f"{count} generated secrets in Secrets Manager; none in the profile, the journal or a log."
