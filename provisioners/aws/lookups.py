"""What only the account can say: zones, images, versions. Resolved once, then pinned; newer only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from profiles.errors import FailedError, UsageError
from profiles.model import Profile
from provisioners.aws import offers
from provisioners.aws.errors import explain
from provisioners.aws.session import Aws
from provisioners.blueprint import cache, database
from provisioners.blueprint.lookups import Lookups
from provisioners.debian import TRIXIE, Suite, web_suite
from provisioners.engine.deployment import Deployment
from provisioners.nodes import keys
from provisioners.target import Target

ENGINE_NAMES = {"mariadb": "MariaDB", "mysql": "MySQL"}
"""The profile's word for an engine -> its name."""


def resolve(profile: Profile, target: Target, pinned: Mapping[str, Any], refresh: bool) -> Lookups:
    """The account's answers for ``profile``.

    The deployment's own keys are made in its folder if it has none yet: the blueprint needs the public half.

    :param pinned: what an earlier run took (``Lookups.to_json``); empty when nothing stands.
    :param refresh: take newer answers in place of the pinned ones.
    :raises UsageError: the profile asks for what this region does not offer.
    """
    try:
        return _Resolver(profile, target, {} if refresh else pinned).resolve()
    except (BotoCoreError, ClientError) as error:
        raise explain(error, "Asking AWS what it offers") from error


def further_classes(profile: Profile) -> dict[str, str]:
    """The EC2 class of each machine beside web servers and admin node, by its section in the profile."""
    search = {"search": profile.search.instance_class} if profile.search.kind == "solr" else {}
    files = {"files": profile.files.instance_class} if profile.files.kind == "glusterfs" else {}
    directors = {"director": profile.director.instance_class} if profile.balancer.kind == "lvs" else {}
    return {**search, **files, **directors}


def machine_classes(profile: Profile) -> list[str]:
    """Every EC2 class of ``profile``."""
    classes = [profile.web.instance_class, profile.admin.instance_class, *further_classes(profile).values()]
    return list(dict.fromkeys(classes))


