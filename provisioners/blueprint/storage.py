"""The file bucket: private, encrypted, versioned, TLS only; behind a CDN read by that distribution and no other."""

from __future__ import annotations

from typing import Any

from troposphere import s3

from provisioners.blueprint import edge
from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub

NONCURRENT_DAYS = 30
"""Days a replaced or deleted file can be brought back; afterwards it stops costing money."""


def add(draft: Draft) -> None:
    """Add the bucket and its policy, if the profile wants one."""
    if not draft.profile.storage.bucket:
        return
    policy = "Retain" if draft.keeps_data else "Delete"
    draft.add("storage", "File bucket", _bucket(draft.global_name(), policy))
    statements = [_tls_only(), *([_edge_reads()] if edge.serves_bucket(draft) else [])]
    document = {"Version": "2012-10-17", "Statement": statements}
    draft.add(
        "storage",
        "File bucket policy",
        s3.BucketPolicy("FileBucketPolicy", Bucket=Ref("FileBucket"), PolicyDocument=document),
    )


def _tls_only() -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [GetAtt("FileBucket", "Arn"), Sub("${FileBucket.Arn}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _edge_reads() -> dict[str, Any]:
    """Public files only, and only for this distribution: any other could be anybody's."""
    arn = Sub("arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}")
    return {
        "Sid": "PublicFilesForCloudFront",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": [Sub("${FileBucket.Arn}" + path) for path in edge.BUCKET_PATHS],
        "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
    }


def _bucket(name: str, policy: str) -> s3.Bucket:
    return s3.Bucket(
        "FileBucket",
        BucketName=name,
        DeletionPolicy=policy,
        UpdateReplacePolicy=policy,
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(
                    ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                )
            ]
        ),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=[_tidy_up()]),
    )


def _tidy_up() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        Id="tidy-up",
        Status="Enabled",
        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=NONCURRENT_DAYS),
    )
