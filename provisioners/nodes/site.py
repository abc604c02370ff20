"""What a ``Drucloud::Site`` puts on the admin node and on the web node, as two bundles. No secret is in either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profiles.errors import UsageError
from provisioners.engine.kinds import StepContext
from provisioners.nodes import bundle, git_address, keys
from provisioners.nodes.bundle import Bundle
from provisioners.sandbox.machines.host import GIT_NAME

CANARY = "canary"
"""Instead of an address: the test site that the sandbox serves."""

DATABASE_CA = "/etc/ssl/certs/rds-global-bundle.pem"
"""Where the role ``base`` keeps RDS's certificate authorities on AWS; not there in the sandbox."""


def site_role(properties: Mapping[str, Any]) -> str:
    """What is done on the web node: everything, or, where the release came with its image, only the database's part."""
    return "site-install" if properties.get("Baked") else "site"


def site_bundles(context: StepContext) -> tuple[Bundle, Bundle]:
    """The bundles for the admin node and for the web node."""
    settings = site_settings(context)
    return bundle.render("site-database", settings), bundle.render(site_role(context.properties), settings)


def site_bundle(context: StepContext, role: str) -> Bundle:
    """The bundle of one role of the site's."""
    return bundle.render(role, site_settings(context))


def site_settings(context: StepContext) -> dict[str, Any]:
    """What the site's roles may use."""
    properties = context.properties
    url, host_key = repository(properties, context)
    address = git_address.parse(url)
    return {
        "branch": properties["Branch"],
        "commit": "",
        "database": _database(properties["Database"]),
        "deploy_key_secret_arn": properties["DeployKeySecretArn"],
        "deployment": properties["Deployment"],
        "docroot": properties["Docroot"],
        "domain": properties.get("DomainName") or "",
        "drupal": properties.get("Drupal", ""),
        "git_host": address.host,
        "git_host_key": host_key,
        "git_port": address.port,
        "master_secret_arn": properties["Database"]["MasterSecretArn"],
        "memcached": [_endpoint(node) for node in properties["CacheNodes"]],
        "secret_arn": properties["SecretArn"],
        "services": properties.get("Services") or {},
        "url": address.url,
    }


def repository(properties: Mapping[str, Any], context: StepContext) -> tuple[str, str]:
    """Address and pinned host key of the site's repository; raises ``UsageError`` when one is missing."""
    url, host_key = properties["Repository"], properties.get("GitHostKey") or ""
    if url == CANARY:
        if context.target.name != "sandbox":
            raise UsageError(
                "The canary site is served by the sandbox only.", "Set site.repository to your site's Git address."
            )
        from provisioners.sandbox import client  # the sandbox's own machinery, of no use on AWS

        sandbox = client.ensure()
        sandbox.authorize_git_key(keys.deploy_key(context.folder).public)
        return sandbox.git_url(), " ".join(sandbox.git_host_key().split()[:2])
    if context.target.name == "sandbox" and (name := sandbox_repository(url)):
        from provisioners.sandbox import client

        sandbox = client.ensure()
        sandbox.authorize_git_key(keys.deploy_key(context.folder).public, name)
        return url, " ".join(sandbox.git_host_key().split()[:2])
    host = git_address.parse(url).host
    host_key = host_key or git_address.KNOWN_SERVERS.get(host, "")
    if not host_key:
        raise UsageError(
            f"The host key of the Git server {host} is not known.",
            "Test the repository in the wizard and confirm its key, or set site.git_host_key.",
        )
    return url, " ".join(host_key.split()[:2])


def sandbox_repository(url: str) -> str:
    """Name of the repository when the address is the sandbox's own Git server (STATE/sandbox/git/NAME.git), else ""."""
    if url == CANARY:
        return ""
    address = git_address.parse(url)
    return address.path.removeprefix("/") if address.host == GIT_NAME else ""


def _database(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ca": DATABASE_CA,
        "host": properties["Host"],
        "name": properties["Name"],
        "port": int(properties["Port"]),
    }


def _endpoint(node: str) -> dict[str, Any]:
    host, _, port = node.rpartition(":")
    return {"host": host, "port": int(port)}
