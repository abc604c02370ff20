"""What a converge costs that changes nothing: the compiled program is kept, dpkg's list is read, little is imported."""

import json
import marshal
import subprocess
import sys
from pathlib import Path

import pytest

from provisioners.nodes import apply, bundle, converge
from tests.provisioners.nodes.settings import SETTINGS

SOURCE = b"print('from the source')"


def run(kept: Path, source: bytes = SOURCE, *options: str) -> str:
    """The boot code as root would run it, with ``kept`` in place of root's own folder."""
    boot = apply.BOOT.replace("/var/lib/drucloud/program", str(kept)).replace("os.geteuid() == 0", "True")
    argv = [sys.executable, "-I", "-S", "-c", boot, str(len(source)), *options]
    return subprocess.run(argv, input=source, capture_output=True, check=True, timeout=60).stdout.decode().strip()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "drucloud" / "program"


def test_the_compiled_program_is_kept_for_root_alone(kept: Path) -> None:
    assert run(kept) == "from the source"
    assert [path.name for path in kept.parent.iterdir()] == ["program"]
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    version, source, _ = marshal.loads(kept.read_bytes())
    assert (version, source) == (sys.version, SOURCE)


def test_it_is_used_for_the_very_same_source_and_python_only(kept: Path) -> None:
    code = compile("print('kept')", "converge", "exec")
    kept.parent.mkdir()
    kept.write_bytes(marshal.dumps((sys.version, SOURCE, code)))
    assert run(kept) == "kept"
    assert run(kept, SOURCE + b" ") == "from the source"
    kept.write_bytes(marshal.dumps(("3.0", SOURCE, code)))
    assert run(kept) == "from the source"


@pytest.mark.parametrize("content", [b"", b"(", b"no marshal", marshal.dumps((1,))])
def test_a_spoilt_one_is_made_again(kept: Path, content: bytes) -> None:
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert run(kept) == "from the source"
    assert marshal.loads(kept.read_bytes())[1] == SOURCE


def test_a_check_keeps_nothing(kept: Path) -> None:
    assert run(kept, SOURCE, "--check") == "from the source"
    assert not kept.parent.exists()


def test_where_nothing_can_be_kept_it_runs_all_the_same(kept: Path) -> None:
    kept.mkdir(parents=True)  # a folder cannot be replaced by a file, as a full disk cannot take one
    assert run(kept) == "from the source"
    assert list(kept.parent.iterdir()) == [kept]


# -- dpkg's list --------------------------------------------------------------------------------------------------

STATUS = """Package: base-files
Essential: yes
Status: install ok installed
Version: 13.8

Package: nginx
Status: install ok installed
Description: says
 Status: deinstall ok config-files

Package: cron
Status: deinstall ok config-files
Description: says
 Status: install ok installed

Package: half
Status: install ok half-configured

"""


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> set[str]:
    monkeypatch.setattr(converge, "DPKG", str(folder))
    events = converge.Events(1)
    return converge.Converge("/", True, {}, events)._installed(names)


def test_only_what_is_installed_and_configured_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "updates").mkdir()
    (tmp_path / "status").write_text(STATUS)
    wanted = ("base-files", "nginx", "cron", "half", "never-heard-of")
    assert installed(tmp_path, monkeypatch, *wanted) == {"base-files", "nginx"}


def test_an_interrupted_dpkg_is_asked_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates" / "0001").write_text("")
    (tmp_path / "status").write_text(STATUS)
    asked = tmp_path / "dpkg-query"
    asked.write_text("#!/bin/sh\nprintf 'nginx install ok unpacked\\ncron install ok installed\\n'\n")
    asked.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert installed(tmp_path, monkeypatch, "nginx", "cron") == {"cron"}


# -- the bundle, as the node reads it -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["web", "cache"])
def test_the_node_reads_the_bundle_that_was_written(role: str, tmp_path: Path) -> None:
    made = bundle.render(role, SETTINGS[role])
    written = tmp_path / "bundle"
    written.write_bytes(made.to_bytes())
    with written.open("rb") as stream:
        steps, files = converge.read_bundle(stream)
    assert (steps, files) == (json.loads(json.dumps(made.manifest))["steps"], made.files)


@pytest.mark.parametrize("length", [0, 300, 512, 900, 1024, 2000])
def test_a_bundle_that_was_cut_off_is_not_begun(length: int, tmp_path: Path) -> None:
    whole = bundle.render("cache", SETTINGS["cache"]).to_bytes()
    argv = [sys.executable, *apply.command(check=True)[1:], "--root", str(tmp_path)]
    done = subprocess.run(argv, input=apply.program() + whole[:length], capture_output=True, timeout=60)
    note, last = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1
    assert "the bundle" in note["note"]
    assert last == {"done": True, "changed": 0, "failed": 1}


# -- this side ------------------------------------------------------------------------------------------------------


def test_connecting_and_rendering_load_no_more_than_they_need() -> None:
    look = (
        "import sys; from provisioners.nodes import apply, bundle, ssh;"
        "heavy = {'asyncio', 'boto3', 'botocore', 'invoke', 'moto', 'pydantic', 'textual', 'unittest'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_whoever_wants_invoke_still_gets_it() -> None:
    look = "from provisioners.lean_paramiko import paramiko; import invoke; print(invoke.__name__)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "invoke"
