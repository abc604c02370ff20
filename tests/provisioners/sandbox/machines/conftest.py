"""A host of real machines for these tests, and what an instance's world needs: a key pair and a metadata service."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provisioners.nodes.keys import KeyPair, deployment_key
from provisioners.sandbox.machines import choose
from provisioners.sandbox.machines.host import METADATA, MachineSpec
from provisioners.sandbox.machines.nspawn import NspawnHost

VPC = "vpc-0test"
HOST_KEY_SCRIPT = (
    b"#!/bin/sh\necho DRUCLOUD-HOSTKEY $(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub) >/dev/console\n"
)


def require_machines() -> None:
    """Skip where no machine can boot; fail where CI says that it must."""
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES") == "1":
            pytest.fail(f"machines are required here: {reason}")
        pytest.skip(f"no real machines: {reason}")


@dataclass
class Metadata:
    """An IMDSv2 of one key and one user data for every machine; :attr:`seen` says who asked for what."""

    public_key: str
    user_data: bytes
    seen: list[tuple[str, str]] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        metadata = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.answer(b"a-token")

            def do_GET(self) -> None:
                if self.headers["X-aws-ec2-metadata-token"] != "a-token":
                    return self.answer(None, 401)
                metadata.seen.append((self.client_address[0], self.path))
                items = {
                    "/latest/meta-data/public-keys/0/openssh-key": metadata.public_key.encode(),
                    "/latest/user-data": metadata.user_data,
                }
                return self.answer(items.get(self.path), 404)

            def answer(self, body: bytes | None, otherwise: int = 500) -> None:
                self.send_response(otherwise if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        threading.Thread(target=server.serve_forever, daemon=True).start()


@dataclass
class World:
    """A host with one VPC in it."""

    host: NspawnHost
    key: KeyPair
    metadata: Metadata
    root: Path

    def spec(self, name: str, last: int, public_ip: str = "", **changes: object) -> MachineSpec:
        values: dict[str, object] = {
            "name": name,
            "vpc_id": VPC,
            "private_ip": f"10.77.0.{last}",
            "public_ip": public_ip,
            "hostname": f"{name}.ec2.internal",
            "user_data": b"",
            "memory_mib": 512,
            "vcpu": 2,
            **changes,
        }
        return MachineSpec(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_machines()
    folder = tmp_path_factory.mktemp("machines")
    key = deployment_key(folder / "keys")
    host = NspawnHost(folder / "root")
    try:
        host.network_up(VPC, "10.77.0.0/16")
        metadata = Metadata(key.public, HOST_KEY_SCRIPT)
        metadata.serve(host.listen(VPC, *METADATA))
        yield World(host, key, metadata, folder / "root")
    finally:
        host.close()
