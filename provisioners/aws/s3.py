"""S3: bucket and bucket policy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from profiles.errors import FailedError
from provisioners.aws import tagging
from provisioners.aws.errors import classify, code
from provisioners.aws.permissions import on
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted

DELETES_A_CALL = 1000
"""S3 deletes at most so many objects in one call."""

US_EAST_1 = "us-east-1"
"""The one region that is asked for by naming none."""


BUCKETS = ("arn:{partition}:s3:::drucloud-{name}-*", "arn:{partition}:s3:::{name}-*")
_OBJECTS = tuple(f"{arn}/*" for arn in BUCKETS)

_SETTING_ACTIONS: Mapping[str, str] = {
    "BucketEncryption": "s3:PutEncryptionConfiguration",
    "LifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "OwnershipControls": "s3:PutBucketOwnershipControls",
    "PublicAccessBlockConfiguration": "s3:PutBucketPublicAccessBlock",
    "VersioningConfiguration": "s3:PutBucketVersioning",
}
"""What IAM calls the setting of each property."""


class Bucket(NamedKind):
    """``AWS::S3::Bucket``; identity is its name."""

    type = "AWS::S3::Bucket"
    name_property, name_limit, lower_case = "BucketName", 63, True
    mutable = frozenset(
        {
            "BucketEncryption",
            "LifecycleConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "VersioningConfiguration",
        }
    )
    needs = (
        *on(BUCKETS, "deploy", "s3:CreateBucket", "s3:PutBucketTagging"),
        *on(BUCKETS, "deploy", "s3:TagResource", beside="s3:CreateBucket"),
        *(need for name, action in _SETTING_ACTIONS.items() for need in on(BUCKETS, "deploy", action, given=name)),
        *on(BUCKETS, "read", "s3:ListBucket"),
        *on(BUCKETS, "find", "s3:GetBucketTagging"),
        *(need for name, action in _SETTING_ACTIONS.items() for need in on(BUCKETS, "change", action, given=name)),
        *on(BUCKETS, "change", "s3:PutLifecycleConfiguration"),
        *on(BUCKETS, "destroy", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:DeleteBucket"),
        *on(_OBJECTS, "destroy", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"),
    )

    def create(self, aws: Aws, wanted: Wanted) -> str:
        """Look first: in us-east-1 S3 answers a second CreateBucket for a bucket of yours with success."""
        return self.find(aws, wanted) or super().create(aws, wanted)

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its tags; its settings are calls of their own."""
        unknown = set(wanted.properties) - self.mutable - {"BucketName", "Tags"}
        if unknown:
            raise FailedError(f"drucloud cannot set {', '.join(sorted(unknown))} of a bucket.", "Please report it.")
        where = {} if aws.region == US_EAST_1 else {"LocationConstraint": aws.region}
        aws.client("s3", creating=True).create_bucket(
            Bucket=self.name(wanted), CreateBucketConfiguration={**where, "Tags": as_list(wanted)}
        )
        return self.name(wanted)

    def require_ours(self, aws: Aws, wanted: Wanted, identity: str) -> None:
        """One that an earlier destroy kept for this very deployment is taken up again, whatever its intent was."""
        tags = {**self.tags(aws, identity), "drucloud:intent": wanted.tags["drucloud:intent"]}
        tagging.require_ours(wanted, identity, tags)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, if it is there and ours to see."""
        try:
            aws.client("s3").head_bucket(Bucket=name)
        except ClientError as error:
            if classify(error) == "gone":
                return None
            if classify(error) == "denied":
                raise _taken(name) from error
            raise
        return name

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """None is an error of its own in S3."""
        try:
            return as_dict(aws.client("s3").get_bucket_tagging(Bucket=identity)["TagSet"])
        except ClientError as error:
            if code(error) == "NoSuchTagSet":
                return {}
            raise

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Every setting; S3 takes the same again without complaint."""
        client = aws.client("s3")
        client.put_bucket_tagging(Bucket=identity, Tagging={"TagSet": as_list(wanted)})
        for name in sorted(self.mutable & set(wanted.properties)):
            _SETTINGS[name](client, identity, wanted.properties[name])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put what changed; a lifecycle that is no longer wanted is the only setting that can be taken away."""
        client = aws.client("s3")
        for name in sorted(changed):
            if name in wanted.properties:
                _SETTINGS[name](client, identity, wanted.properties[name])
            elif name == "LifecycleConfiguration":
                client.delete_bucket_lifecycle(Bucket=identity)
            else:
                raise FailedError(f"{name} of bucket {identity} cannot be taken away.", "Set it explicitly.")

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: _bucket(aws, one) if self.look_up(aws, one) else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Empty it, all versions and unfinished uploads, then delete it; policy ``Retain`` leaves it alone."""
        if policy == "Retain":
            return
        self.unlock(aws, identity)
        aws.client("s3").delete_bucket(Bucket=identity)

    def unlock(self, aws: Aws, identity: str) -> None:
        """Empty it: S3 deletes no bucket with something in it."""
        _empty(aws.client("s3"), identity)


