"""The steps that configure machines: ``Drucloud::Node`` (a machine becomes its role), ``Drucloud::Site``, and more."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from provisioners.engine.kinds import Child, StepContext, StepKind, StepResult
from provisioners.engine.stop import StoppedError
from provisioners.nodes import bundle, solr
from provisioners.nodes.apply import Applied, OnEvent, apply
from provisioners.nodes.bundle import Bundle
from provisioners.nodes.golden import ImageStep
from provisioners.nodes.reach import Machine, reach
from provisioners.nodes.site import site_bundles, site_role
from provisioners.nodes.ssh import Connection

_SETTINGS: dict[str, tuple[str, Any]] = {
    "AcmeServer": ("acme_server", ""),
    "Deployment": ("deployment", ""),
    "DirectorAddress": ("director_address", ""),
    "DirectorPeer": ("director_peer", ""),
    "DirectorRoutes": ("director_routes", ""),
    "DomainName": ("domain_name", ""),
    "Docroot": ("docroot", "."),
    "Drupal": ("drupal", ""),
    "FileSystemId": ("files_file_system", ""),
    "FilesKind": ("files_kind", "local"),
    "FilesServers": ("files_servers", []),
    "Fleet": ("fleet", []),
    "FleetSize": ("fleet_size", 1),
    "LvsMethod": ("lvs_method", "nat"),
    "LvsPersistence": ("lvs_persistence", 0),
    "LvsScheduler": ("lvs_scheduler", "wlc"),
    "MicroCache": ("micro_cache", True),
    "MicroCacheSeconds": ("micro_cache_seconds", 40),
    "Nat": ("nat", False),
    "ProxyHops": ("proxy_hops", 0),
    "RealServers": ("real_servers", []),
    "Tls": ("tls", "none"),
    "TrustedProxies": ("trusted_proxies", []),
    "VolumeId": ("volume_id", ""),
    "VpcCidr": ("vpc_cidr", "10.0.0.0/8"),
    "WarmFront": ("warm_front", ""),
    "WarmNodes": ("warm_nodes", []),
    "WarmScheme": ("warm_scheme", "http"),
}
"""Settings of a ``Drucloud::Node``: what templates call them, and what one that a role does not give is."""


REBOOT_HOUR = 3
"""UTC; a security update that needs a restart gets it within two hours of it."""


def reboot_time(logical_id: str) -> str:
    """When a machine may restart for a security update: each its own minute, the same at every converge."""
    minute = zlib.crc32(logical_id.encode()) % 120
    return f"{REBOOT_HOUR + minute // 60:02}:{minute % 60:02}"


def node_settings(properties: Mapping[str, Any], context: StepContext) -> dict[str, Any]:
    """What a role's templates may use, from the properties of a ``Drucloud::Node``."""
    return settings_of(properties, context.logical_id, context.target.node_endpoint, context.target.region)


def settings_of(properties: Mapping[str, Any], logical_id: str, node_endpoint: str, region: str) -> dict[str, Any]:
    """The same without a running deployment: ``node_endpoint`` is empty on AWS."""
    settings = properties["Settings"]
    given = {ours: settings.get(theirs, otherwise) for theirs, (ours, otherwise) in _SETTINGS.items()}
    return {
        **given,
        **solr.settings(settings.get("SolrArchive", ""), settings.get("SolrSha512", "")),
        "memory_mib": int(properties["MemoryMiB"]),
        "vcpu": int(properties["Vcpu"]),
        "node_endpoint": node_endpoint,
        "private_address": properties.get("Host", ""),
        "reboot_time": reboot_time(logical_id),
        "region": region,
    }


def converge(
    context: StepContext,
    machine: Machine,
    wanted: Bundle,
    first: Callable[[Connection], None] = lambda connection: None,
) -> Applied:
    """Apply ``wanted`` to ``machine``, telling the tree each step as it comes.

    :param first: what is done over the same connection before it.
    """
    with reach(context.target, context.folder, machine, context.progress) as connection:
        first(connection)
        context.progress(f"applying {wanted.role} to {machine.host}")
        return apply(connection, wanted, on_event=_teller(context))


def _teller(context: StepContext) -> OnEvent:
    def tell(event: Mapping[str, Any]) -> None:
        if note := event.get("note"):
            context.log(note)
        if "step" not in event:
            return
        # The node finishes its step even when we leave: between two steps is the safe point.
        if event["status"] == "running" and context.stopping:
            raise StoppedError
        context.child(event["step"], event["status"], event["text"], event["seconds"])
        if event["status"] == "failed":
            context.log(event["text"])

    return tell


def _bring_archive(context: StepContext, settings: Mapping[str, Any], connection: Connection) -> None:
    """Solr's release from this machine, where the search node is not to download it (nothing to do for other roles)."""
    mode, given = context.target.mode, context.properties["Settings"]
    if context.properties["Role"] != "search" or mode == "rehearsal" or solr.stands(connection, settings):
        return

    def tell(text: str) -> None:
        if context.stopping:
            raise StoppedError
        context.progress(text)

    wish = (given.get("SolrArchive", ""), given.get("SolrSha512", ""))
    path = solr.local_archive(*wish)
    if path is None and mode == "machines":  # which have no way out
        path = solr.download(*wish, tell)
    if path is not None:
        solr.bring(connection, path, tell)


class NodeStep:
    """``Drucloud::Node``: converge one machine to its role."""

    type = "Drucloud::Node"
    expected_seconds = 90.0

    def children(self, properties: Mapping[str, Any]) -> Sequence[Child]:
        """The steps of the role's manifest."""
        return bundle.outline(properties["Role"])

    async def run(self, context: StepContext) -> StepResult:
        """Converge; a second time changes nothing."""
        settings = node_settings(context.properties, context)
        wanted = bundle.render(context.properties["Role"], settings)
        first = functools.partial(_bring_archive, context, settings)
        done = await context.in_thread(converge, context, Machine.of(context.properties), wanted, first)
        return StepResult(done.changed, done.summary, {"Digest": wanted.digest})

    async def undo(self, context: StepContext) -> None:
        """Nothing outlives the machine."""


class SiteStep:
    """``Drucloud::Site``: the database's user from the admin node, then the site on the web node."""

    type = "Drucloud::Site"
    expected_seconds = 30.0

    def children(self, properties: Mapping[str, Any]) -> Sequence[Child]:
        """First what the admin node does, then the web node."""
        return (*bundle.outline("site-database"), *bundle.outline(site_role(properties)))

    async def run(self, context: StepContext) -> StepResult:
        """Make the user, install or update the site; an unchanged commit changes nothing."""
        on_admin, on_web = await context.in_thread(site_bundles, context)
        admin = Machine.of(context.properties["Admin"])
        first = await context.in_thread(converge, context, admin, on_admin)
        second = await context.in_thread(converge, context, Machine.of(context.properties), on_web)
        both = Applied({**first.steps, **second.steps})
        return StepResult(both.changed, both.summary)

    async def undo(self, context: StepContext) -> None:
        """Nothing outlives the machines; the database goes with its instance."""


_ALL: tuple[StepKind, ...] = (NodeStep(), SiteStep(), ImageStep(converge, node_settings))

STEPS: dict[str, StepKind] = {step.type: step for step in _ALL}
"""The step kinds of this package, by type name; given to the engine."""
