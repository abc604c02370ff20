"""Profiles as YAML files: load, find, change, save."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from profiles import sizing, yaml_writer
from profiles.errors import ProfileError
from profiles.model import NAME_PATTERN, SCHEMA_VERSION, Profile
from profiles.places import config_root
from profiles.questions import by_key, parse
from profiles.yaml_reader import MAX_BYTES, nearest, read

_PRESETS = Path(__file__).parent / "presets"
_BY_SIZE = ("starter", "standard", "lvs", "drucloud", "classic")


def load(path: Path) -> Profile:
    """The profile in a file; raises ``ProfileError`` that names file, line, key and the nearest valid key."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions.") from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path} is not a text file.", "A profile is YAML in UTF-8.") from None
    return loads(text, source=str(path))


def loads(text: str, source: str = "the profile") -> Profile:
    """The profile in ``text``; ``source`` is what it is called in errors."""
    try:
        return Profile.model_validate(read(text, source, SCHEMA_VERSION))
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"])
        raise ProfileError(f"{source}: {key or 'the profile'} is not valid: {detail['msg']}.", "Correct it.") from None


def apply(profile: Profile, values: Mapping[str, str]) -> Profile:
    """``profile`` with dotted keys set from text (``--set web.instance_class=t4g.medium``).

    Setting the traffic sets the sizes that suit it, except those that ``values`` sets itself.
    """
    changed = _with(profile, values)
    if any(key.startswith("traffic.") for key in values):
        proposed = sizing.for_profile(changed).settings
        changed = _with(changed, {key: text for key, text in proposed.items() if key not in values})
    return changed


def _with(profile: Profile, values: Mapping[str, str]) -> Profile:
    data = profile.model_dump()
    for key, text in values.items():
        if key not in by_key():
            raise ProfileError(f"There is no key '{key}'.", nearest(key, list(by_key())))
        *section, name = key.split(".")
        target: dict[str, Any] = data[section[0]] if section else data
        target[name] = parse(by_key()[key], text)
    return Profile.model_validate(data)


def dumps(profile: Profile) -> str:
    """``profile`` as YAML with every key, each explained by its question; equal profiles give equal text."""
    return yaml_writer.fresh(profile)


def save(profile: Profile, path: Path) -> None:
    """Write ``profile`` to ``path``: atomically, readable by its owner only, comments of an existing file kept."""
    text = dumps(profile)
    if path.exists():
        load(path)  # never overwrite something that is not a profile
        text = yaml_writer.updated(path.read_text(encoding="utf-8-sig"), profile)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def saved_path(name: str) -> Path:
    """Where a saved profile called ``name`` lives; raises ``ProfileError`` for what cannot be a name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ProfileError(f"{name!r} cannot be a profile's name.", "Use lower case letters, digits and '-'.")
    return config_root() / "profiles" / f"{name}.yaml"


def saved() -> list[str]:
    """Names of the saved profiles."""
    return _names(config_root() / "profiles")


def presets() -> list[str]:
    """Names of the presets that come with drucloud, the smallest stack first."""
    return sorted(
        _names(_PRESETS), key=lambda name: (_BY_SIZE.index(name) if name in _BY_SIZE else len(_BY_SIZE), name)
    )


def about(preset: str) -> str:
    """What a preset builds, in a few words: the first line of its file, a comment."""
    with (_PRESETS / f"{preset}.yaml").open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def resolve(name_or_path: str) -> Path:
    """The file meant by a path, a saved profile's name or a preset's name, in this order."""
    if (path := Path(name_or_path)).is_file():
        return path
    if name_or_path in saved():
        return saved_path(name_or_path)
    if name_or_path in presets():
        return _PRESETS / f"{name_or_path}.yaml"
    if path.is_dir():
        raise ProfileError(f"{path} is a folder.", "Name the profile's file in it.")
    raise ProfileError(
        f"There is no profile '{name_or_path}': neither a file, nor a saved profile, nor a preset.",
        nearest(name_or_path, sorted({*saved(), *presets()})),
    )