def _taken(name: str) -> FailedError:
    return FailedError(f"The bucket name {name} belongs to somebody else.", "Give this deployment another name.")


def _bucket(aws: Aws, name: str) -> Observed:
    regional = f"{name}.s3.{aws.region}.amazonaws.com"
    partition = aws.session.get_partition_for_region(aws.region)
    attributes = {"Arn": f"arn:{partition}:s3:::{name}", "DomainName": f"{name}.s3.amazonaws.com"}
    return Observed("ready", {"Ref": name, **attributes, "RegionalDomainName": regional})


def _empty(client: Any, bucket: str) -> None:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        _delete_versions(client, bucket, [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows])
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for row in page.get("Uploads", ()):
            client.abort_multipart_upload(Bucket=bucket, Key=row["Key"], UploadId=row["UploadId"])


def _delete_versions(client: Any, bucket: str, versions: Sequence[Mapping[str, str]]) -> None:
    for start in range(0, len(versions), DELETES_A_CALL):
        chunk = list(versions[start : start + DELETES_A_CALL])
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": chunk, "Quiet": True})
        if errors := answer.get("Errors"):
            raise FailedError(
                f"{len(errors)} objects of bucket {bucket} could not be deleted ({errors[0].get('Code', 'no code')}).",
                "Delete them in S3, then destroy again.",
            )


def _put_encryption(client: Any, bucket: str, value: Mapping[str, Any]) -> None:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": dict(rule["ServerSideEncryptionByDefault"]),
            **({"BucketKeyEnabled": _boolean(rule["BucketKeyEnabled"])} if "BucketKeyEnabled" in rule else {}),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _put_lifecycle(client: Any, bucket: str, value: Mapping[str, Any]) -> None:
    rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's rule in S3's form: ``Id`` is ``ID``, and what it applies to is a filter."""
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    for name, key in (
        ("NoncurrentVersionExpiration", "NoncurrentDays"),
        ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    ):
        if name in rule:
            made[name] = {key: int(rule[name][key])}
    _refuse_unknown(rule, {"Status", "Prefix", "Id", "ExpirationInDays", *made})
    return made


def _refuse_unknown(rule: Mapping[str, Any], known: Iterable[str]) -> None:
    if unknown := sorted(set(rule) - set(known)):
        raise FailedError(f"drucloud cannot set {', '.join(unknown)} of a lifecycle rule.", "Please report it.")


def _put_public_access(client: Any, bucket: str, value: Mapping[str, Any]) -> None:
    blocks = {name: _boolean(on) for name, on in value.items()}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)


def _put_ownership(client: Any, bucket: str, value: Mapping[str, Any]) -> None:
    client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": list(value["Rules"])})


def _put_versioning(client: Any, bucket: str, value: Mapping[str, Any]) -> None:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": value["Status"]})


def _boolean(value: Any) -> bool:
    return str(value).lower() == "true"


_SETTINGS: Mapping[str, Any] = {
    "BucketEncryption": _put_encryption,
    "LifecycleConfiguration": _put_lifecycle,
    "OwnershipControls": _put_ownership,
    "PublicAccessBlockConfiguration": _put_public_access,
    "VersioningConfiguration": _put_versioning,
}


class BucketPolicy(Kind):
    """``AWS::S3::BucketPolicy``; identity is the bucket's name."""

    type = "AWS::S3::BucketPolicy"
    mutable = frozenset({"PolicyDocument"})
    needs = (
        *on(BUCKETS, "deploy", "s3:PutBucketPolicy"),
        *on(BUCKETS, "read", "s3:GetBucketPolicy"),
        *on(BUCKETS, "change", "s3:PutBucketPolicy"),
        *on(BUCKETS, "destroy", "s3:DeleteBucketPolicy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Put it: idempotent by contract, and a policy has no tags."""
        bucket = str(wanted.properties["Bucket"])
        text = json.dumps(wanted.properties["PolicyDocument"], sort_keys=True)
        aws.client("s3", creating=True).put_bucket_policy(Bucket=bucket, Policy=text)
        return bucket

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The bucket's policy, if it says what ours is to say; else putting it again does no harm."""
        bucket = str(wanted.properties["Bucket"])
        text = _policy_text(aws, bucket)
        return bucket if text and json.loads(text) == wanted.properties["PolicyDocument"] else None

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put it again."""
        self.make(aws, wanted)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: _policy(aws, one) for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; S3 does not mind when there is none."""
        aws.client("s3").delete_bucket_policy(Bucket=identity)


def _policy_text(aws: Aws, bucket: str) -> str:
    try:
        return str(aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if classify(error) == "gone":
            return ""
        raise


def _policy(aws: Aws, bucket: str) -> Observed:
    return Observed("ready", {"Ref": bucket}) if _policy_text(aws, bucket) else ABSENT
