"""A role: what a machine is to become, as data (``roles/<role>/role.yaml`` and its templates).

Every string of the file is a Jinja expression over the settings (undefined names are errors). A step is exactly one of:

===========  ===========================================================================================
``files``     (with ``directories``, ``links``, ``absent``) paths, ``validate`` by their own server,
              then ``reload`` or ``restart`` of the services that read them
``service``   a systemd unit that must be enabled and running
``run``       a command, ``unless`` another one says that it is done
``check``     a command that must succeed ``within`` seconds; changes nothing
===========  ===========================================================================================

``packages`` are Debian packages; those of all included roles are installed in one transaction, before the first step
(an empty name, from an expression, is none; so is a file whose source an expression makes empty).
``includes`` names roles whose steps come first.

Plain data classes, checked as they are made: also what a setting was rendered into is checked so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

ROLES = Path(__file__).parent / "roles"

_MODE = re.compile(r"[0-7]{4}")
_ID = re.compile(r"[a-z][a-z0-9-]*")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML was built with it: ten times as fast

T = TypeVar("T")


class RoleError(ValueError):
    """A role is not valid data; the text says what is wrong with which part of it."""


@dataclass(frozen=True)
class Folder:
    """A directory with its owner and mode."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0755"

    def __post_init__(self) -> None:
        _check_path(self.path)
        _check_mode(self.path, self.mode)


@dataclass(frozen=True)
class File:
    """A file from a ``template`` (rendered) or a ``copy`` (as it is), both beside the role's ``role.yaml``."""

    path: str
    template: str = ""
    copy: str = ""
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"

    def __post_init__(self) -> None:
        _check_path(self.path)
        _check_mode(self.path, self.mode)
        if bool(self.template) == bool(self.copy):
            raise RoleError(f"{self.path} needs either template or copy")


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    path: str
    to: str

    def __post_init__(self) -> None:
        _check_path(self.path)


@dataclass(frozen=True)
class Step:
    """One step of a role; see the module's table."""

    id: str
    label: str
    directories: tuple[Folder, ...] = ()
    files: tuple[File, ...] = ()
    links: tuple[Link, ...] = ()
    absent: tuple[str, ...] = ()
    validate: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    service: str = ""
    run: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    seconds: float = 900.0
    check: tuple[str, ...] = ()
    within: float = 20.0

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise RoleError(f"{self.id!r} is not a step's id (small letters, digits and hyphens)")
        for path in self.absent:
            _check_path(path)
        if len(self._kinds()) != 1:
            raise RoleError(f"step {self.id} must be exactly one of files, service, run, check")

    @property
    def kind(self) -> str:
        """What kind of step it is, in the manifest's words."""
        return self._kinds()[0]

    def _kinds(self) -> list[str]:
        given = {
            "files": self.directories or self.files or self.links or self.absent,
            "service": self.service,
            "command": self.run,
            "check": self.check,
        }
        return [kind for kind, value in given.items() if value]


@dataclass(frozen=True)
class Role:
    """A whole role. ``purpose`` says in one sentence what the machine is for."""

    purpose: str
    steps: tuple[Step, ...]
    includes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ids = [step.id for step in self.steps]
        if len(set(ids)) != len(ids):
            raise RoleError("two steps have the same id")

    @classmethod
    def of(cls, data: Any) -> Role:
        """``data``, as a YAML file has it, as a role; raises :class:`RoleError`."""
        return _made(cls, data)


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise RoleError(f"{path!r} is not an absolute path")


def _check_mode(path: str, mode: str) -> None:
    if not _MODE.fullmatch(mode):
        raise RoleError(f"{path}: {mode!r} is not a mode of four octal digits")


def _made(kind: type[T], data: Any) -> T:
    """A data class of this module from a mapping; a key that it does not know is refused, and one that is missing."""
    what = kind.__name__.lower()
    if not isinstance(data, Mapping):
        raise RoleError(f"{data!r} is not a {what}")
    types = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(str(key) for key in data if key not in types):
        raise RoleError(f"a {what} has no {', '.join(unknown)}: it has {', '.join(types)}")
    try:
        return kind(**{key: _READ[types[key]](value) for key, value in data.items()})
    except TypeError as error:
        raise RoleError(f"a {what} is not complete, or has a value of another type: {error}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text; quote it")
    return value


def _many(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    def read_all(values: Any) -> tuple[T, ...]:
        if not isinstance(values, list | tuple):
            raise TypeError(f"{values!r} is not a list")
        return tuple(read(value) for value in values)

    return read_all


_READ: Mapping[str, Callable[[Any], Any]] = {
    "str": _text,
    "float": float,
    "tuple[str, ...]": _many(_text),
    "tuple[Folder, ...]": _many(lambda data: _made(Folder, data)),
    "tuple[File, ...]": _many(lambda data: _made(File, data)),
    "tuple[Link, ...]": _many(lambda data: _made(Link, data)),
    "tuple[Step, ...]": _many(lambda data: _made(Step, data)),
}
"""How the value of a field is read, by the field's annotation."""


@cache
def read(name: str, roles: Path = ROLES) -> tuple[tuple[Path, Role], ...]:
    """The role called ``name`` after those it includes, each with its folder, unrendered.

    Raises ``KeyError`` for a role that is not there and :class:`RoleError` for one that is not valid.
    """
    folder = roles / name
    if not (folder / "role.yaml").is_file():
        raise KeyError(f"there is no role called {name}")
    try:
        role = Role.of(yaml.load((folder / "role.yaml").read_text(encoding="utf-8"), Loader=_LOADER))  # noqa: S506
    except RoleError as error:
        raise RoleError(f"role {name}: {error}") from error
    before = tuple(part for include in role.includes for part in read(include, roles))
    return (*before, (folder, role))


def rendered(step: Step, render: Callable[[str], str]) -> Step:
    """``step`` with ``render`` applied to every string in it; what comes out is checked like what was read."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return render(value)
        if isinstance(value, tuple):
            return tuple(walk(item) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            return type(value)(**{field.name: walk(getattr(value, field.name)) for field in fields(value)})
        return value

    files = tuple(file for file in step.files if render(file.template or file.copy))
    made: Step = walk(replace(step, files=files))
    return made
