"""The instance metadata service, version 2 only, for the machines of one VPC.

Who asks is known by the address the question comes from. Paths and their answers are those of "Instance metadata
categories", Amazon EC2 User Guide; everything but the token itself needs a token (401 without), as on an instance with
``HttpTokens=required``.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from moto.ec2.models import ec2_backends

from provisioners.sandbox.api import keys
from provisioners.sandbox.api.instances import user_data
from provisioners.sandbox.api.world import ACCOUNT, World

_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 - the name of a header
_LONGEST = 21600
_GONE = ("shutting-down", "terminated")

Leaf = Callable[[Any], str | bytes | None]


def _profile(instance: Any) -> Any:
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    return association.iam_instance_profile if association else None


def _role(instance: Any) -> Any:
    profile = _profile(instance)
    return profile.roles[0] if profile and profile.roles else None


def _credentials(instance: Any) -> str | None:
    role = _role(instance)
    if role is None:
        return None
    session = keys.role_session(role.arn, instance.id, instance.ec2_backend.region_name)
    assert session.expires is not None  # noqa: S101 - a role's session always ends
    return json.dumps(
        {
            "Code": "Success",
            "LastUpdated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "Type": "AWS-HMAC",
            "AccessKeyId": session.id,
            "SecretAccessKey": session.secret,
            "Token": session.session_token,
            "Expiration": session.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        indent=2,
    )


def _iam_info(instance: Any) -> str | None:
    profile = _profile(instance)
    if profile is None:
        return None
    return json.dumps({"Code": "Success", "InstanceProfileArn": profile.arn, "InstanceProfileId": profile.id}, indent=2)


def _public_key(instance: Any) -> str | None:
    pair = instance.ec2_backend.key_pairs.get(instance.key_name)
    return pair.public_key.strip() if pair else None


def _document(instance: Any) -> str:
    return json.dumps(
        {
            "accountId": ACCOUNT,
            "architecture": instance.architecture,
            "availabilityZone": instance.availability_zone,
            "imageId": instance.image_id,
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "pendingTime": instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": instance.private_ip,
            "region": instance.ec2_backend.region_name,
            "version": "2017-09-30",
        },
        indent=2,
    )


def _interfaces(instance: Any) -> dict[str, Leaf]:
    """What the instance knows of each of its interfaces."""
    leaves: dict[str, Leaf] = {}
    for interface in instance.nics.values():
        place = f"meta-data/network/interfaces/macs/{interface.mac_address}"
        addresses = "\n".join(str(one["PrivateIpAddress"]) for one in interface.private_ip_addresses)
        leaves |= {f"{place}/interface-id": _constant(interface.id), f"{place}/local-ipv4s": _constant(addresses)}
    return leaves


def _constant(value: str) -> Leaf:
    return lambda _: value


def _tree(instance: Any) -> dict[str, Leaf]:
    """Every path this instance has, below the version."""
    leaves: dict[str, Leaf] = {
        "meta-data/ami-id": lambda i: i.image_id,
        "meta-data/hostname": lambda i: i.private_dns_name,
        "meta-data/instance-id": lambda i: i.id,
        "meta-data/instance-type": lambda i: i.instance_type,
        "meta-data/local-hostname": lambda i: i.private_dns_name,
        "meta-data/local-ipv4": lambda i: i.private_ip,
        "meta-data/mac": lambda i: i.nics[0].mac_address,
        "meta-data/placement/availability-zone": lambda i: i.availability_zone,
        "meta-data/placement/region": lambda i: i.ec2_backend.region_name,
        "meta-data/security-groups": lambda i: "\n".join(sorted(group.name for group in i.security_groups)),
        "dynamic/instance-identity/document": _document,
        **_interfaces(instance),
    }
    if instance.public_ip:
        leaves["meta-data/public-ipv4"] = lambda i: i.public_ip
    if instance.user_data:
        leaves["user-data"] = user_data
    if _public_key(instance):
        leaves["meta-data/public-keys/0/openssh-key"] = _public_key
    if _role(instance) is not None:
        leaves["meta-data/iam/info"] = _iam_info
        leaves[f"meta-data/iam/security-credentials/{_role(instance).name}"] = _credentials
    return leaves


def answer(instance: Any, path: str) -> bytes | None:
    """What ``path`` (``latest/…``) holds for ``instance``: a value, or the names below it; ``None`` for nothing."""
    path = path.strip("/").partition("/")[2]
    tree = _tree(instance)
    if path in tree:
        value = tree[path](instance)
        return value.encode() if isinstance(value, str) else value
    if path == "meta-data/public-keys" and _public_key(instance):
        return f"0={instance.key_name}".encode()
    prefix = f"{path}/" if path else ""
    below = {leaf[len(prefix) :] for leaf in tree if leaf.startswith(prefix)}
    names = {name.partition("/")[0] + ("/" if "/" in name else "") for name in below}
    return "\n".join(sorted(names)).encode() if names else None


class MetadataService:
    """Serves one VPC's machines on a listening socket inside its network."""

    def __init__(self, world: World, vpc_id: str, listener: socket.socket) -> None:
        self._world = world
        self._vpc_id = vpc_id
        self._tokens: dict[str, tuple[str, float]] = {}
        self._server = ThreadingHTTPServer(("", 0), _handler(self), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name=f"imds {vpc_id}", daemon=True).start()

    def close(self) -> None:
        """Stop serving and close the socket."""
        self._server.shutdown()
        self._server.server_close()

    def token(self, caller: str, seconds: int) -> str:
        """A new token, good for ``caller`` only."""
        now = time.monotonic()
        self._tokens = {known: entry for known, entry in self._tokens.items() if entry[1] > now}
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (caller, now + seconds)
        return token

    def knows(self, caller: str, token: str) -> bool:
        """Whether ``token`` was given to ``caller`` and has not expired."""
        owner, until = self._tokens.get(token, ("", 0.0))
        return owner == caller and until > time.monotonic()

    def read(self, caller: str, path: str) -> bytes | None:
        """The answer to the machine at address ``caller``."""
        with self._world.lock:
            instance = self._instance(caller)
            return answer(instance, path) if instance else None

    def _instance(self, address: str) -> Any:
        for backend in ec2_backends[ACCOUNT].values():
            for instance in backend.all_instances():
                if instance.state in _GONE or instance.vpc_id != self._vpc_id:
                    continue
                if address in (instance.private_ip, instance.public_ip):
                    return instance
        return None


def _handler(service: MetadataService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "EC2ws"
        timeout = 10

        def do_PUT(self) -> None:
            if self.path.rstrip("/") != "/latest/api/token" or self.headers.get("X-Forwarded-For"):
                return self._send(403 if self.headers.get("X-Forwarded-For") else 404)
            text = self.headers.get(_TTL, "")
            if not text.isdigit() or not 1 <= int(text) <= _LONGEST:
                return self._send(400)
            return self._send(200, service.token(self.client_address[0], int(text)).encode(), {_TTL: text})

        def do_GET(self) -> None:
            if not service.knows(self.client_address[0], self.headers.get(_TOKEN, "")):
                return self._send(401)
            found = service.read(self.client_address[0], self.path.partition("?")[0])
            return self._send(404) if found is None else self._send(200, found)

        def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "text/plain", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a boot asks dozens of times."""

    return Handler
