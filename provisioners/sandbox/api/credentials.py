"""Refuses what AWS refuses before it looks at a call: no signature, an unknown key, a wrong secret, an old session.

Each protocol has its own error codes and its own envelope; SDKs turn them into the exceptions people know.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, Literal
from xml.sax.saxutils import escape

import botocore.exceptions
import botocore.session
from moto.core.utils import utcnow

from provisioners.sandbox.api import keys
from provisioners.sandbox.api.sigv4 import Signature, holds

Fault = Literal["missing", "unknown", "wrong", "expired"]

_CODES: Mapping[str, Mapping[Fault, tuple[int, str]]] = {
    "ec2": {
        "missing": (401, "AuthFailure"),
        "unknown": (401, "AuthFailure"),
        "wrong": (401, "AuthFailure"),
        "expired": (400, "RequestExpired"),
    },
    "s3": {
        "missing": (403, "AccessDenied"),
        "unknown": (403, "InvalidAccessKeyId"),
        "wrong": (403, "SignatureDoesNotMatch"),
        "expired": (400, "ExpiredToken"),
    },
    "json": {
        "missing": (400, "MissingAuthenticationTokenException"),
        "unknown": (400, "UnrecognizedClientException"),
        "wrong": (400, "InvalidSignatureException"),
        "expired": (400, "ExpiredTokenException"),
    },
    "query": {
        "missing": (403, "MissingAuthenticationToken"),
        "unknown": (403, "InvalidClientTokenId"),
        "wrong": (403, "SignatureDoesNotMatch"),
        "expired": (403, "ExpiredToken"),
    },
}

_MESSAGES: Mapping[Fault, str] = {
    "missing": "Request is missing Authentication Token",
    "unknown": "The security token included in the request is invalid.",
    "wrong": "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method.",
    "expired": "The security token included in the request is expired",
}


def fault(environ: Mapping[str, Any], body: bytes) -> tuple[Fault, str] | None:
    """What is wrong with the request's credentials, and the service it is for; ``None`` if nothing is."""
    signature = Signature.parse(environ.get("HTTP_AUTHORIZATION", ""))
    if signature is None:
        return "missing", _unsigned_service(environ)
    key = keys.find(signature.key_id)
    if key is None:
        return "unknown", signature.service
    if key.session_token and environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "") != key.session_token:
        return "unknown", signature.service
    if not holds(signature, key.secret, environ, body):
        return "wrong", signature.service
    if key.expires is not None and key.expires <= utcnow():
        return "expired", signature.service
    return None


def refusal(found: Fault, service: str) -> tuple[int, str, bytes]:
    """HTTP status, content type and body of the refusal, in the service's own protocol."""
    protocol = _protocol(service)
    family = service if service in ("ec2", "s3") else "json" if "json" in protocol else "query"
    status, code = _CODES[family][found]
    message = _MESSAGES[found] if family != "ec2" else "AWS was not able to validate the provided access credentials"
    if family == "json":
        return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if family == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>sandbox</RequestID></Response>"
    elif family == "s3":
        text = f"<Error>{error}<RequestId>sandbox</RequestId></Error>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>sandbox</RequestId></ErrorResponse>"
    return status, "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def _unsigned_service(environ: Mapping[str, Any]) -> str:
    if environ.get("HTTP_X_AMZ_TARGET"):
        return "secretsmanager"  # any service of that protocol: only its envelope matters
    return "sts" if environ.get("REQUEST_METHOD") == "POST" else "s3"


@functools.cache
def _protocol(service: str) -> str:
    try:
        return str(botocore.session.Session().get_service_model(service).metadata["protocol"])
    except botocore.exceptions.UnknownServiceError:
        return "json"
