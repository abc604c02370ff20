"""The node's own way to AWS: role credentials from IMDSv2, requests signed with SigV4; standard library only.

Region and endpoint stand in /etc/drucloud/aws.json; an empty endpoint means AWS's own. Nothing here prints a secret.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

IMDS = "http://169.254.169.254/latest"
SETTINGS = Path("/etc/drucloud/aws.json")

# A proxy in the environment must never see the instance's credentials.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AwsError(Exception):
    """AWS did not give what was asked for; the text says why and holds no secret.

    ``code`` is AWS's own word for it, empty when nothing answered.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


def _imds(path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> str:
    request = urllib.request.Request(IMDS + path, method=method, headers=dict(headers or {}))  # noqa: S310  (a fixed http URL)
    try:
        with _OPENER.open(request, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError as error:
        raise AwsError(f"the instance metadata service did not answer {path}: {error}") from error


def _token() -> dict[str, str]:
    return {"X-aws-ec2-metadata-token": _imds("/api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})}


def metadata(path: str) -> str:
    """What the instance metadata service says of this machine (``local-ipv4``)."""
    return _imds(f"/meta-data/{path}", headers=_token())


def credentials() -> dict[str, str]:
    """The role's temporary credentials as a dictionary."""
    token = _token()
    role = _imds("/meta-data/iam/security-credentials/", headers=token).strip()
    if not role:
        raise AwsError("this machine has no role")
    found: dict[str, str] = json.loads(_imds(f"/meta-data/iam/security-credentials/{role}", headers=token))
    return found


def signed_headers(
    keys: Mapping[str, str], service: str, region: str, host: str, target: str, body: bytes, now: datetime.datetime
) -> dict[str, str]:
    """Headers of a POST to ``/``, signed by Signature Version 4: JSON with a ``target``, a form without one."""
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "content-type": "application/x-amz-json-1.1" if target else "application/x-www-form-urlencoded; charset=utf-8",
        "host": host,
        "x-amz-date": stamp,
        "x-amz-security-token": keys["Token"],
        **({"x-amz-target": target} if target else {}),
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _answer(service: str, target: str, body: bytes) -> bytes:
    """What the service says to one signed POST; ``HTTPError`` and ``OSError`` are the caller's."""
    settings = json.loads(SETTINGS.read_text())
    region = settings["region"]
    endpoint = settings["endpoint"] or f"https://{service}.{region}.amazonaws.com"
    host = urllib.parse.urlsplit(endpoint).netloc
    now = datetime.datetime.now(datetime.UTC)
    headers = signed_headers(credentials(), service, region, host, target, body, now)
    request = urllib.request.Request(endpoint + "/", body, headers)  # noqa: S310  (endpoint is root's setting)
    with _OPENER.open(request, timeout=15) as answer:
        return bytes(answer.read())


def secret(arn: str) -> str:
    """The string of a Secrets Manager secret."""
    try:
        answer = _answer("secretsmanager", "secretsmanager.GetSecretValue", json.dumps({"SecretId": arn}).encode())
        return str(json.loads(answer)["SecretString"])
    except urllib.error.HTTPError as error:
        said = error.read(500).decode("utf-8", "replace")
        raise AwsError(f"Secrets Manager refused the secret {arn.split(':')[-1]}: {said}") from None
    except OSError as error:
        raise AwsError(f"Secrets Manager cannot be reached: {error}") from error


def ec2(action: str, **parameters: str) -> ElementTree.Element:
    """EC2's answer to one call."""
    form = urllib.parse.urlencode({"Action": action, "Version": "2016-11-15", **parameters})
    try:
        return ElementTree.fromstring(_answer("ec2", "", form.encode()))  # noqa: S314  (AWS's own words)
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode("utf-8", "replace")
        found = re.search(r"<Code>([\w.]+)</Code>", said)
        raise AwsError(f"EC2 refused {action}: {said[:500]}", found[1] if found else "") from None
    except (OSError, ElementTree.ParseError) as error:
        raise AwsError(f"EC2 did not answer {action}: {error}") from error


def write_private(path: Path, content: str, group: int, mode: int) -> None:
    """Replace ``path`` atomically with ``content`` for root and ``group`` only."""
    fresh = path.with_name(f".{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(content)
        os.fchown(out.fileno(), 0, group)
        os.fchmod(out.fileno(), mode)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
