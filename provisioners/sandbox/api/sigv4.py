"""Checks AWS Signature Version 4 as AWS does, so that a wrong secret or a wrong signer is found in the sandbox.

Source of the rules: "AWS Signature Version 4 for API requests", IAM User Guide.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})\s*$"
)


@dataclass(frozen=True)
class Signature:
    """The ``Authorization`` header, taken apart."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, header: str) -> Signature | None:
        """From the header's text; ``None`` if it is no Signature Version 4."""
        found = _HEADER.match(header)
        if found is None:
            return None
        names = tuple(found["headers"].split(";"))
        return cls(found["key"], found["date"], found["region"], found["service"], names, found["signature"])


def holds(signature: Signature, secret: str, environ: Mapping[str, Any], body: bytes) -> bool:
    """Whether ``signature`` was made with ``secret`` over this WSGI request."""
    canonical = _canonical_request(signature, environ, body)
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    stamp = environ.get("HTTP_X_AMZ_DATE", "")
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (signature.date, signature.region, signature.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), signature.signature)


def _canonical_request(signature: Signature, environ: Mapping[str, Any], body: bytes) -> str:
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]
    path, _, query = raw.partition("?")
    # S3 signs the path as it is sent; every other service signs it encoded once more.
    path = path or "/"
    path = path if signature.service == "s3" else quote(path, safe="/~")
    pairs = sorted(part if "=" in part else part + "=" for part in query.split("&") if part)
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in signature.signed_headers)
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(body).hexdigest()
    return "\n".join(
        (environ["REQUEST_METHOD"], path, "&".join(pairs), headers, ";".join(signature.signed_headers), payload)
    )


def _header(environ: Mapping[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key) if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else environ.get(f"HTTP_{key}")
    return " ".join(str(value or "").split())
