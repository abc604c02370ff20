"""Solr's release on a search node that has no way out: this side downloads it, once, and sends it."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from profiles import places
from tests.acceptance.operator import Operator
from tests.provisioners.nodes.test_every_role import archive

pytestmark = [pytest.mark.slow, pytest.mark.machines, pytest.mark.timeout(600)]


class _Mirror(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(archive())

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    """The address of an archive, on this machine's loopback: no machine of the sandbox can reach it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/solr.tgz"
    server.shutdown()
    server.server_close()
    for kept in places.cache_root().glob(f"solr-{SHA512[:16]}.tgz"):
        kept.unlink()


SHA512 = hashlib.sha512(archive()).hexdigest()


def wish(address: str) -> tuple[str, ...]:
    answers = ("search.kind=solr", f"search.archive={address}", f"search.sha512={SHA512}")
    return tuple(word for answer in answers for word in ("--set", answer))


def test_the_search_node_gets_its_release_from_here(operator: Operator, mirror: str) -> None:
    refused = operator.replay(*wish("http://127.0.0.1:9/solr.tgz"))
    assert refused.code == 2
    assert "cannot be downloaded from here" in refused.err + refused.out
    assert operator.journalled() == 0, "something was begun"

    operator.replay(*wish(mirror)).ok()
    asked = _Mirror.asked
    again = operator.replay(*wish(mirror)).ok()
    assert "unchanged" in again.out + again.err
    assert _Mirror.asked == asked, "a release that stands was asked for again"
    operator.run("destroy", "starter", "--yes").ok()
