"""What only the account can say, resolved once, pinned in the journal and then an input like the profile."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioners.target import TargetName

NOT_SETTABLE = ("fixed", "unknown")
"""What an engine may say of a parameter that it does not let anybody set."""


@dataclass(frozen=True)
class Lookups:
    """Answers of one account and region; :mod:`provisioners.aws.lookups` resolves them.

    :param zones: two availability zones (``us-east-1a``) that offer every class of the profile; web and admin node
        stand in the first.
    :param image_id_web: AMI of Debian 13 (12 for a Drupal 7) in the architecture of the web class; likewise
        ``image_id_admin``, always Debian 13.
    :param engine_version: full MariaDB version that RDS offers now, e.g. ``11.8.8``.
    :param engine_family: RDS's parameter group family of that version, e.g. ``mariadb11.8``.
    :param cache_version: Memcached version that ElastiCache offers now, e.g. ``1.6.22``.
    :param web_memory_mib: memory of the web class in MiB; likewise ``admin_memory_mib``.
    :param ssh_public_key: public half of the deployment's key pair, one line (``ssh-ed25519 AAAA…``).
    :param edge_prefix_list: id of AWS's list of the addresses from which CloudFront asks origins; empty without a CDN.
    :param image_id_search: likewise of the search node, ``image_id_files`` of the files servers,
        ``image_id_director`` of the LVS directors; empty without one.
    :param hosted_zone: id of the Route 53 zone that holds the domain; empty where drucloud leads no name here.
    :param database_parameters: what RDS says of each parameter that we set: ``dynamic`` or ``static`` when it can be
        set, ``fixed`` or ``unknown`` when not; likewise ``cache_parameters`` of ElastiCache.
    """

    account: str
    region: str
    target: TargetName
    zones: tuple[str, str]
    image_id_web: str
    image_id_admin: str
    engine_version: str
    engine_family: str
    cache_version: str
    web_memory_mib: int
    web_vcpu: int
    admin_memory_mib: int
    admin_vcpu: int
    ssh_public_key: str
    edge_prefix_list: str = ""
    hosted_zone: str = ""
    image_id_search: str = ""
    search_memory_mib: int = 0
    search_vcpu: int = 0
    image_id_files: str = ""
    files_memory_mib: int = 0
    files_vcpu: int = 0
    image_id_director: str = ""
    director_memory_mib: int = 0
    director_vcpu: int = 0
    database_parameters: Mapping[str, str] = field(default_factory=dict)
    cache_parameters: Mapping[str, str] = field(default_factory=dict)

    def settable(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Parameters without those that the engine does not let anybody set; before it was asked, all of them."""
        told = {**self.database_parameters, **self.cache_parameters}
        return {name: value for name, value in wanted.items() if told.get(name) not in NOT_SETTABLE}

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; one ``LookupPinned`` event a key."""
        return {**dataclasses.asdict(self), "zones": list(self.zones)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Lookups:
        """The reverse of :meth:`to_json`; raises ``TypeError`` when a key is missing or unknown."""
        first, second = data["zones"]
        return cls(**{**data, "zones": (first, second)})
