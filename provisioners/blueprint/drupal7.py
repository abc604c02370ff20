"""A Drupal 7 as a legacy import: what of the architecture it cannot have."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.model import Profile
from provisioners.debian import LEGACY


def faults(profile: Profile) -> Iterator[tuple[str, str]]:
    """What of the profile a Drupal 7 cannot have, each with what to do instead.

    It writes its aggregates when it builds a page, not when one is asked for.
    """
    if profile.site.drupal != LEGACY:
        return
    if profile.web.scaling == "auto":
        yield "Drupal 7 is built on a fixed number of servers.", "Set web.scaling=fixed."
    if profile.web.servers > 1 and profile.files.kind == "none":
        yield (
            "Drupal 7 writes its CSS and JS aggregates as files while it builds a page: several web servers must share "
            "them.",
            "Set files.kind=efs, or web.servers=1.",
        )
    if profile.files.kind == "glusterfs":
        yield (
            "The GlusterFS of Debian 12, which web servers of a Drupal 7 run, is older than the pair's.",
            "Set files.kind=efs, or files.kind=none.",
        )
