"""The account as it is at the start, and who may use it."""

from __future__ import annotations

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from tests.provisioners.sandbox.api.conftest import REGION
from tests.provisioners.sandbox.api.stack import refused

ONCE = Config(retries={"total_max_attempts": 1})


def test_the_account_is_empty_and_known(sandbox, aws):
    identity = aws("sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/drucloud-operator"
    assert aws("ec2").describe_vpcs()["Vpcs"] == []
    assert sandbox.census() == {}


@pytest.mark.parametrize("release", ["12", "13"])
@pytest.mark.parametrize(("debian", "architecture"), [("amd64", "x86_64"), ("arm64", "arm64")])
def test_debian_images_are_found_by_their_public_parameters(aws, release, debian, architecture):
    name = f"/aws/service/debian/release/{release}/latest/{debian}"
    image_id = aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    (image,) = aws("ec2").describe_images(ImageIds=[image_id])["Images"]
    assert (image["OwnerId"], image["Architecture"]) == ("136693071363", architecture)
    assert image["RootDeviceName"] == "/dev/xvda"
    assert image["Name"].startswith(f"debian-{release}-{debian}-")


def test_an_unknown_debian_release_has_no_parameter(aws):
    with refused("ParameterNotFound"):
        aws("ssm").get_parameter(Name="/aws/service/debian/release/99/latest/arm64")


CALLS = {
    "ec2": lambda client: client.describe_vpcs(),
    "sts": lambda client: client.get_caller_identity(),
    "iam": lambda client: client.list_users(),
    "rds": lambda client: client.describe_db_instances(),
    "elasticache": lambda client: client.describe_cache_clusters(),
    "secretsmanager": lambda client: client.list_secrets(),
    "ssm": lambda client: client.describe_parameters(),
    "s3": lambda client: client.list_objects_v2(Bucket="some-bucket"),
}
UNKNOWN = {
    "ec2": "AuthFailure",
    "s3": "InvalidAccessKeyId",
    "secretsmanager": "UnrecognizedClientException",
    "ssm": "UnrecognizedClientException",
}
WRONG = {
    "ec2": "AuthFailure",
    "secretsmanager": "InvalidSignatureException",
    "ssm": "InvalidSignatureException",
}


@pytest.mark.parametrize("service", CALLS)
def test_an_unknown_key_is_refused_as_aws_does(sandbox, service):
    client = boto3.client(
        service,
        region_name=REGION,
        endpoint_url=sandbox.endpoint,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x",
        config=ONCE,
    )
    with refused(UNKNOWN.get(service, "InvalidClientTokenId")):
        CALLS[service](client)


@pytest.mark.parametrize("service", CALLS)
def test_a_wrong_secret_is_refused_as_aws_does(sandbox, service):
    client = boto3.client(
        service,
        region_name=REGION,
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=sandbox.access_key,
        aws_secret_access_key="wrong",
        config=ONCE,
    )
    with refused(WRONG.get(service, "SignatureDoesNotMatch")):
        CALLS[service](client)


def test_an_unsigned_call_is_refused(sandbox):
    from botocore import UNSIGNED

    client = boto3.client(
        "s3", region_name=REGION, endpoint_url=sandbox.endpoint, config=Config(signature_version=UNSIGNED)
    )
    with refused("AccessDenied"):
        client.list_objects_v2(Bucket="some-bucket")


def test_signed_objects_with_strange_names_pass(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="strange-names", CreateBucketConfiguration={"LocationConstraint": REGION})
    key, body = "a b/ü?&=+~*.txt", b"content" * 2000
    s3.put_object(Bucket="strange-names", Key=key, Body=body)
    assert s3.get_object(Bucket="strange-names", Key=key)["Body"].read() == body
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="strange-names", Prefix="a b/")["Contents"]] == [key]
    with pytest.raises(botocore.exceptions.ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket="strange-names")
    s3.delete_object(Bucket="strange-names", Key=key)
    s3.delete_bucket(Bucket="strange-names")


def test_moto_s_back_door_is_shut(sandbox):
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"{sandbox.endpoint}/moto-api/reset", method="POST"))
    assert caught.value.code == 404


def test_a_second_region_is_empty_too(sandbox):
    assert sandbox.target("us-west-2").aws.client("ec2").describe_vpcs()["Vpcs"] == []
