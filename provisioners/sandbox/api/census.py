"""Everything that stands in the sandbox's account and that somebody made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from moto.acm.models import acm_backends
from moto.autoscaling.models import autoscaling_backends
from moto.backup.models import backup_backends
from moto.budgets.models import budgets_backends
from moto.cloudfront.models import cloudfront_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends
from moto.elasticache.models import elasticache_backends
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.route53.models import route53_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends
from moto.wafv2.models import wafv2_backends

from provisioners.sandbox.api import edge_policies
from provisioners.sandbox.api.keys import OPERATOR
from provisioners.sandbox.api.world import ACCOUNT

Collector = Callable[[Any], Iterable[tuple[str, Iterable[str]]]]


def resources() -> dict[str, list[str]]:
    """Identities by AWS type, in all regions; without what AWS itself makes (default groups, images, snapshots)."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for backends, collect in _COLLECTORS:
        for backend in list(backends[ACCOUNT].values()):
            for kind, identities in collect(backend):
                found[kind].extend(sorted(identities))
    return {kind: names for kind, names in sorted(found.items()) if names}


def _ec2(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::EC2::VPC", backend.vpcs
    yield "AWS::EC2::Subnet", (name for zone in backend.subnets.values() for name in zone)
    yield "AWS::EC2::InternetGateway", backend.internet_gateways
    yield (
        "AWS::EC2::RouteTable",
        (table.id for table in backend.route_tables.values() if table.main_association_id is None),
    )
    yield (
        "AWS::EC2::SecurityGroup",
        (group.id for groups in backend.groups.values() for group in groups.values() if group.name != "default"),
    )
    yield "AWS::EC2::Instance", (one.id for one in backend.all_instances() if one.state != "terminated")
    yield "AWS::EC2::Volume", (volume.id for volume in backend.volumes.values())
    yield "AWS::EC2::EIP", (address.allocation_id for address in backend.addresses)
    yield "AWS::EC2::KeyPair", backend.key_pairs
    yield "AWS::EC2::NetworkInterface", backend.enis
    yield "AWS::EC2::NatGateway", (one.id for one in backend.nat_gateways.values() if one.state != "deleted")
    yield "AWS::EC2::LaunchTemplate", backend.launch_templates
    yield "AMI", (one.id for one in backend.amis.values() if one.owner_id == ACCOUNT)
    yield "Snapshot", (one.id for one in backend.snapshots.values() if one.owner_id == ACCOUNT)
    yield "AWS::EC2::VPCEndpoint", (one.id for one in backend.vpc_end_points.values() if one.state != "deleted")


def _scaling(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::AutoScaling::AutoScalingGroup", backend.autoscaling_groups
    yield "AWS::AutoScaling::ScalingPolicy", backend.policies


def _rds(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::RDS::DBInstance", backend.databases
    yield (
        "AWS::RDS::DBSnapshot",
        (name for name, one in backend.database_snapshots.items() if one.snapshot_type == "manual"),
    )
    yield "AWS::RDS::DBSubnetGroup", backend.subnet_groups
    yield (
        "AWS::RDS::DBParameterGroup",
        (name for name in backend.db_parameter_groups if not name.startswith("default.")),
    )


def _elasticache(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::ElastiCache::CacheCluster", backend.cache_clusters
    yield "AWS::ElastiCache::SubnetGroup", backend.cache_subnet_groups
    groups = getattr(backend, "cache_parameter_groups", {})
    yield "AWS::ElastiCache::ParameterGroup", (name for name in groups if not name.startswith("default."))


def _elbv2(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::ElasticLoadBalancingV2::LoadBalancer", backend.load_balancers
    yield "AWS::ElasticLoadBalancingV2::TargetGroup", backend.target_groups


def _cloudfront(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::CloudFront::Distribution", backend.distributions
    yield "AWS::CloudFront::OriginAccessControl", backend.origin_access_controls
    for part in edge_policies.PARTS:
        yield f"AWS::CloudFront::{part}", edge_policies.held(backend, part)


def _names(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    """Zones and their records are the account's own; health checks come with a deployment."""
    yield "AWS::Route53::HealthCheck", backend.health_checks


def _acm(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::CertificateManager::Certificate", backend._certificates


def _watching(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::CloudWatch::Alarm", backend.alarms
    yield "AWS::CloudWatch::Dashboard", backend.dashboards


def _file_systems(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::EFS::FileSystem", backend.file_systems_by_id
    yield "AWS::EFS::MountTarget", backend.mount_targets_by_id


def _backups(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::Backup::BackupVault", backend.vaults
    yield "AWS::Backup::BackupPlan", (name for name, one in backend.plans.items() if one.deletion_date is None)


def _firewalls(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::WAFv2::WebACL", backend.wacls


def _mail(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::SES::EmailIdentity", backend.email_identities
    yield "AWS::SES::ConfigurationSet", backend.config_sets


def _budgets(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::Budgets::Budget", backend.budgets[ACCOUNT]


def _topics(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::SNS::Topic", backend.topics


def _logs(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::Logs::LogGroup", backend.groups


def _iam(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::IAM::Role", (role.name for role in backend.roles.values())
    yield "AWS::IAM::InstanceProfile", (profile.name for profile in backend.instance_profiles.values())
    yield "AWS::IAM::User", (name for name in backend.users if name != OPERATOR)


def _s3(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::S3::Bucket", backend.buckets


def _secrets(backend: Any) -> Iterable[tuple[str, Iterable[str]]]:
    yield "AWS::SecretsManager::Secret", (one.name for one in backend.secrets.values() if not one.is_deleted())


_COLLECTORS: tuple[tuple[Any, Collector], ...] = (
    (ec2_backends, _ec2),
    (autoscaling_backends, _scaling),
    (rds_backends, _rds),
    (elasticache_backends, _elasticache),
    (elbv2_backends, _elbv2),
    (iam_backends, _iam),
    (cloudwatch_backends, _watching),
    (budgets_backends, _budgets),
    (efs_backends, _file_systems),
    (ses_backends, _mail),
    (backup_backends, _backups),
    (wafv2_backends, _firewalls),
    (sns_backends, _topics),
    (logs_backends, _logs),
    (acm_backends, _acm),
    (route53_backends, _names),
    (cloudfront_backends, _cloudfront),
    (s3_backends, _s3),
    (secretsmanager_backends, _secrets),
)
