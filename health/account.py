"""The probes of the account: what AWS says of each service of the deployment, and whether all of it is still there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from health import backups, figures, fleet, groups, services
from health.report import Finding
from health.round import Probe
from health.scene import Scene
from provisioners.engine.state import DeployState
from provisioners.target import Target

SLOW = 25.0
"""Seconds for which answers of the AWS API stay good: shorter than the usual interval, so each round has new ones."""
LIMITS_SECONDS = 900.0
"""The same for the account's limits."""

_OF_TYPE: dict[str, tuple[str, Callable[[Target, str], list[Finding]]]] = {
    groups.TYPE: ("group.size", groups.size),
    "AWS::RDS::DBInstance": ("rds.status", services.database),
    "AWS::ElastiCache::CacheCluster": ("elasticache.status", services.cache),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("alb.targets", fleet.targets),
    "AWS::CloudFront::Distribution": ("edge.status", fleet.distribution),
    "AWS::Backup::BackupVault": ("backup.newest", backups.vault),
    "AWS::S3::Bucket": ("bucket.versions", backups.bucket),
    "AWS::SES::EmailIdentity": ("mail.identity", fleet.mail_identity),
}


def _health_checks(scene: Scene, state: DeployState) -> list[Probe]:
    """Route 53's word on each web server that visitors arrive at themselves."""
    subjects = {address: subject for subject, address in scene.entrances}
    made = []
    for step in state.standing().values():
        if step.identity and step.type == "AWS::Route53::HealthCheck":
            address = str(step.properties.get("HealthCheckConfig", {}).get("IPAddress", ""))
            subject = subjects.get(address, address)
            look = partial(fleet.health_check, scene.target, step.identity, subject)
            made.append(Probe("dns.health", subject, look, every=SLOW))
    return made


def probes(scene: Scene) -> list[Probe]:
    """Everything Describe calls and CloudWatch tell; nothing without a journal."""
    state, target = scene.state, scene.target
    if state is None:
        return []
    made = [Probe("drift", "account", lambda: services.drift(target, state), every=SLOW, limit=60.0)]
    mail = False
    for step in state.standing().values():
        if step.identity and step.type in _OF_TYPE:
            name, look = _OF_TYPE[step.type]
            made.append(Probe(name, step.identity, partial(look, target, step.identity), every=SLOW))
            mail = mail or step.type == "AWS::SES::EmailIdentity"
    made += _health_checks(scene, state)
    for one in scene.machines:
        look_at = partial(services.instance, target, one.machine.instance_id, one.subject)
        made.append(Probe("ec2.status", one.subject, look_at, every=SLOW))
    asked = figures.wanted(state, mail)
    made.append(Probe("cloudwatch", "account", partial(figures.look, target, asked), every=SLOW))
    made.append(Probe("quota", "account", partial(fleet.quotas, target), every=LIMITS_SECONDS))
    if mail:
        made.append(Probe("mail.account", "SES", partial(fleet.mail_account, target), every=LIMITS_SECONDS))
    return made
