"""Real machines for the roles' tests: a VPC with IMDSv2, Secrets Manager and a Git server in it.

The metadata service and the API are the smallest that the node's own programs can be proven against; the whole sandbox
has its own tests.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from provisioners.debian import web_suite
from provisioners.nodes import apply, bundle, keys, solr
from provisioners.nodes.apply import Applied
from provisioners.sandbox.machines.host import API, GIT, GIT_NAME, METADATA, MachineSpec
from provisioners.sandbox.machines.nspawn import NspawnHost
from tests.provisioners.nodes.ssh_server import ssh_server

VPC = "vpc-nodes"
ADDRESSES = {
    "web": "10.42.1.10",
    "admin": "10.42.1.11",
    "database": "10.42.2.10",
    "cache": "10.42.2.11",
    "search": "10.42.2.12",
    "files": "10.42.1.13",
    "files2": "10.42.2.13",
    "web2": "10.42.2.14",
    "balancer": "10.42.1.15",
    "edge": "10.42.1.16",
    "web7": "10.42.1.17",
}
SITE = ("web", "admin", "database", "cache")
"""The machines of the smallest site."""
MASTER = {"username": "drucloud", "password": "M'a\"s\\t er"}
SITE_LOGIN = {"username": "site", "password": "S1teS1teS1te"}
CANARY = Path(__file__).parents[3] / "provisioners" / "sandbox" / "canary"

_NODE: dict[str, Any] = {
    "deployment": "starter",
    "domain_name": "",
    "node_endpoint": f"http://{API[0]}",
    "reboot_time": "03:17",
    "region": "us-east-1",
    "vcpu": 2,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "web": {
        **_NODE,
        "memory_mib": 2048,
        "acme_server": "",
        "docroot": "web",
        "files_file_system": "",
        "files_kind": "local",
        "files_servers": [],
        "fleet": [],
        "fleet_size": 1,
        "micro_cache": True,
        "micro_cache_seconds": 40,
        "proxy_hops": 0,
        "tls": "none",
        "trusted_proxies": [],
    },
    "admin": {**_NODE, "memory_mib": 1024, "nat": True, "vpc_cidr": "10.42.0.0/16"},
    "database": {"memory_mib": 1024},
    "cache": {"memory_mib": 512},
}
PAIR = [ADDRESSES["files"], ADDRESSES["files2"]]
SETTINGS["files"] = {**_NODE, "memory_mib": 1024, "files_servers": PAIR, "private_address": PAIR[0], "volume_id": ""}
SETTINGS["files2"] = {**SETTINGS["files"], "private_address": PAIR[1]}
SETTINGS["web2"] = {**SETTINGS["web"], "files_kind": "gluster", "files_servers": PAIR}
SETTINGS["web7"] = {**SETTINGS["web"], "docroot": ".", "drupal": "7"}
SETTINGS["balancer"] = {
    "health_path": "/healthz",
    "memory_mib": 256,
    "private_address": ADDRESSES["balancer"],
    "refusal": None,
    "rules": [],
    "targets": [{"address": ADDRESSES[name], "name": name, "port": 80} for name in ("web", "web2")],
}
SETTINGS["edge"] = {
    "distribution": "d1",
    "memory_mib": 256,
    "origin_address": ADDRESSES["balancer"],
    "origin_headers": [],
}
SETTINGS["search"] = {
    **_NODE,
    **solr.settings("", ""),
    "memory_mib": 2048,
    "private_address": ADDRESSES["search"],
    "volume_id": "",
}


def role_of(machine: str) -> str:
    """The role of a machine: its name without its number."""
    return machine.rstrip("0123456789")


class _Metadata(BaseHTTPRequestHandler):
    """IMDSv2: a token first, then the role's credentials."""

    def do_PUT(self) -> None:
        self._answer(200 if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else 400, "the-token")

    def do_GET(self) -> None:
        role = "/latest/meta-data/iam/security-credentials/"
        keys = {"AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "example", "Token": "session"}
        found = {role: "web", f"{role}web": json.dumps(keys)}.get(self.path, "")
        trusted = self.headers["X-aws-ec2-metadata-token"] == "the-token"
        self._answer(200 if found and trusted else 401, found)

    def _answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: Any) -> None:
        pass


