"""The profile: everything a user decides about a deployment, and nothing secret.

Frozen and validated. Passwords, keys and tokens have no field here; they are generated and kept in Secrets Manager.
Each field carries its question (:mod:`profiles.questions`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from profiles.director import Director
from profiles.forms import NAME_PATTERN
from profiles.questions import Ask
from profiles.sections import (
    Admin,
    Aws,
    Balancer,
    Cache,
    Database,
    Edge,
    Monitoring,
    Names,
    Network,
    Protection,
    Section,
    Site,
    Storage,
    Traffic,
    Web,
)
from profiles.services import Files, Mail, Search

__all__ = ["NAME_PATTERN", "SCHEMA_VERSION", "Profile"]

SCHEMA_VERSION: Literal[1] = 1
"""Version of the profile's schema, written into every saved file as ``version``."""


class Profile(Section):
    """Everything a user decides about one deployment."""

    version: Literal[1] = SCHEMA_VERSION
    name: Annotated[
        str,
        Ask(
            "Name",
            "site",
            "Name of the deployment: lower case letters, digits and '-', 2 to 31 characters.",
            "the preset's name",
        ),
        Field(pattern=NAME_PATTERN, max_length=31),
    ] = "starter"
    target: Annotated[
        Literal["auto", "aws", "sandbox"],
        Ask(
            "Target",
            "target",
            "Your AWS account, or the sandbox on this machine.",
            "AWS when credentials are found, else the sandbox",
        ),
    ] = "auto"
    aws: Aws = Aws()
    site: Site = Site()
    traffic: Traffic = Traffic()
    network: Network = Network()
    web: Web = Web()
    admin: Admin = Admin()
    database: Database = Database()
    cache: Cache = Cache()
    storage: Storage = Storage()
    edge: Edge = Edge()
    balancer: Balancer = Balancer()
    director: Director = Director()
    names: Names = Names()
    search: Search = Search()
    files: Files = Files()
    mail: Mail = Mail()
    monitoring: Monitoring = Monitoring()
    protection: Protection = Protection()
