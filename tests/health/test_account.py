"""What AWS says, asked from the sandbox's strict API; each test breaks the thing itself in the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from health import backups, figures, fleet, groups, services
from health.check import Examination
from health.report import Finding
from provisioners.aws.quotas import Quota
from provisioners.engine.state import DeployState, StepState
from provisioners.nodes.reach import Machine
from provisioners.target import Target
from tests.provisioners.aws import cases_compute
from tests.provisioners.aws import test_lifecycle as cases
from tests.provisioners.aws.stack import Stack


def standing(**types: tuple[str, str]) -> DeployState:
    """A journal in which these stand: logical id -> type and identity."""
    steps = {key: StepState(key, kind, "", key, identity=identity) for key, (kind, identity) in types.items()}
    return replace(DeployState(), steps=steps)


def one(findings: list[Finding], name: str) -> Finding:
    (found,) = [item for item in findings if item.name == name]
    return found


def test_a_web_server_that_the_balancer_leaves_out(stack: Stack, target: Target) -> None:
    stack.make("Listener", "AWS::ElasticLoadBalancingV2::Listener", **cases._listener(stack))
    group = stack.made["Targets"][0]
    assert one(fleet.targets(target, group), "alb.targets").status == "ok"
    machine, ec2 = stack.made["Machine"][0], target.aws.client("ec2")
    ec2.stop_instances(InstanceIds=[machine])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[machine], WaiterConfig={"Delay": 1})
    ill = one(fleet.targets(target, group), "alb.targets")
    assert (ill.status, ill.value) == ("fail", "0 of 1 well")
    assert machine in ill.why
    target.aws.client("elbv2").deregister_targets(TargetGroupArn=group, Targets=[{"Id": machine}])
    ec2.start_instances(InstanceIds=[machine])  # or taking it down would take it for a failure
    assert "no web server to ask" in one(fleet.targets(target, group), "alb.targets").why


def test_a_distribution_that_was_disabled_or_is_gone(stack: Stack, target: Target) -> None:
    identity = stack.make("Thing", "AWS::CloudFront::Distribution", **cases._edge(stack))["Ref"]
    assert one(fleet.distribution(target, identity), "edge.status").status == "ok"
    client = target.aws.client("cloudfront")
    answer = client.get_distribution_config(Id=identity)
    config = {**answer["DistributionConfig"], "Enabled": False}
    client.update_distribution(Id=identity, IfMatch=answer["ETag"], DistributionConfig=config)
    assert one(fleet.distribution(target, identity), "edge.status").value == "disabled"
    assert one(fleet.distribution(target, "E0000000000000"), "edge.status").value == "gone"


def test_backups_that_are_off(stack: Stack, target: Target) -> None:
    stack.make("Thing", "AWS::RDS::DBInstance", **cases._database(stack))
    assert one(services.database(target, "drucloud-trial"), "rds.status").status == "ok"
    backup = one(services.database(target, "drucloud-trial"), "rds.backup")
    assert backup.status in ("ok", "unknown")
    target.aws.client("rds").modify_db_instance(
        DBInstanceIdentifier="drucloud-trial", BackupRetentionPeriod=0, ApplyImmediately=True
    )
    assert one(services.database(target, "drucloud-trial"), "rds.backup").value == "off"


def test_old_files_that_cannot_be_brought_back(target: Target) -> None:
    s3, name = target.aws.client("s3"), "drucloud-health-files"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": target.aws.region})
    assert one(backups.bucket(target, name), "bucket.versions").status == "fail"
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert one(backups.bucket(target, name), "bucket.versions").value == "kept"
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    assert one(backups.bucket(target, name), "bucket.versions").value == "kept 30 days"
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    assert one(backups.bucket(target, name), "bucket.versions").value == "suspended"
    s3.delete_bucket(Bucket=name)
    assert one(backups.bucket(target, name), "bucket.versions").value == "gone"


def test_a_vault_before_its_first_night_and_one_that_is_gone(target: Target) -> None:
    client = target.aws.client("backup")
    client.create_backup_vault(BackupVaultName="drucloud-health")
    assert one(backups.vault(target, "drucloud-health"), "backup.newest").value == "none yet"
    client.delete_backup_vault(BackupVaultName="drucloud-health")
    assert one(backups.vault(target, "drucloud-health"), "backup.newest").value == "gone"


def test_the_resource_that_is_not_backed_up_any_more_shows() -> None:
    now = datetime.now(UTC)

    def point(what: str, hours: float, status: str = "COMPLETED") -> dict[str, object]:
        return {"ResourceArn": what, "CreationDate": now - timedelta(hours=hours), "Status": status}

    made = now - timedelta(days=9)
    fresh = [point("arn:db", 3), point("arn:db", 27), point("arn:volume", 4)]
    assert backups.judged("v", made, fresh, now).value == "4 h old"
    late = backups.judged(
        "v", made, [point("arn:db", 3), point("arn:volume", 50), point("arn:volume", 2, "FAILED")], now
    )
    assert (late.status, late.value) == ("fail", "50 h old") and "arn:volume" in late.why
    assert backups.judged("v", made, [point("arn:db", 1, "FAILED")], now).value == "none"


DATABASE = ("AWS::RDS::DBInstance", "drucloud-figures")
BALANCER = (
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/figures/0123456789abcdef",
)
EDGE = ("AWS::CloudFront::Distribution", "EFIGURES")


def publish(target: Target, namespace: str, name: str, value: float, region: str = "", **dimensions: str) -> None:
    target.aws.client("cloudwatch", region=region).put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": one} for key, one in dimensions.items()],
                "Value": value,
                "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
            }
        ],
    )


@pytest.mark.parametrize(
    ("check", "value", "status"),
    [
        ("rds.cpu", 20.0, "ok"),
        ("rds.cpu", 97.0, "fail"),
        ("rds.disk", 0.5 * 2**30, "fail"),
        ("rds.disk", 30 * 2.0**30, "ok"),
        ("alb.errors", 3.0, "warn"),
        ("alb.time", 4.0, "fail"),
        ("edge.hit-rate", 20.0, "warn"),
        ("edge.hit-rate", 91.0, "ok"),
    ],
)
def test_figures_of_cloudwatch(target: Target, check: str, value: float, status: str) -> None:
    stands = standing(Database=DATABASE, Balancer=BALANCER, Distribution=EDGE)
    (asked,) = [item for item in figures.wanted(stands, mail=False) if item.metric.check == check]
    # A metric is an average over five minutes: each case gets a thing of its own.
    name = f"{check}-{value:.0f}"
    mine = replace(
        asked, dimensions={key: name for key in asked.dimensions} | ({"Region": "Global"} if "edge" in check else {})
    )
    region = figures.EDGE_REGION if "edge" in check else ""
    publish(target, asked.metric.namespace, asked.metric.name, value, region, **mine.dimensions)
    (seen,) = figures.look(target, [mine])
    assert (seen.name, seen.status, seen.number) == (check, status, pytest.approx(value * asked.metric.scale))
    assert bool(seen.remedy) is (status != "ok")


def test_what_nobody_measured_is_unknown_on_aws_and_no_errors_are_none(target: Target) -> None:
    asked = figures.wanted(standing(Balancer=BALANCER), mail=True)
    assert figures.look(target, asked) == []
    seen = {item.name: item for item in figures.look(replace(target, name="aws"), asked)}
    assert seen["alb.time"].status == "unknown"
    assert (seen["alb.errors"].status, seen["alb.errors"].number) == ("ok", 0.0)
    assert seen["mail.bounces"].status == "unknown"


def test_the_dimension_of_a_balancer_is_what_cloudwatch_calls_it() -> None:
    asked = figures.wanted(standing(Balancer=BALANCER), mail=False)
    assert asked[0].dimensions == {"LoadBalancer": "app/figures/0123456789abcdef"}


def test_limits_that_are_nearly_used_up(stack: Stack, target: Target) -> None:
    vpcs = one(fleet.quotas(target), "quota.vpcs")
    assert vpcs.status == "ok"
    limit = int(vpcs.value.rpartition(" ")[2])
    full = Quota("vpc", "L-F678F1CE", "VPCs", lambda subject: 1, lambda aws: limit)
    assert one(fleet.quotas(target, [full]), "quota.vpcs").status == "warn"
    assert "Ask for more" in one(fleet.quotas(target, [full]), "quota.vpcs").remedy


ADMIN = Machine("i-admin", "10.42.0.4", "198.51.100.7", "sg-1")


def test_the_servers_of_a_group_are_those_it_has_now(stack: Stack, target: Target, tmp_path: Path) -> None:
    name = stack.make("Servers", groups.TYPE, **cases_compute.group(stack, cases._instance(stack)))["Ref"]
    first, second = groups.members(target, name, ADMIN, {"MicroCache": True})
    assert [one.subject for one in (first, second)] == ["web server", "web server 2"]
    assert (first.machine.via, first.machine.via_instance_id) == ("198.51.100.7", "i-admin")
    assert one(groups.size(target, name), "group.size").value == "2 of 2 (at most 4)"
    assert one(fleet.quotas(target), "quota.vcpus").value.startswith("4 of ")  # two t4g.small

    node = {"Role": "admin", "InstanceId": "i-admin", "Host": "10.42.0.4", "EntranceGroup": "sg-1"}
    state = standing(Servers=(groups.TYPE, name))
    steps = {**state.steps, "AdminNode": StepState("AdminNode", "Drucloud::Node", "", "", properties=node)}
    with Examination({"Address": "lb.example.org"}, target, tmp_path, replace(state, steps=steps)) as examination:
        assert examination.scene.web == []
        examination._follow_groups()
        assert [item.machine.instance_id for item in examination.scene.web] == [
            first.machine.instance_id, second.machine.instance_id,
        ]  # fmt: skip
        assert "web server 2" in {probe.subject for probe in examination._probes}

    client = target.aws.client("autoscaling")
    client.detach_instances(
        InstanceIds=[second.machine.instance_id], AutoScalingGroupName=name, ShouldDecrementDesiredCapacity=False
    )
    left = groups.members(target, name, ADMIN, {})
    assert second.machine.instance_id not in [item.machine.instance_id for item in left]
    target.aws.client("ec2").terminate_instances(InstanceIds=[second.machine.instance_id])
    assert one(groups.size(target, "gone"), "group.size").status == "fail"
