"""The exported cookbook: whole, the same each time, and on a machine byte for byte what a converge makes."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from profiles import store
from profiles.errors import UsageError
from provisioners.nodes import bundle, chef, chef_export
from provisioners.nodes.chef_texts import attributes, ruby
from provisioners.sandbox.machines.choice import choose
from tests.provisioners.nodes.settings import SETTINGS

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

SHIM = Path(__file__).parent / "itamae_shim.rb"


def of(name: str) -> dict[str, bytes]:
    made = chef.Cookbook("starter")
    made.add_role(name, SETTINGS[name])
    return made.finish()


@pytest.fixture(scope="module")
def standard() -> dict[str, bytes]:
    return chef_export.cookbook(store.load(store.resolve("standard")))


def test_a_profile_gives_every_role_once_and_the_same_bytes(standard: dict[str, bytes]) -> None:
    assert {"web", "admin", "warmer"} <= {Path(path).stem for path in standard if "/recipes/" in path}
    assert chef_export.cookbook(store.load(store.resolve("standard"))) == standard
    for path in ("Policyfile.rb", "cookbooks/drucloud/metadata.rb", "cookbooks/drucloud/attributes/default.rb"):
        assert standard[path]


def test_every_source_of_a_recipe_is_in_the_cookbook(standard: dict[str, bytes]) -> None:
    used = set()
    for path, content in standard.items():
        if "/recipes/" in path:
            for kind, source in re.findall(r"^(cookbook_file|template) .*?\n  source '(.*?)'", content.decode(), re.M):
                used.add(f"cookbooks/drucloud/{'files' if kind == 'cookbook_file' else 'templates'}/{source}")
    assert used == {path for path in standard if "/files/" in path or "/templates/" in path}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_template_with_its_attributes_is_the_file(name: str) -> None:
    files = of(name)
    made = bundle.render(name, SETTINGS[name])
    line = rf"default\['drucloud'\]\['{name}'\]\['(\w+)'\] = (.*)"
    defaults = dict(re.findall(line, _text(files, "attributes/default")))
    for source, content in made.files.items():
        path = f"{name}{source.removeprefix('files')}"
        template = files.get(f"cookbooks/drucloud/templates/{path}.erb")
        if template is None:
            assert files[f"cookbooks/drucloud/files/{path}"] == content
            continue
        text = re.sub(r"<%= @(\w+) %>", lambda found: _plain(defaults[found[1]]), template.decode())
        assert text.replace("<%%", "<%").encode() == content


def _text(files: dict[str, bytes], name: str) -> str:
    return files[f"cookbooks/drucloud/{name}.rb"].decode()


def _plain(value: str) -> str:
    return value[1:-1].replace("\\'", "'").replace("\\\\", "\\") if value.startswith("'") else value


def test_plain_settings_are_attributes_and_choices_are_not() -> None:
    text = _text(of("web"), "attributes/default")
    assert "default['drucloud']['web']['micro_cache_seconds'] = 40" in text
    assert "['tls']" not in text
    assert "['micro_cache'] " not in text


def test_no_shell_where_chef_has_a_resource() -> None:
    recipe = _text(of("web"), "recipes/web")
    commands = re.findall(r"^  command '(.*)'$", recipe, re.M)
    steps = bundle.render("web", SETTINGS["web"]).manifest["steps"]
    own = {shlex.join(step["run"]) for step in steps if step["kind"] == "command"}
    checked = {shlex.join(step["validate"]) for step in steps if step["kind"] == "files"}
    assert set(commands) <= own | checked
    assert "bash '" not in recipe
    assert "file '/etc/php/8.4/fpm/pool.d/www.conf' do\n  action :delete" in recipe


@pytest.mark.parametrize("text", ["it's", "back\\slash", "#{system('id')}", "<%= 1 %>"])
def test_a_hostile_value_stays_text(text: str) -> None:
    assert attributes({"web": {"a": text}}).endswith(f"= {ruby(text)}\n")
    assert _plain(ruby(text)) == text


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(UsageError, match="not empty"):
        chef_export.write(store.load(store.resolve("starter")), tmp_path)


# -- on machines -------------------------------------------------------------------------------------------------------

machines = [
    pytest.mark.machines,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("chef-machines"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """For each role a machine that is converged; Ruby and itamae come to a second one like it."""
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from tests.provisioners.nodes.lab import lab as made

    with made(tmp_path_factory.mktemp("chef"), ("web", "web2")) as standing:
        standing.converge("web")
        standing.sh("web2", "apt-get -qq update && apt-get -qq -y install --no-install-recommends itamae >/dev/null")
        yield standing


class TestOnMachines:
    """The recipes, run by itamae through the shim, against a converge of the same role."""

    pytestmark = machines

    def test_the_recipe_makes_the_files_that_a_converge_makes(self, lab: "Lab", tmp_path: Path) -> None:
        from tests.provisioners.nodes.lab import SETTINGS as OF_LAB

        made = chef.Cookbook("starter")
        made.add_role("web", OF_LAB["web"])
        for name, content in made.finish().items():
            path = tmp_path / "chef" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        shutil.copy(SHIM, tmp_path / "chef")
        packed = subprocess.run(["tar", "-C", tmp_path, "-c", "chef"], capture_output=True, check=True).stdout
        lab.sh("web2", "tar -x -C /opt", packed)
        itamae = "cd /opt/chef && RUBYOPT=-r./itamae_shim.rb COOKBOOK=cookbooks/drucloud itamae local --no-color"
        out = lab.sh("web2", f"{itamae} cookbooks/drucloud/recipes/web.rb 2>&1")
        assert " ERROR : " not in out, out[-3000:]

        manifest = bundle.render("web", OF_LAB["web"]).manifest
        folders = [item["path"] for step in manifest["steps"] for item in step.get("directories", [])]
        paths = [*folders, *_files(manifest)]
        listing = f"stat -c '%n %F %a %U %G' {shlex.join(paths)}; sha256sum {shlex.join(sorted(set(_files(manifest))))}"
        assert lab.sh("web2", listing) == lab.sh("web", listing)
        gone = [path for step in manifest["steps"] for path in step.get("absent", [])]
        assert lab.sh("web2", f"ls {shlex.join(gone)} 2>/dev/null || true") == ""

        # What Chef made, a converge has nothing to do with; and a second run changes nothing.
        assert set(lab.converge("web2", bundle.render("web", OF_LAB["web"])).steps.values()) == {"ok"}
        again = lab.sh("web2", f"{itamae} cookbooks/drucloud/recipes/web.rb 2>&1")
        assert "will change" not in again, again[-3000:]

    def test_the_checks_hold(self, lab: "Lab") -> None:
        itamae = "cd /opt/chef && RUBYOPT=-r./itamae_shim.rb COOKBOOK=cookbooks/drucloud itamae local --no-color"
        out = lab.sh("web2", f"{itamae} cookbooks/drucloud/recipes/web_checks.rb 2>&1")
        assert " ERROR : " not in out


def _files(manifest: dict[str, object]) -> list[str]:
    return [item["path"] for step in manifest["steps"] for item in step.get("files", [])]  # type: ignore[attr-defined]
