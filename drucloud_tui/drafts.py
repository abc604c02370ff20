"""The wizard's unfinished answers, and the profiles it saves."""

from __future__ import annotations

import json
import os
from pathlib import Path

from profiles import store
from profiles.errors import UsageError
from profiles.model import NAME_PATTERN, Profile
from profiles.places import config_root
from screens.services import Draft


def _path() -> Path:
    return config_root() / "draft.json"


def load() -> Draft | None:
    """What was left half way; ``None`` when nothing was, or when it cannot be read any more."""
    try:
        data = json.loads(_path().read_text(encoding="utf-8"))
        return Draft(answers=dict(data["answers"]), step=str(data["step"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # a draft is a convenience: an unreadable one is as good as none


def save(draft: Draft) -> None:
    """Keep ``draft``: atomic, 0600."""
    fresh = _path().with_suffix(f".{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump({"answers": dict(draft.answers), "step": draft.step}, out)
    fresh.replace(_path())


def drop() -> None:
    """Forget the draft."""
    _path().unlink(missing_ok=True)


def save_profile(profile: Profile, name: str) -> Path:
    """Save ``profile`` under ``name`` beside the others and return where."""
    import re

    if not re.match(NAME_PATTERN, name):
        raise UsageError(f"'{name}' is no name for a profile.", "Use lower case letters, digits and '-'.")
    path = config_root() / "profiles" / f"{name}.yaml"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    store.save(profile, path)
    return path
