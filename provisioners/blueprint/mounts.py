"""How web servers mount the files they share; what they mount is made by :mod:`provisioners.blueprint.shared_files`."""

from __future__ import annotations

from typing import Any

from provisioners.blueprint.draft import Draft, GetAtt, Ref

PAIR = ("Files", "Files2")
"""What the two machines of a GlusterFS pair are called."""


def kind(draft: Draft) -> str:
    """``none``, ``efs`` or ``glusterfs``."""
    return draft.profile.files.kind


def web_settings(draft: Draft) -> dict[str, Any]:
    """Settings of the role ``web``."""
    if kind(draft) == "efs":
        return {"FilesKind": "efs", "FileSystemId": Ref("FileSystem")}
    return {"FilesKind": "gluster", "FilesServers": servers()} if kind(draft) == "glusterfs" else {}


def web_links(draft: Draft) -> list[str]:
    """What must stand before a web server mounts them."""
    if kind(draft) == "efs":
        return ["FilesTargetA", "FilesTargetB"]
    return [f"{who}Node" for who in PAIR] if kind(draft) == "glusterfs" else []


def servers() -> list[Any]:
    """Both addresses, in the same order for everybody."""
    return [GetAtt(f"{who}Server", "PrivateIp") for who in PAIR]
