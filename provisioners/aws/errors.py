"""What an error from AWS means for whoever made the call, in one place.

AWS has thousands of error codes and no classes; what matters here is only what to do next. :func:`classify` says it,
:func:`worth_retrying` turns it into the engine's rule, :func:`explain` into a sentence for a person.

Source of the codes: botocore's service models for services with modelled errors (RDS, ElastiCache, IAM, S3, Secrets
Manager); the EC2 API reference, "Error codes", for EC2, whose model has none.
"""

from __future__ import annotations

from typing import Literal

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from profiles.errors import DrucloudError, FailedError, ReachError
from provisioners.foreign_text import clean_line

Meaning = Literal[
    "throttled", "unknown", "unreachable", "not yet", "in use", "gone", "exists", "credentials", "denied", "refused"
]
"""
===============  ==============================================================================================
``throttled``    not executed: too many calls; try again more slowly
``unknown``      sent, but the answer never came: it may have been executed; look before trying again
``unreachable``  never sent: no network, no such host
``not yet``      not executed: something it needs is still settling (IAM propagation, a state in between)
``in use``       not executed: something still depends on it
``gone``         the named thing does not exist (or, just after its creation, is not visible yet)
``exists``       there is one of that name or with those ends already
``credentials``  missing, wrong or expired credentials, or a clock that is off
``denied``       the identity may not do that
``refused``      anything else: the request is wrong, or a quota is full
===============  ==============================================================================================
"""

Operation = Literal["create", "settle", "observe", "change", "delete"]

THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
        "SlowDown",
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
    }
)

UNKNOWN = frozenset(
    {"InternalError", "InternalFailure", "InternalServiceError", "ServiceFailure", "ServiceUnavailable", "Unavailable"}
)

NOT_YET = frozenset(
    {
        "ConcurrentModification",
        "IncorrectFileSystemLifeCycleState",
        "IncorrectInstanceState",
        "IncorrectState",
        "InstanceRefreshInProgress",
        "InvalidCacheClusterState",
        "InvalidDBInstanceState",
        "OperationAborted",
        "WAFUnavailableEntityException",
        "ResourceContention",
        "ScalingActivityInProgress",
    }
)

IN_USE = frozenset(
    {
        "BucketNotEmpty",
        "CacheSubnetGroupInUse",
        "DeleteConflict",
        "DependencyViolation",
        "InvalidCacheParameterGroupState",
        "InvalidDBParameterGroupState",
        "InvalidDBSubnetGroupStateFault",
        "InvalidDBSubnetStateFault",
        "InvalidGroup.InUse",
        "InvalidIPAddress.InUse",
        "CachePolicyInUse",
        "FileSystemInUse",
        "VolumeInUse",
        "WAFAssociatedItemException",
        "DistributionNotDisabled",
        "OriginAccessControlInUse",
        "ResponseHeadersPolicyInUse",
        "ResourceInUse",
        "ResourceInUseException",
    }
)

GONE = frozenset(
    {
        "CacheClusterNotFound",
        "CacheParameterGroupNotFound",
        "CacheSubnetGroupNotFoundFault",
        "DBInstanceNotFound",
        "DBParameterGroupNotFound",
        "DBSubnetGroupNotFoundFault",
        "FileSystemNotFound",
        "Gateway.NotAttached",
        "MountTargetNotFound",
        "DashboardNotFoundError",
        "ListenerNotFound",
        "LoadBalancerNotFound",
        "NatGatewayNotFound",
        "NotFound",
        "NotFoundException",
        "ResourceNotFound",
        "NoSuchCachePolicy",
        "NoSuchDistribution",
        "NoSuchHealthCheck",
        "NoSuchOriginAccessControl",
        "NoSuchResponseHeadersPolicy",
        "RuleNotFound",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "ResourceNotFoundException",
        "TargetGroupNotFound",
        "WAFNonexistentItemException",
        "404",
    }
)
"""Besides these, every EC2 code that ends in ``.NotFound`` or ``.NotFoundException``."""

EXISTS = frozenset(
    {
        "AlreadyExistsException",
        "AlreadyExists",
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "CacheClusterAlreadyExists",
        "CacheParameterGroupAlreadyExists",
        "CacheSubnetGroupAlreadyExists",
        "DBInstanceAlreadyExists",
        "DBParameterGroupAlreadyExists",
        "DBSubnetGroupAlreadyExists",
        "CachePolicyAlreadyExists",
        "DistributionAlreadyExists",
        "OriginAccessControlAlreadyExists",
        "DuplicateListener",
        "DuplicateRecordException",
        "DuplicateLoadBalancerName",
        "DuplicateTargetGroupName",
        "EntityAlreadyExists",
        "FileSystemAlreadyExists",
        "HealthCheckAlreadyExists",
        "IdempotentParameterMismatch",
        "MountTargetConflict",
        "InvalidAMIName.Duplicate",
        "InvalidGroup.Duplicate",
        "InvalidKeyPair.Duplicate",
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "InvalidPermission.Duplicate",
        "Resource.AlreadyAssociated",
        "ResourceAlreadyExistsException",
        "PriorityInUse",
        "ResourceExistsException",
        "ResponseHeadersPolicyAlreadyExists",
        "RouteAlreadyExists",
        "WAFDuplicateItemException",
    }
)

CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "403"})

_CLASSES: tuple[tuple[Meaning, frozenset[str]], ...] = (
    ("throttled", THROTTLED),
    ("unknown", UNKNOWN),
    ("not yet", NOT_YET),
    ("in use", IN_USE),
    ("gone", GONE),
    ("exists", EXISTS),
    ("credentials", CREDENTIALS),
    ("denied", DENIED),
)

_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.ProfileNotFound,
)

_NEVER_SENT = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)


def code(error: BaseException) -> str:
    """AWS's own error code, or the empty string for an error that is not AWS's answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def message(error: BaseException) -> str:
    """AWS's own message, cleaned, on one line."""
    text = error.response.get("Error", {}).get("Message", "") if isinstance(error, boto.ClientError) else str(error)
    return clean_line(str(text))


def classify(error: BaseException) -> Meaning:
    """What ``error``, raised by a boto3 call, means for the caller."""
    if isinstance(error, boto.ClientError):
        return _classify_answer(error)
    if isinstance(error, _NO_CREDENTIALS):
        return "credentials"
    if isinstance(error, _NEVER_SENT):
        return "unreachable"
    if isinstance(error, boto.HTTPClientError | ResponseParserError):  # closed, timed out, or no answer of AWS at all
        return "unknown"
    return "refused"


def _classify_answer(error: boto.ClientError) -> Meaning:
    name = code(error)
    for meaning, names in _CLASSES:
        if name in names:
            return meaning
    if name.endswith((".NotFound", ".NotFoundException")):
        return "gone"
    # IAM says yes before EC2 has heard of it; the profile's name is in the message, the code is a general one.
    if name == "InvalidParameterValue" and "iam instance profile" in message(error).lower():
        return "not yet"
    # the same between IAM and AWS Backup
    if name == "InvalidParameterValueException" and "iam role" in message(error).lower():
        return "not yet"
    # a secret that was deleted at once still holds its name for some seconds
    if name == "InvalidRequestException" and "scheduled for deletion" in message(error).lower():
        return "not yet"
    if name.startswith("Insufficient") and name.endswith("Capacity"):  # HTTP 500 in EC2, and yet a plain no
        return "refused"
    if int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500:
        return "unknown"
    return "refused"


def worth_retrying(error: BaseException, operation: Operation) -> bool:
    """Whether the same call may succeed a little later, with nothing else done.

    After ``unknown`` a create must first be looked for (:meth:`ResourceKind.find`); that is still a yes here. What was
    made a moment ago may not be visible yet, so ``gone`` is worth another try except when deleting; give that a limit
    (AWS speaks of up to five minutes for EC2), for a thing that is really gone stays gone.
    """
    meaning = classify(error)
    if meaning in ("throttled", "unknown", "unreachable", "not yet"):
        return True
    return (meaning == "in use" and operation == "delete") or (meaning == "gone" and operation in ("create", "settle"))


def explain(error: BaseException, doing: str) -> DrucloudError:
    """``error`` as a sentence for a person.

    :param doing: what was tried, as the start of a sentence: ``Creating the web server``.
    """
    meaning, name = classify(error), code(error)
    if meaning == "credentials":
        return ReachError(_credentials_sentence(error), _credentials_advice(name))
    if meaning == "unreachable":
        return ReachError(f"{doing}: AWS could not be reached ({message(error)}).", "Check the network and the region.")
    said = f"{doing}: AWS answered {name}: {_short(message(error))}" if name else f"{doing}: {message(error)}"
    if meaning == "denied" and "explicit deny" in said:
        return FailedError(said, "A deny wins over every allow: have the policy that denies it changed, then resume.")
    if meaning == "denied":
        return FailedError(said, "Give the AWS identity you use the right to do this, then resume.")
    if "Insufficient" in name and "Capacity" in name:
        return FailedError(said, "AWS has no free machine of this class there now: choose another class or try later.")
    if "Quota" in name or "LimitExceeded" in name:
        return FailedError(
            said, "Ask AWS for a higher quota (Service Quotas) or remove what is not needed, then resume."
        )
    return FailedError(said, "Correct the cause, then resume.")


def _short(text: str) -> str:
    """Without EC2's encoded explanation, which only ``sts decode-authorization-message`` can read."""
    return text.partition("Encoded authorization failure message:")[0].strip()


def _credentials_sentence(error: BaseException) -> str:
    name = code(error)
    if isinstance(error, boto.ProfileNotFound):
        return f"Your AWS configuration has no profile of that name: {message(error)}."
    if isinstance(error, boto.NoCredentialsError):
        return "No AWS credentials were found."
    if isinstance(error, boto.SSOError | boto.TokenRetrievalError) or "Expired" in name:
        return "The AWS credentials have expired."
    if name == "RequestTimeTooSkewed":
        return "AWS refused the request because this machine's clock is wrong."
    return f"AWS does not accept the credentials ({name or message(error)})."


def _credentials_advice(name: str) -> str:
    if name in ("RequestTimeTooSkewed", "RequestExpired"):
        return "Set this machine's clock (NTP), or renew the credentials."
    return "Sign in again (aws sso login, aws configure) or choose another AWS profile with aws.profile."
