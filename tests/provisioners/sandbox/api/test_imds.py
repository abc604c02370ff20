"""The metadata service: tokens, what a machine is told of itself, and credentials the API accepts."""

from __future__ import annotations

import json
import socket

import boto3
import pytest

from tests.provisioners.sandbox.api.conftest import REGION
from tests.provisioners.sandbox.api.stack import refused, unique

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def ask(sandbox, instance, path, method="GET", **headers):
    """Status and body, asked as ``instance``."""
    with sandbox.dialer.dial(f"{instance}.inside", 80) as connection:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"{method} {path} HTTP/1.0\r\nHost: 169.254.169.254\r\n{lines}\r\n".encode())
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def token(sandbox, instance):
    return ask(sandbox, instance, "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=60)[1]


def read(sandbox, instance, path):
    status, body = ask(sandbox, instance, path, X_aws_ec2_metadata_token=token(sandbox, instance))
    assert status == 200, path
    return body


@pytest.fixture
def role(aws):
    """An instance profile with a role, both of one name."""
    iam, name = aws("iam"), unique("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    yield name
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role(RoleName=name)


def test_nothing_without_a_token(stack, sandbox):
    instance = stack.running()
    assert ask(sandbox, instance, "/latest/meta-data/instance-id")[0] == 401
    assert ask(sandbox, instance, "/latest/api/token", "PUT")[0] == 400
    far = {"X_aws_ec2_metadata_token_ttl_seconds": 60, "X_Forwarded_For": "203.0.113.9"}
    assert ask(sandbox, instance, "/latest/api/token", "PUT", **far)[0] == 403


def test_a_token_is_good_for_its_own_machine_only(stack, sandbox):
    first, second = stack.running(), stack.running()
    theirs = token(sandbox, first)
    assert ask(sandbox, second, "/latest/meta-data/instance-id", X_aws_ec2_metadata_token=theirs)[0] == 401


def test_what_a_machine_is_told(stack, sandbox):
    instance = stack.running(UserData="#!/bin/sh\necho hello\n")
    assert read(sandbox, instance, "/latest/meta-data/instance-id") == instance
    assert read(sandbox, instance, "/latest/meta-data/local-ipv4") == stack.instance(instance)["PrivateIpAddress"]
    assert read(sandbox, instance, "/latest/meta-data/placement/region") == REGION
    assert read(sandbox, instance, "/latest/user-data") == "#!/bin/sh\necho hello\n"
    assert read(sandbox, instance, "/latest/meta-data/public-keys/") == f"0={stack.key}"
    key = read(sandbox, instance, "/latest/meta-data/public-keys/0/openssh-key")
    assert key.split()[:2] == stack.public_key.split()[:2]
    document = json.loads(read(sandbox, instance, "/latest/dynamic/instance-identity/document"))
    assert (document["instanceId"], document["architecture"]) == (instance, "arm64")
    assert "placement/" in read(sandbox, instance, "/latest/meta-data/").splitlines()
    missing = ask(sandbox, instance, "/latest/meta-data/iam/info", X_aws_ec2_metadata_token=token(sandbox, instance))
    assert missing[0] == 404


def test_role_credentials_are_accepted_by_the_api(stack, sandbox, role):
    instance = stack.running(IamInstanceProfile={"Name": role})
    base = "/latest/meta-data/iam/security-credentials/"
    assert read(sandbox, instance, base) == role
    given = json.loads(read(sandbox, instance, base + role))
    again = json.loads(read(sandbox, instance, base + role))
    assert again["AccessKeyId"] == given["AccessKeyId"], "the same session until it is about to end"

    def client(service, **more):
        keys = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["Token"],
            **more,
        }
        return boto3.client(service, region_name=REGION, endpoint_url=sandbox.endpoint, **keys)

    arn = client("sts").get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::123456789012:assumed-role/{role}/{instance}"
    with refused("InvalidClientTokenId"):
        client("sts", aws_session_token="forged").get_caller_identity()
    with refused("InvalidClientTokenId"):
        client("sts", aws_session_token=None).get_caller_identity()


def test_a_stranger_is_told_nothing(stack, sandbox):
    with pytest.raises(socket.gaierror):
        sandbox.dialer.dial("i-nobody.invalid", 80, 2)
