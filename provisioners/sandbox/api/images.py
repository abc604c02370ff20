"""Debian's own AMIs and the public SSM parameters that name them, as in every AWS region.

Source: "Debian 13 (trixie) on Amazon EC2", and the same of 12, wiki.debian.org/Cloud/AmazonEC2Image: owner
136693071363, parameters below
``/aws/service/debian/release/``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.amis import Ami, AmiBackend
from moto.ssm.models import Parameter, ParameterDict

from provisioners.debian import SUITES, TRIXIE
from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import World

OWNER = "136693071363"
RELEASES = {suite.release: suite.codename for suite in SUITES}
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
"""Debian's name of an architecture: EC2's."""
_PREFIX = "/aws/service/debian/release"
_BUILT = datetime(2026, 11, 2, tzinfo=UTC)
ROOT_GIB = 8
"""Size of the image's root volume."""


def image_id(region: str, release: str, architecture: str) -> str:
    """The id of Debian's AMI in ``region``; stable, so that a pinned id stays good over a restart."""
    return "ami-0" + hashlib.sha256(f"{region}/{release}/{architecture}".encode()).hexdigest()[:16]


def codename(image: Any) -> str:
    """Which Debian an AMI of Debian's own is; the usual one for any other."""
    release = str(image.name).removeprefix("debian-").partition("-")[0] if image is not None else ""
    return RELEASES.get(release, TRIXIE.codename)


@around(AmiBackend, "_load_amis")
def _load_amis(_: World, original: Callable[[], None], backend: Any) -> None:
    """Debian's AMIs instead of moto's list of a thousand others."""
    for release, name in RELEASES.items():
        for debian, ec2 in ARCHITECTURES.items():
            ami_id = image_id(backend.region_name, release, debian)
            backend.amis[ami_id] = Ami(
                backend,
                ami_id,
                name=f"debian-{release}-{debian}-{_BUILT:%Y%m%d}-0000",
                description=f"Debian {release} ({name})",
                owner_id=OWNER,
                public=True,
                virtualization_type="hvm",
                architecture=ec2,
                creation_date=_BUILT,
                hypervisor="xen",
                root_device_type="ebs",
                root_device_name="/dev/xvda",
                image_location=f"amazon/debian-{release}-{debian}",
                region_name=f"{backend.region_name}a",
            )


@around(ParameterDict, "_check_loading_status")
def _parameters(_: World, original: Callable[[str], None], parameters: Any, key: str) -> None:
    original(key)
    if not str(key or "").startswith(_PREFIX):
        return
    for release in RELEASES:
        for debian in ARCHITECTURES:
            name = f"{_PREFIX}/{release}/latest/{debian}"
            if not dict.get(parameters, name):
                value = image_id(parameters.region_name, release, debian)
                dict.__setitem__(parameters, name, [_parameter(parameters.account_id, name, value)])


def _parameter(account: str, name: str, value: str) -> Parameter:
    return Parameter(  # type: ignore[abstract]  # moto leaves two CloudFormation methods out
        account_id=account,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=_BUILT,
        version=1,
        data_type="aws:ec2:image",
    )
