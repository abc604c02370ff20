"""The roles as a Chef cookbook: one recipe a role, generated from the same bundles that a converge applies.

A step becomes Chef's own resources: ``package``, ``directory``, ``cookbook_file``, ``template``, ``link``, ``file``,
``service``, and ``execute`` for a command of ours with its guard. A file that was rendered from a template is an ERB
template in which every plain setting is a node attribute; what depends on a choice (is there a balancer?) is fixed when
the cookbook is written. Equal profiles give equal cookbooks. ``docs/chef.md`` says what Chef does otherwise.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from provisioners.nodes import bundle, chef_texts, role, sizing
from provisioners.nodes.bundle import Bundle
from provisioners.nodes.chef_texts import COOKBOOK, resource, ruby

_RELOAD = "systemctl daemon-reload"

_FIXED = {"role", "drupal", "files_kind", "tls", "fpm_reason"}
"""Settings that decide about more than the text they stand in: another value needs another export."""

Lines = list[str]


class Cookbook:
    """A cookbook and its policy while they are written: content by path."""

    def __init__(self, name: str) -> None:
        """:param name: of the policy; the deployment's."""
        self._name = name
        self._files: dict[str, bytes] = {}
        self._attributes: dict[str, dict[str, Any]] = {}

    def add_role(self, name: str, settings: Mapping[str, Any]) -> None:
        """Add the recipe of a role, its checks, and everything they need."""
        settings = {"role": name, **sizing.of_role(name, settings), **settings}
        made = bundle.render(name, settings)
        sources = _Sources(name, settings, made)
        body: Lines = []
        checks: Lines = []
        for step in made.manifest["steps"]:
            lines = checks if step["kind"] == "check" else body
            lines += [f"# {step['label']}", *self._step(step, sources), ""]
        if any(f"execute[{_RELOAD}]" in line for line in body):
            body = [*resource("execute", _RELOAD, ["action :nothing"]), "", *body]
        purpose = role.read(name)[-1][1].purpose
        self._put(f"recipes/{name}.rb", chef_texts.recipe(f"Role {name}. {purpose}", body))
        if checks:
            self._put(f"recipes/{name}_checks.rb", chef_texts.recipe(f"What proves that role {name} works.", checks))

    def finish(self) -> dict[str, bytes]:
        """Everything, with metadata, attributes and the policy."""
        folder = f"cookbooks/{COOKBOOK}/recipes/"
        recipes = [path.removeprefix(folder)[:-3] for path in self._files if path.startswith(folder)]
        roles = sorted(name for name in recipes if not name.endswith("_checks"))
        self._put("metadata.rb", chef_texts.metadata())
        self._put("attributes/default.rb", chef_texts.attributes(self._attributes))
        self._put("README.md", chef_texts.readme(self._name, roles))
        self._files["Policyfile.rb"] = chef_texts.policy(self._name, roles).encode()
        return dict(sorted(self._files.items()))

    def _put(self, path: str, content: str | bytes) -> None:
        self._files[f"cookbooks/{COOKBOOK}/{path}"] = content.encode() if isinstance(content, str) else content

    # -- one step, by its kind ---------------------------------------------------------------------------------------

    def _step(self, step: Mapping[str, Any], sources: _Sources) -> Lines:
        match step["kind"]:
            case "packages":
                options = ["options '--no-install-recommends'"]
                return [line for name in step["packages"] for line in resource("package", name, options)]
            case "service":
                return resource("service", step["unit"], ["action [:enable, :start]"])
            case "check":
                tries = [f"retries {max(1, int(step['within']))}", "retry_delay 1"]
                return resource("execute", step["id"], [_command(step["run"]), *tries])
            case "command":
                guard = [f"not_if {ruby(shlex.join(step['unless']))}"] if step["unless"] else []
                limit = f"timeout {int(step['seconds'])}"
                return resource("execute", step["id"], [_command(step["run"]), limit, *guard, *_told(step)])
        return self._paths(step, sources)

    def _paths(self, step: Mapping[str, Any], sources: _Sources) -> Lines:
        notes = self._notes(step)
        known = {item["path"] for item in step["directories"]}
        parents = {str(PurePosixPath(item["path"]).parent) for item in step["files"]} - known
        lines: Lines = []
        for item in step["directories"]:
            lines += resource("directory", item["path"], [*_owned(item), "recursive true"])
        for parent in sorted(parents):
            lines += resource("directory", parent, ["recursive true"])
        if step["validate"]:
            lines += resource("execute", f"validate {step['id']}", [_command(step["validate"]), "action :nothing"])
        for item in step["files"]:
            lines += self._file(item, sources, notes)
        for item in step["links"]:
            lines += resource("link", item["path"], [f"to {ruby(item['to'])}", *notes])
        for path in step["absent"]:
            lines += resource("file", path, ["action :delete", *notes])
        return lines

    def _notes(self, step: Mapping[str, Any]) -> Lines:
        """Whom a changed file tells: systemd at once, then its own server whether it is valid, then the services."""
        notes = []
        if any(item["path"].startswith("/etc/systemd/system/") for item in step["files"]):
            notes.append(f"notifies :run, 'execute[{_RELOAD}]', :immediately")
        if step["validate"]:
            validation = ruby(f"execute[validate {step['id']}]")
            notes.append(f"notifies :run, {validation}, :delayed")
        return notes + _told(step)

    def _file(self, item: Mapping[str, Any], sources: _Sources, notes: Lines) -> Lines:
        name = f"{sources.role}{item['path']}"
        text, used = sources.of(item["source"])
        if not used:
            self._put(f"files/{name}", sources.made.files[item["source"]])
            return resource("cookbook_file", item["path"], [f"source {ruby(name)}", *_owned(item), *notes])
        self._put(f"templates/{name}.erb", text)
        self._attributes.setdefault(sources.role, {}).update({key: sources.settings[key] for key in used})
        values = ", ".join(f"{key}: node['{COOKBOOK}']['{sources.role}']['{key}']" for key in sorted(used))
        about = [f"source {ruby(f'{name}.erb')}", f"variables({values})"]
        return resource("template", item["path"], [*about, *_owned(item), *notes])