class Lab:
    """The machines, and what the site's bundles need to know."""

    def __init__(self, host: NspawnHost, folder: Path, settings: dict[str, Any]) -> None:
        self.host = host
        self.folder = folder
        self.site_settings = settings
        self.specs: list[MachineSpec] = []

    def converge(self, name: str, made: bundle.Bundle | None = None, check: bool = False) -> Applied:
        made = made or bundle.render(role_of(name), SETTINGS[name])
        _, out = self.host.execute(name, apply.command(check), apply.payload(made))
        return apply.read(out.decode().splitlines(), name, lambda event: None)

    def sh(self, name: str, command: str, stdin: bytes = b"") -> str:
        code, out = self.host.execute(name, ["sh", "-c", command], stdin)
        assert code == 0, out.decode(errors="replace")
        return out.decode(errors="replace").strip()

    def commit(self, message: str) -> str:
        """A commit of the canary as it is in the work folder, pushed to the served repository; its id."""
        work = self.folder / "work"
        author = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
        for words in (["add", "-A"], [*author, "commit", "-q", "-m", message], ["push", "-q", "../site.git", "main"]):
            subprocess.run(["git", "-C", work, *words], check=True)
        return subprocess.run(["git", "-C", work, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()


@contextmanager
def lab(folder: Path, names: Sequence[str] = SITE) -> Iterator[Lab]:
    host = NspawnHost(folder / "machines")
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    pair = keys.deploy_key(folder)
    try:
        with ssh_server(pair.public, folder) as git:
            host.network_up(VPC, "10.42.0.0/16")
            _, port = moto.get_host_and_port()
            host.relay(VPC, *API, "127.0.0.1", port)
            host.relay(VPC, *GIT, "127.0.0.1", git.port)
            metadata = ThreadingHTTPServer(METADATA, _Metadata, bind_and_activate=False)
            metadata.socket = host.listen(VPC, *METADATA)
            threading.Thread(target=metadata.serve_forever, daemon=True).start()
            settings = _site_settings(f"http://127.0.0.1:{port}", pair, git.host_key, folder)
            made = Lab(host, folder, settings)
            subprocess.run(["git", "init", "-q", "-b", "main", folder / "work"], check=True)
            subprocess.run(["git", "init", "-q", "--bare", "-b", "main", folder / "site.git"], check=True)
            shutil.copytree(CANARY, folder / "work", dirs_exist_ok=True)
            made.commit("The canary")
            threads = [threading.Thread(target=_start, args=(made, name)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            yield made
            metadata.shutdown()
    finally:
        host.close()
        moto.stop()


def _start(made: Lab, name: str) -> None:
    host = made.host
    steps = bundle.render(role_of(name), SETTINGS[name]).manifest["steps"]
    packages = [package for step in steps if step["kind"] == "packages" for package in step["packages"]]
    suite = web_suite(SETTINGS[name].get("drupal", "")).codename
    layer = host.ensure_layer(packages, suite)
    spec = MachineSpec(name, VPC, ADDRESSES[name], "", name, b"", SETTINGS[name]["memory_mib"], 2, layer, suite=suite)
    made.specs.append(spec)
    host.start(spec)
    if name == "database":
        content = json.dumps({**MASTER, "database": "site"}).encode()
        host.execute(name, ["install", "-D", "-m", "0600", "/dev/stdin", "/etc/drucloud/master.json"], content)


def _site_settings(endpoint: str, pair: keys.KeyPair, host_key: str, folder: Path) -> dict[str, Any]:
    client = boto3.client(
        "secretsmanager", "us-east-1", endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x"
    )

    def secret(name: str, value: str) -> str:
        """moto's state lives as long as the process, so another laboratory of it must not meet the same names."""
        return str(client.create_secret(Name=f"{folder.name}/{name}", SecretString=value)["ARN"])

    return {
        "branch": "main",
        "commit": "",
        "database": {"ca": "/none", "host": ADDRESSES["database"], "name": "site", "port": 3306},
        "deploy_key_secret_arn": secret("deploy-key", pair.path.read_text()),
        "deployment": "starter",
        "docroot": "web",
        "domain": "",
        "git_host": GIT_NAME,
        "git_host_key": host_key,
        "git_port": 22,
        "master_secret_arn": secret("master", json.dumps(MASTER)),
        "memcached": [{"host": ADDRESSES["cache"], "port": 11211}],
        "secret_arn": secret("site", json.dumps(SITE_LOGIN)),
        "services": {},
        "url": f"ssh://git@{GIT_NAME}:22{folder}/site.git",
    }
