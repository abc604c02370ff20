"""What an error means, by AWS's own codes."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.session import get_session

from profiles.errors import FailedError, ReachError
from provisioners.aws import errors
from provisioners.aws.errors import classify, explain, worth_retrying


def answer(code: str, message: str = "no", status: int = 400) -> boto.ClientError:
    return boto.ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "X"
    )


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (answer("RequestLimitExceeded", status=503), "throttled"),
        (answer("InternalError", status=500), "unknown"),
        (answer("Whatever", status=502), "unknown"),
        (boto.ConnectionClosedError(endpoint_url="x"), "unknown"),
        (boto.ReadTimeoutError(endpoint_url="x"), "unknown"),
        (boto.ConnectTimeoutError(endpoint_url="x"), "unreachable"),
        (boto.EndpointConnectionError(endpoint_url="x"), "unreachable"),
        (boto.NoCredentialsError(), "credentials"),
        (answer("ExpiredToken"), "credentials"),
        (answer("InvalidVpcID.NotFound"), "gone"),
        (answer("InvalidInstanceID.NotFound"), "gone"),
        (answer("InvalidInstanceID.Malformed"), "refused"),
        (answer("DBInstanceNotFound", status=404), "gone"),
        (answer("DependencyViolation"), "in use"),
        (answer("RouteAlreadyExists"), "exists"),
        (answer("InvalidParameterValue", "Value (x) for parameter iamInstanceProfile.name is invalid. "), "refused"),
        (answer("InvalidParameterValue", "Invalid IAM Instance Profile name"), "not yet"),
        (answer("InvalidRequestException", "a secret with this name is already scheduled for deletion."), "not yet"),
        (answer("InvalidRequestException", "no"), "refused"),
        (answer("UnauthorizedOperation", status=403), "denied"),
    ],
)
def test_classes(error: Exception, meaning: str) -> None:
    assert classify(error) == meaning


def test_no_code_has_two_meanings() -> None:
    classes = [names for _, names in errors._CLASSES]
    assert sum(map(len, classes)) == len(frozenset().union(*classes))


@pytest.mark.parametrize("service", ["rds", "elasticache", "iam"])
def test_every_modelled_not_found_and_already_exists_of_our_kinds_is_known(service: str) -> None:
    model = get_session().get_service_model(service)
    ours = {
        "rds": ("DBInstance", "DBSubnetGroup", "DBParameterGroup"),
        "elasticache": ("CacheCluster", "CacheSubnetGroup", "CacheParameterGroup"),
        "iam": ("Role", "InstanceProfile"),
    }[service]
    for noun in ours:
        for verb, ending, names in (("Create", "AlreadyExists", errors.EXISTS), ("Delete", "Not", errors.GONE)):
            for shape in model.operation_model(f"{verb}{noun}").error_shapes:
                code = shape.metadata["error"]["code"]
                if code.startswith((f"{noun}{ending}", "EntityAlready", "NoSuchEntity")):
                    assert code in names or code in errors.EXISTS | errors.GONE, code


def test_what_is_worth_retrying() -> None:
    assert worth_retrying(answer("DependencyViolation"), "delete")
    assert not worth_retrying(answer("DependencyViolation"), "create")
    assert worth_retrying(answer("InvalidSubnetID.NotFound"), "create")
    assert not worth_retrying(answer("InvalidSubnetID.NotFound"), "change")
    assert not worth_retrying(answer("InvalidParameterValue"), "create")


def test_sentences() -> None:
    assert isinstance(explain(boto.NoCredentialsError(), "x"), ReachError)
    said = explain(answer("UnauthorizedOperation", "You are not \x1b[31mauthorized"), "Creating the web server")
    assert isinstance(said, FailedError) and "\x1b" not in said.what
    assert said.what == "Creating the web server: AWS answered UnauthorizedOperation: You are not authorized"
    assert "quota" in explain(answer("VpcLimitExceeded"), "x").do
