"""What moto's S3 lacks: tags in the creating call, and bucket policies that ask for TLS.

Source of the first: S3 API reference, CreateBucketConfiguration, ``Tags``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import World

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@around(S3Response, "_bucket_response_put")
def _put(
    _: World, original: Callable[..., Any], response: Any, request: Any, bucket: str, querystring: Mapping[str, Any]
) -> Any:
    answer = original(request, bucket, querystring)
    if not querystring and (tags := _tags(response.body)):
        response.backend.put_bucket_tagging(bucket, tags)
    return answer


@around(FakeBucket, "get_permission")
def _permission(_: World, original: Callable[..., Any], bucket: Any, action: str, resource: str) -> Any:
    """The sandbox speaks plain HTTP on loopback, where nobody listens: "no plain HTTP" is not held against it."""
    if bucket.policy is None:
        return original(action, resource)
    kept = bucket.policy
    document = json.loads(kept)
    rows = [
        row for row in document["Statement"] if "aws:SecureTransport" not in row.get("Condition", {}).get("Bool", {})
    ]
    try:
        bucket.policy = json.dumps({**document, "Statement": rows}).encode()
        return original(action, resource)
    finally:
        bucket.policy = kept


def _asks_for_tls(statement: Mapping[str, Any]) -> bool:
    return "aws:SecureTransport" in statement.get("Condition", {}).get("Bool", {})


def _tags(body: bytes) -> dict[str, str]:
    if not body:
        return {}
    root = ElementTree.fromstring(body)  # noqa: S314 - from a signed call of the machine's own operator
    rows = root.iterfind(f"{_NAMESPACE}Tags/{_NAMESPACE}Tag")
    return {str(row.findtext(f"{_NAMESPACE}Key")): row.findtext(f"{_NAMESPACE}Value") or "" for row in rows}
