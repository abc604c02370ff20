"""Solr's release: whence it comes, and that nothing but the pinned one is ever unpacked."""

import fnmatch
import hashlib
import importlib.util
import io
import json
import tarfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from profiles.errors import FailedError, UsageError
from provisioners.nodes import bundle, role, solr
from tests.provisioners.nodes.settings import SETTINGS


def archive() -> bytes:
    """The shape of Apache's archive: one folder with bin/solr in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in (("bin/solr", b"#!/bin/sh\n"), ("docs/index.html", b"x")):
            member = tarfile.TarInfo(f"solr-{solr.VERSION}/{name}")
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


ARCHIVE = archive()
SHA512 = hashlib.sha512(ARCHIVE).hexdigest()


class _Mirror(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/solr.tgz" else 404)
        self.send_header("Content-Length", str(len(ARCHIVE)))
        self.end_headers()
        self.wfile.write(ARCHIVE)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/solr.tgz"
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """drucloud's cache folder."""
    monkeypatch.setenv("DRUCLOUD_CACHE", str(tmp_path / "operator"))
    return tmp_path / "operator"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The node's program with its folders below ``tmp_path``."""
    path = role.ROLES / "search" / "solr_archive.py"
    spec = importlib.util.spec_from_file_location("solr_archive", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, folder in (("CACHE", "cache"), ("OPT", "opt"), ("CONFIGURATION", "data")):
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(module, name, tmp_path / folder)
    monkeypatch.setattr(module, "SETTINGS", tmp_path / "solr.json")
    return module


def wanted(program: ModuleType, url: str, sha512: str = SHA512) -> None:
    settings = {"address": "10.0.0.1", "sha512": sha512, "url": url, "version": solr.VERSION}
    program.SETTINGS.write_text(json.dumps(settings))


def test_the_archive_is_downloaded_verified_and_unpacked_once(program: ModuleType, mirror: str) -> None:
    wanted(program, mirror)
    assert program.main(check=True) == 1
    assert program.main(check=False) == 0
    assert (program.OPT / "solr" / "bin" / "solr").is_file()
    assert not (program.OPT / "solr" / "docs").exists()
    assert program.main(check=True) == 0
    assert list(program.CACHE.iterdir()) == []


def test_a_wrong_archive_is_never_unpacked(program: ModuleType, mirror: str) -> None:
    wanted(program, mirror, "0" * 128)
    with pytest.raises(program.ArchiveError, match="not the pinned"):
        program.main(check=False)
    assert list(program.OPT.iterdir()) == []
    assert list(program.CACHE.iterdir()) == []


def test_an_archive_that_lies_there_is_not_downloaded(program: ModuleType) -> None:
    wanted(program, "http://127.0.0.1:9/unreachable")
    (program.CACHE / f"solr-{solr.VERSION}.tgz").write_bytes(ARCHIVE)
    assert program.main(check=False) == 0


def test_without_an_archive_it_says_what_to_do(program: ModuleType) -> None:
    wanted(program, "http://127.0.0.1:9/unreachable")
    with pytest.raises(program.ArchiveError, match=r"cannot be downloaded.*search\.archive"):
        program.main(check=False)


def test_a_broken_configuration_is_found_before_solr_reads_it(program: ModuleType) -> None:
    wanted(program, "")
    (program.CONFIGURATION / "schema.xml").write_text("<schema>")
    with pytest.raises(program.ArchiveError, match=r"schema\.xml"):
        program.validate()


def test_our_own_configuration_is_whole(program: ModuleType) -> None:
    program.CONFIGURATION.rmdir()
    program.CONFIGURATION.symlink_to(role.ROLES / "search")
    wanted(program, "")
    assert program.validate() == 0


def test_a_file_here_goes_before_the_address(cache: Path, tmp_path: Path) -> None:
    assert solr.local_archive("", SHA512) is None
    assert solr.settings("", "")["solr_url"] == solr.URL
    assert solr.settings("https://mirror.example/solr.tgz", "")["solr_url"] == "https://mirror.example/solr.tgz"
    cached = cache / f"solr-{solr.VERSION}.tgz"
    cached.write_bytes(ARCHIVE)
    assert solr.local_archive(str(cached), SHA512) == cached
    assert solr.local_archive("https://mirror.example/solr.tgz", SHA512) is None
    with pytest.raises(UsageError, match="not the pinned"):
        solr.local_archive("", "")
    with pytest.raises(UsageError, match="no Solr archive"):
        solr.local_archive(str(tmp_path / "missing.tgz"), "")


def test_it_is_downloaded_here_once_for_machines_without_a_way_out(cache: Path, mirror: str) -> None:
    said: list[str] = []
    solr.check_reachable(mirror, SHA512)
    path = solr.download(mirror, SHA512, said.append)
    assert path.read_bytes() == ARCHIVE
    assert said == [f"downloading solr-{solr.VERSION}.tgz: 0 MiB of 0"]
    assert solr.local_archive("", SHA512) == path
    gone = mirror.replace("solr.tgz", "gone")
    solr.check_reachable(gone, SHA512)
    assert solr.download(gone, SHA512, said.append) == path
    assert len(said) == 1
    # Another release than Apache's does not stand in its place.
    assert solr.local_archive("", "") is None


def test_a_wrong_download_is_not_kept(cache: Path, mirror: str) -> None:
    with pytest.raises(UsageError, match="not the pinned"):
        solr.download(mirror, "", print)
    assert list(cache.iterdir()) == []


def test_a_stopped_download_leaves_nothing(cache: Path, mirror: str) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solr.download(mirror, SHA512, stop)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("path", ["/gone.tgz", "unreachable"])
def test_what_cannot_be_downloaded_is_said_with_a_way_on(cache: Path, mirror: str, path: str) -> None:
    url = "http://127.0.0.1:9/" if path == "unreachable" else mirror.replace("/solr.tgz", path)
    for attempt in (lambda: solr.check_reachable(url, SHA512), lambda: solr.download(url, SHA512, print)):
        with pytest.raises(FailedError, match="cannot be downloaded from here") as raised:
            attempt()
        assert "search.archive" in raised.value.do and str(cache) in raised.value.do
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("boost_document", "pfloat"),
        ("boost_term", "weighted_words"),
        ("ss_type", "string"),
        ("sm_context_tags", "string"),
        ("bs_status", "boolean"),
        ("its_nid", "plong"),
        ("ds_created", "pdate"),
        ("access_node_grants", "pint"),
        ("tm_X3b_en_body", "text_en"),
        ("tos_X3b_pt_X2d_br_title", "text_pt_br"),
        ("tum_X3b_de_body", "text_und"),
        ("ts_X3b_ja_title", "text_und"),
        ("tcngramm_X3b_und_title", "text_ngram"),
        ("sort_X3b_de_title", "sorted_de"),
        ("sort_X3b_ja_title", "sorted_und"),
        ("spellcheck_und", "text_und"),
        ("twm_suggest", "text_und"),
        ("nobody_knows_this", "ignored"),
    ],
)
def test_the_schema_has_the_fields_that_drupal_writes(field: str, kind: str) -> None:
    """Names of search_api_solr 4.3, seen in its requests to a real Solr; the longest pattern decides, as in Solr."""
    made = bundle.render("search", SETTINGS["search"])
    schema = ElementTree.fromstring(made.files["files/srv/solr/data/configsets/drucloud/conf/schema.xml"])
    patterns = {one.attrib["name"]: one.attrib["type"] for one in schema if one.tag in ("field", "dynamicField")}
    fitting = [pattern for pattern in patterns if fnmatch.fnmatchcase(field, pattern)]
    assert patterns[max(fitting, key=len)] == kind
    assert kind in {one.attrib["name"] for one in schema if one.tag == "fieldType"}
