"""A role rendered with its settings into one deterministic bundle: manifest and files in a tar.

Equal inputs give equal bytes, so that the digest says whether two machines are meant to be the same. A bundle never
holds a secret: nodes fetch theirs by their role.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import jinja2

from provisioners import debian
from provisioners.engine.kinds import Child
from provisioners.nodes import role as roles
from provisioners.nodes import sizing

FORMAT = 1
"""Version of the manifest; the converge program travels with the bundle, so both always match."""


@dataclass(frozen=True)
class Bundle:
    """What is streamed to a node.

    :param manifest: the steps, complete: every default written out.
    :param files: content by the name the manifest calls it (``source``).
    """

    role: str
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]

    @cached_property
    def steps(self) -> tuple[Child, ...]:
        """The steps as rows of the plan's tree."""
        return tuple(Child(step["id"], step["label"]) for step in self.manifest["steps"])

    def to_bytes(self) -> bytes:
        """The bundle as an uncompressed tar (compressors differ between versions, tars do not)."""
        out = io.BytesIO()
        everything = {"manifest.json": json.dumps(self.manifest, sort_keys=True).encode(), **self.files}
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted(everything):
                member = tarfile.TarInfo(name)
                member.size = len(everything[name])
                member.mode = 0o600
                tar.addfile(member, io.BytesIO(everything[name]))
        return out.getvalue()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of :meth:`to_bytes`."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def outline(role: str, folder: Path = roles.ROLES) -> tuple[Child, ...]:
    """The steps a role will have, without settings: ids and labels are the same in every rendering."""
    first = [Child(step["id"], step["label"]) for step in _packages_step(role, folder, lambda _, name: name)]
    return (*first, *(Child(step.id, step.label) for _, part in roles.read(role, folder) for step in part.steps))


def render(role: str, settings: Mapping[str, Any], folder: Path = roles.ROLES) -> Bundle:
    """The bundle of ``role`` with ``settings`` (names a template may use); pure.

    ``role`` itself, the sizes that follow from ``memory_mib`` and ``vcpu`` (:mod:`provisioners.nodes.sizing`) and what
    follows from ``drupal``, where there is one (:mod:`provisioners.debian`), are added.

    Raises ``jinja2.UndefinedError`` when a template uses what the settings lack.
    """
    following = {**sizing.of_role(role, settings), **debian.facts(settings.get("drupal", ""))}
    settings = {"role": role, **following, **settings}
    steps = _packages_step(role, folder, lambda part, name: _text(name, _environment(part), settings))
    files: dict[str, bytes] = {}
    for part_folder, part in roles.read(role, folder):
        environment = _environment(part_folder)
        for raw in part.steps:
            step = roles.rendered(raw, partial(_text, environment=environment, settings=settings))
            steps.append(_manifest_step(step, part_folder, environment, settings, files))
    ids = [step["id"] for step in steps]
    if len(set(ids)) != len(ids):
        raise ValueError(f"role {role} and what it includes have two steps of the same id")
    return Bundle(role, {"format": FORMAT, "role": role, "steps": steps}, files)


def _packages_step(role: str, folder: Path, rendered: Callable[[Path, str], str]) -> list[dict[str, Any]]:
    """The one step that installs the packages of the role and of all it includes; none for a role without any.

    A name that is rendered to nothing is left out.
    """
    named = (rendered(place, package) for place, part in roles.read(role, folder) for package in part.packages)
    packages = dict.fromkeys(name for name in named if name)
    return [{"id": "packages", "label": "Packages", "kind": "packages", "packages": [*packages]}] if packages else []


def _text(text: str, environment: jinja2.Environment, settings: Mapping[str, Any]) -> str:
    """A string of a role rendered; most hold no expression, and compiling each would take most of the time."""
    return environment.from_string(text).render(settings) if "{" in text else text


@cache
def _environment(folder: Path) -> jinja2.Environment:
    # Configuration files are not HTML; what is quoted is quoted by the template in the file's own syntax.
    return jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _manifest_step(
    step: roles.Step,
    folder: Path,
    environment: jinja2.Environment,
    settings: Mapping[str, Any],
    files: dict[str, bytes],
) -> dict[str, Any]:
    base: dict[str, Any] = {"id": step.id, "label": step.label, "kind": step.kind}
    told = {"reload": list(step.reload), "restart": list(step.restart)}
    match step.kind:
        case "service":
            return {**base, "unit": step.service}
        case "check":
            return {**base, "run": list(step.check), "within": step.within}
        case "command":
            run = {"run": list(step.run), "unless": list(step.unless), "seconds": step.seconds}
            return {**base, **told, **run}
    paths = []
    for file in step.files:
        source = f"files{file.path}"
        if file.copy:
            files[source] = (folder / file.copy).read_bytes()
        else:
            files[source] = environment.get_template(file.template).render(settings).encode()
        owned = {"path": file.path, "owner": file.owner, "group": file.group, "mode": file.mode}
        paths.append({**owned, "source": source})
    return {
        **base,
        **told,
        "directories": [asdict(item) for item in step.directories],
        "files": paths,
        "links": [asdict(item) for item in step.links],
        "absent": list(step.absent),
        "validate": list(step.validate),
    }