class _Resolver:
    def __init__(self, profile: Profile, target: Target, pinned: Mapping[str, Any]) -> None:
        self.profile = profile
        self.target = target
        self.aws: Aws = target.aws
        self.pinned = pinned

    def resolve(self) -> Lookups:
        web, admin = self._machine(self.profile.web.instance_class), self._machine(self.profile.admin.instance_class)
        engine, cache_version = self._database(), self._cache()
        folder = Deployment(self.target.deployment(self.profile.name)).folder
        keys.deploy_key(folder)
        return Lookups(
            account=self.target.account,
            region=self.target.region,
            target=self.target.name,
            zones=self._zones(engine.version),
            image_id_web=self._image("image_id_web", web.architecture, web_suite(self.profile.site.drupal)),
            image_id_admin=self._image("image_id_admin", admin.architecture),
            engine_version=engine.version,
            engine_family=engine.family,
            cache_version=cache_version,
            web_memory_mib=web.memory_mib,
            web_vcpu=web.vcpu,
            admin_memory_mib=admin.memory_mib,
            admin_vcpu=admin.vcpu,
            ssh_public_key=keys.deployment_key(folder).public,
            edge_prefix_list=self._edge(),
            hosted_zone=self._zone(),
            database_parameters=self._database_parameters(engine),
            cache_parameters=self._cache_parameters(cache_version),
            **self._further(),
        )

    def _further(self) -> dict[str, Any]:
        """Images and sizes of the machines beside web servers and admin node, where the profile has any."""
        found: dict[str, Any] = {}
        for name, instance_class in further_classes(self.profile).items():
            machine = self._machine(instance_class)
            found[f"image_id_{name}"] = self._image(f"image_id_{name}", machine.architecture)
            found |= {f"{name}_memory_mib": machine.memory_mib, f"{name}_vcpu": machine.vcpu}
        return found

    def _machine(self, name: str) -> offers.Machine:
        found = offers.machines(self.aws, [name]).get(name)
        if found is None or not found.architecture:
            raise UsageError(
                f"{self.target.region} does not offer the EC2 class {name}.", "Choose another class or region."
            )
        return found

    def _zones(self, version: str) -> tuple[str, str]:
        """Two zones that sell every class; the machines stand in the first, so EC2's word counts most."""
        if "zones" in self.pinned:
            first, second = self.pinned["zones"]
            return str(first), str(second)
        classes = machine_classes(self.profile)
        fitting = set(offers.zones(self.aws)).intersection(*offers.machine_zones(self.aws, classes).values())
        fitting &= offers.database_zones(
            self.aws, version, self.profile.database.instance_class, self.profile.database.engine
        )
        if len(fitting) < 2:
            raise UsageError(
                f"{self.target.region} has no two zones that offer {', '.join(classes)} "
                f"and {self.profile.database.instance_class}.",
                "Choose other classes or another region.",
            )
        first, second = sorted(fitting)[:2]
        return first, second

    def _image(self, name: str, architecture: str, suite: Suite = TRIXIE) -> str:
        """The pinned image as long as it is that Debian for the class's architecture, else Debian's current one."""
        pinned = str(self.pinned.get(name, ""))
        if pinned and offers.image_is(self.aws, pinned, architecture, suite.release):
            return pinned
        found = offers.debian_image(self.aws, architecture, suite.release)
        if not found:
            raise FailedError(
                f"{self.target.region} has no Debian {suite.release} image for {architecture}.",
                "Choose another region.",
            )
        return found

    def _database(self) -> offers.EngineVersion:
        """The newest version of which RDS sells the class: a new version may come to the small classes later."""
        engine = self.profile.database.engine
        if str(self.pinned.get("engine_family", "")).startswith(engine):
            return offers.EngineVersion(str(self.pinned["engine_version"]), str(self.pinned["engine_family"]))
        wish = self.profile.database.instance_class
        for version in offers.database_versions(self.aws, engine):
            if offers.database_zones(self.aws, version.version, wish, engine):
                return version
        raise UsageError(
            f"{self.target.region} does not offer {ENGINE_NAMES[engine]} on {wish}.",
            "Choose another database class or region.",
        )

    def _edge(self) -> str:
        if self.profile.edge.cdn == "none":
            return ""
        return str(self.pinned.get("edge_prefix_list", "")) or offers.edge_prefix_list(self.aws)

    def _zone(self) -> str:
        domain = self.profile.site.domain
        if self.profile.names.dns == "manual" or not domain:
            return ""
        found = offers.hosted_zone(self.aws, domain)
        if not found:
            raise UsageError(
                f"Route 53 has no public zone for {domain} in this account.",
                "If another account has the zone, use that account (aws.profile) or delegate the name to a zone here; "
                "or set names.dns=manual and lead the name yourself.",
            )
        return found

    def _cache(self) -> str:
        version = str(self.pinned.get("cache_version", "")) or offers.cache_version(self.aws)
        if not version:
            raise UsageError(f"{self.target.region} does not offer Memcached.", "Choose another region.")
        return version

    def _database_parameters(self, version: offers.EngineVersion) -> dict[str, str]:
        wish = self.profile.database
        names = database.parameters(wish.engine, version.version, wish.query_cache_mib)
        known = self._pinned_for("engine_family", version.family, "database_parameters")
        return _of_each(names, known, lambda: offers.database_parameters(self.aws, version.family))

    def _cache_parameters(self, version: str) -> dict[str, str]:
        known = self._pinned_for("cache_version", version, "cache_parameters")
        family = cache.parameter_family(version)
        return _of_each(cache.PARAMETERS, known, lambda: offers.cache_parameters(self.aws, family))

    def _pinned_for(self, subject: str, value: str, name: str) -> Mapping[str, str]:
        """A pinned answer, if it was given about the same ``subject``."""
        found: Mapping[str, str] = self.pinned.get(name, {}) if self.pinned.get(subject) == value else {}
        return found


def _of_each(names: Iterable[str], known: Mapping[str, str], ask: Callable[[], Mapping[str, str]]) -> dict[str, str]:
    """What the engine says of each of ``names``; it is asked when it was not asked about all of them before."""
    wanted = sorted(names)
    told = known if set(wanted) <= set(known) else ask()
    return {name: told.get(name, "unknown") for name in wanted}
