#!/usr/bin/python3
"""The program with which a machine of an exported template converges at its first boot; standard library only.

    drucloud-boot SETTINGS.json

The settings (no secret among them; every process can read user data) name the bucket, the bundles in their order, each
with the length of the converge program before it, and the values of this stack. A bundle is fetched from S3 by the
machine's role, ``@@Name@@`` in its files is replaced by the value of that name, and it is applied. What fails because
something else is not there yet (the database's user, the other machine of a pair) is tried again. A bundle that changes
the site's database is applied by one server at a time: servers boot together, and only one can install.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import importlib.machinery
import importlib.util
import io
import json
import subprocess
import sys
import tarfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

IMDS = "http://169.254.169.254/latest"
START = 'import sys; exec(compile(sys.stdin.buffer.read(int(sys.argv.pop(1))), "converge", "exec"))'
TRIES = 90
PAUSE_SECONDS = 20
CRON = "/usr/lib/drucloud/cron"
"""The web servers' cron, which knows the lock in the site's database."""

# A proxy in the environment must never see the instance's credentials.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def imds(path: str) -> str:
    """One answer of the instance metadata service, version 2."""
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = get(IMDS + "/api/token", lifetime, "PUT").decode()
    return get(IMDS + path, {"X-aws-ec2-metadata-token": token}).decode()


def get(url: str, headers: Mapping[str, str], method: str = "GET") -> bytes:
    """What a URL of AWS or of the metadata service answers."""
    asked = urllib.request.Request(url, method=method, headers=dict(headers))  # noqa: S310  (no URL from outside)
    with OPENER.open(asked, timeout=60) as answer:
        return bytes(answer.read())


def credentials() -> dict[str, str]:
    """The role's temporary credentials."""
    role = imds("/meta-data/iam/security-credentials/").strip()
    found: dict[str, str] = json.loads(imds(f"/meta-data/iam/security-credentials/{role}"))
    return found


def signed(keys: Mapping[str, str], region: str, host: str, path: str, now: datetime.datetime) -> dict[str, str]:
    """Headers of a GET to S3, signed by Signature Version 4."""
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {"host": host, "x-amz-content-sha256": nothing, "x-amz-date": stamp}
    if keys.get("Token"):
        headers["x-amz-security-token"] = keys["Token"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"GET\n{path}\n\n{lines}\n{names}\n{nothing}"
    scope = f"{day}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def fetch(keys: Mapping[str, str], region: str, bucket: str, name: str, endpoint: str = "") -> bytes:
    """An object of the bucket."""
    endpoint = endpoint or f"https://s3.{region}.amazonaws.com"
    path = f"/{bucket}/{urllib.parse.quote(name)}"
    headers = signed(keys, region, urllib.parse.urlsplit(endpoint).netloc, path, datetime.datetime.now(datetime.UTC))
    return get(endpoint + path, headers)


def with_values(bundle: bytes, values: Mapping[str, str]) -> bytes:
    """The bundle with every ``@@Name@@`` in its files replaced."""
    out = io.BytesIO()
    ustar = tarfile.USTAR_FORMAT  # what the converge program reads
    with tarfile.open(fileobj=io.BytesIO(bundle)) as old, tarfile.open(fileobj=out, mode="w", format=ustar) as new:
        for member in old.getmembers():
            taken = old.extractfile(member)
            content = taken.read() if taken else b""
            for name, value in values.items():
                content = content.replace(f"@@{name}@@".encode(), value.encode())
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return out.getvalue()


def apply(payload: bytes, length: int) -> bool:
    """Converge by the program in front of the bundle; whether nothing failed."""
    done = subprocess.run([sys.executable, "-I", "-c", START, str(length)], input=payload, check=False)
    return done.returncode == 0


def lock(path: str = CRON) -> Any:
    """The lock that cron takes too, or nothing while another server has it or the database gives none."""
    loader = importlib.machinery.SourceFileLoader("cron", path)
    spec = importlib.util.spec_from_loader("cron", loader)
    assert spec is not None  # noqa: S101  (there is a loader)
    cron = importlib.util.module_from_spec(spec)
    loader.exec_module(cron)
    try:
        taken = cron.Lock(json.loads(cron.SITE.read_text()))
    except cron.CronError as error:
        print(f"drucloud-boot: {error}", file=sys.stderr, flush=True)
        return None
    if taken.held:
        return taken
    taken.close()
    return None


def apply_alone(payload: bytes, length: int) -> bool:
    """The same while no other server does; False when it is not this one's turn."""
    taken = lock()
    if taken is None:
        return False
    try:
        return apply(payload, length)
    finally:
        taken.close()


def main(settings: Mapping[str, Any]) -> int:
    """Apply every bundle in order; the exit code."""
    values = {**settings["values"], "PrivateAddress": imds("/meta-data/local-ipv4").strip()}
    for name, length, alone in settings["bundles"]:
        how = apply_alone if alone else apply
        for _ in range(TRIES):
            try:
                payload = fetch(credentials(), settings["region"], settings["bucket"], name)
                if how(payload[:length] + with_values(payload[length:], values), length):
                    break
            except OSError as error:
                print(f"drucloud-boot: {name}: {error}", file=sys.stderr, flush=True)
            time.sleep(PAUSE_SECONDS)
        else:
            print(f"drucloud-boot: {name} could not be applied", file=sys.stderr, flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