class _Sources:
    """Which settings stand in a role's files as they are, found by rendering the role with marks in their places."""

    def __init__(self, name: str, settings: Mapping[str, Any], made: Bundle) -> None:
        self.role, self.settings, self.made = name, settings, made
        marks = _marks(settings)
        self._plain: dict[str, dict[str, Any]] = {}
        for key, mark in marks.items():
            marked = bundle.render(name, {**settings, key: mark}).files
            for source, content in marked.items():
                there = str(mark).encode()
                if there in content and content.replace(there, str(settings[key]).encode()) == made.files[source]:
                    self._plain.setdefault(source, {})[key] = mark
        together = {key: mark for used in self._plain.values() for key, mark in used.items()}
        self._marked = bundle.render(name, {**settings, **together}).files

    def of(self, source: str) -> tuple[str, Sequence[str]]:
        """The ERB text of a file and the settings in it; no settings for a file that has none."""
        used = self._plain.get(source, {})
        text = self._marked[source].decode().replace("<%", "<%%") if used else ""
        for key, mark in used.items():
            text = text.replace(str(mark), f"<%= @{key} %>")
        back = text.replace("<%%", "<%")
        for key in used:
            back = back.replace(f"<%= @{key} %>", str(self.settings[key]))
        # Two settings that stand plainly one by one and not together (a choice between them) are fixed.
        return (text, sorted(used)) if back.encode() == self.made.files[source] else ("", [])


def _marks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A mark for each plain text and number that no text of ours contains by accident."""
    marks: dict[str, Any] = {}
    for number, (key, value) in enumerate(sorted(settings.items())):
        if key in _FIXED:
            continue
        if isinstance(value, str) and value:
            marks[key] = f"zqAttribute{number:03}qz"
        elif isinstance(value, int) and not isinstance(value, bool):
            marks[key] = 70_400_400_000 + number
    return marks


def _command(argv: Iterable[str]) -> str:
    return f"command {ruby(shlex.join(argv))}"


def _owned(item: Mapping[str, Any]) -> Lines:
    return [f"owner {ruby(item['owner'])}", f"group {ruby(item['group'])}", f"mode {ruby(item['mode'])}"]


def _told(step: Mapping[str, Any]) -> Lines:
    return [
        f"notifies :{verb}, {ruby(f'service[{unit}]')}, :delayed"
        for verb in ("reload", "restart")
        for unit in step[verb]
    ]
