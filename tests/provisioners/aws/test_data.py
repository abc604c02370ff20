"""What is kept, what is emptied, and what nobody may see."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionClosedError

from profiles.errors import FailedError
from provisioners.aws.kinds import KINDS

from . import test_lifecycle as cases
from .stack import DEPLOYMENT, REGION, Stack, lost_answers, retried

TYPE = "AWS::SecretsManager::Secret"


def test_snapshot_policy_keeps_a_final_snapshot_and_lifts_the_protection(stack: Stack) -> None:
    stack.make("Thing", "AWS::RDS::DBInstance", **cases._database(stack))
    stack.remove("Thing", policy="Snapshot")
    client = stack.aws.client("rds")
    (row,) = client.describe_db_snapshots(DBInstanceIdentifier="drucloud-trial")["DBSnapshots"]
    assert row["DBSnapshotIdentifier"].startswith("drucloud-trial-final-")
    client.delete_db_snapshot(DBSnapshotIdentifier=row["DBSnapshotIdentifier"])


def test_a_bucket_is_emptied_with_all_its_versions(stack: Stack) -> None:
    bucket = stack.make("Thing", "AWS::S3::Bucket", **cases._bucket(stack))["Ref"]
    client = stack.aws.client("s3")
    for number in range(3):
        client.put_object(Bucket=bucket, Key="a", Body=str(number).encode())
    client.put_object(Bucket=bucket, Key="b", Body=b"b")
    client.delete_object(Bucket=bucket, Key="b")
    client.create_multipart_upload(Bucket=bucket, Key="c")
    stack.remove("Thing")


def test_a_kept_bucket_is_taken_up_again_by_the_same_deployment_only(stack: Stack) -> None:
    kind, properties = KINDS["AWS::S3::Bucket"], {**cases._bucket(stack), "BucketName": "drucloud-trial-0123456789ab"}
    stack.make("Thing", "AWS::S3::Bucket", **properties)
    kind.delete(stack.aws, "drucloud-trial-0123456789ab", properties, "Retain")
    later = stack.wanted("Thing", "AWS::S3::Bucket", attempt=2, **properties)
    assert kind.create(stack.aws, later) == "drucloud-trial-0123456789ab"
    stranger = stack.wanted("Other", "AWS::S3::Bucket", **properties)
    with pytest.raises(FailedError, match="was not made by this deployment"):
        kind.create(stack.aws, stranger)


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        ("AWS::EC2::KeyPair", cases._key),
        ("AWS::IAM::Role", cases._role),
        (TYPE, cases._secret),
        ("AWS::RDS::DBSubnetGroup", cases._db_subnets),
        ("AWS::ElastiCache::SubnetGroup", cases._cache_subnets),
        ("AWS::EC2::SecurityGroup", cases._group),
        ("AWS::EC2::SecurityGroupIngress", cases._ingress),
    ],
)
def test_what_bears_our_name_but_not_our_tags_is_never_adopted(
    stack: Stack, type_name: str, properties: object
) -> None:
    values = properties(stack)  # type: ignore[operator]
    stack.make("Thing", type_name, **values)
    later = stack.wanted("Thing", type_name, attempt=2, **values)
    with pytest.raises(FailedError):
        retried("create", lambda: KINDS[type_name].create(stack.aws, later))


def test_generated_secret(stack: Stack) -> None:
    arn = stack.make("Thing", TYPE, **cases._secret(stack))["Ref"]
    value = json.loads(stack.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    assert value["username"] == "drupal" and len(value["password"]) == 64 and value["password"].isalnum()


def test_secret_from_the_deployments_folder_goes_nowhere_else(
    stack: Stack, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = state / "deployments" / DEPLOYMENT.folder
    folder.mkdir(parents=True)
    (folder / "deploy_key").write_text("-----BEGIN canary-----\n")
    with caplog.at_level(logging.INFO):
        arn = stack.make("Key", TYPE, Name="drucloud/trial/key", SecretString={"Drucloud::File": "deploy_key"})["Ref"]
    value = stack.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    assert value == "-----BEGIN canary-----\n"
    assert "canary" not in caplog.text and "canary" not in repr(stack.made)


@pytest.mark.parametrize("name", ["deploy_key", "../journal", "/etc/passwd"])
def test_secret_whose_file_is_not_there(stack: Stack, state: Path, name: str) -> None:
    wanted = stack.wanted("Key", TYPE, Name="drucloud/trial/key", SecretString={"Drucloud::File": name})
    with pytest.raises(FailedError):
        KINDS[TYPE].create(stack.aws, wanted)


def test_a_value_in_the_blueprint_is_refused(stack: Stack) -> None:
    wanted = stack.wanted("Key", TYPE, Name="drucloud/trial/key", SecretString="hunter2")
    with pytest.raises(FailedError) as caught:
        KINDS[TYPE].create(stack.aws, wanted)
    assert "hunter2" not in str(caught.value)


def test_region_of_the_bucket(stack: Stack) -> None:
    bucket = stack.make("Thing", "AWS::S3::Bucket", **cases._bucket(stack))["Ref"]
    assert stack.aws.client("s3").get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION


def test_a_lost_answer_to_a_named_bucket_is_found_by_the_tags_of_the_same_call(stack: Stack) -> None:
    kind, properties = KINDS["AWS::S3::Bucket"], {**cases._bucket(stack), "BucketName": "drucloud-trial-ba9876543210"}
    wanted = stack.wanted("Thing", "AWS::S3::Bucket", **properties)
    with lost_answers(stack.aws, "s3"), pytest.raises(ConnectionClosedError):
        kind.create(stack.aws, wanted)
    stack.complete(kind.create(stack.aws, wanted), wanted)
