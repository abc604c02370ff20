"""Roles that need more than one machine: shared files, search, what stands before two web servers, the pre-warmer."""

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from profiles.errors import FailedError
from provisioners.nodes import bundle, solr
from provisioners.sandbox.machines.choice import choose

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

pytestmark = [
    pytest.mark.machines,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("fleet-machines"),
]

MACHINES = ("files", "files2", "web", "web2", "balancer", "edge", "admin", "search")

PAGE = """<?php
header('Cache-Control: public, max-age=900');
header('Vary: Cookie');
if ($_SERVER['REQUEST_URI'] === '/who') {
    header('Cache-Control: no-store, private');
}
echo json_encode([
    'address' => $_SERVER['REMOTE_ADDR'],
    'scheme' => $_SERVER['REQUEST_SCHEME'],
    'forwarded' => $_SERVER['HTTP_X_FORWARDED_FOR'] ?: '',
    'server' => gethostname(),
]);
"""

SOLR = """#!/usr/bin/python3
# Not Solr: as much of its start script as the role needs to be proven without the release.
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"status":"OK"}')
settings = dict(line.split('=', 1) for line in open(os.environ['SOLR_INCLUDE']).read().splitlines() if '=' in line[:20])
open('/srv/solr/data/drupal/written', 'w').close()
try:
    open('/etc/escaped', 'w')
    sys.exit('it can write outside its folders')
except OSError:
    http.server.HTTPServer((settings['SOLR_JETTY_HOST'], 8983), Answer).serve_forever()
"""


def web_settings(name: str) -> dict[str, Any]:
    from tests.provisioners.nodes.lab import SETTINGS

    hops = {"proxy_hops": 2, "trusted_proxies": ["10.42.0.0/16"]}
    return {**SETTINGS["web2"], **hops, "private_address": name}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from concurrent.futures import ThreadPoolExecutor

    from tests.provisioners.nodes.lab import lab as made

    with made(tmp_path_factory.mktemp("fleet"), MACHINES) as standing:
        with ThreadPoolExecutor(2) as pool:  # both halves of the pair wait for each other
            assert all(done.changed for done in pool.map(standing.converge, ("files", "files2")))
        for name in ("web", "web2"):
            standing.converge(name, bundle.render("web", web_settings(name)))
            release = "/srv/site/releases/one/web"
            standing.sh(name, f"mkdir -p {release} && cat > {release}/index.php", PAGE.encode())
            standing.sh(name, "ln -sfn releases/one /srv/site/current; systemctl reload php8.4-fpm nginx")
        for name in ("balancer", "edge", "admin"):
            standing.converge(name)
        yield standing


# -- shared files ------------------------------------------------------------------------------------------------------


def test_the_pair_and_the_mounts_do_not_change_again(lab: "Lab") -> None:
    assert set(lab.converge("files2").steps.values()) == {"ok"}
    assert set(lab.converge("web", bundle.render("web", web_settings("web"))).steps.values()) == {"ok"}


def test_a_file_written_by_one_web_server_is_read_by_the_other(lab: "Lab") -> None:
    lab.sh("web", "su -s /bin/sh www-data -c 'echo shared > /srv/site/shared/files/a.txt'")
    assert lab.sh("web2", "cat /srv/site/shared/files/a.txt") == "shared"


def test_servers_that_share_files_get_one_certificate_whichever_of_them_is_asked(lab: "Lab") -> None:
    from tests.provisioners.nodes.lab import ADDRESSES, VPC
    from tests.provisioners.nodes.test_machines import ACME_SERVER

    name, directory = "www.fleet.example", "https://localhost:14000/dir"
    tls = {"tls": "acme", "domain_name": name, "acme_server": directory}
    servers = ("web", "web2")
    try:
        for server in servers:
            lab.converge(server, bundle.render("web", {**web_settings(server), **tls}))
        lab.host.set_names(VPC, {name: ADDRESSES["web2"]})  # the server asks there, and the first has asked for it
        lab.sh("web", "apt-get -qq -y install pebble >/dev/null")
        lab.sh("web", ACME_SERVER)
        renew = "/usr/lib/drucloud/certificate --renew"
        assert "has a trusted certificate" in lab.sh("web", f"REQUESTS_CA_BUNDLE=/tmp/acme.pem {renew}")
        assert "has a trusted certificate" in lab.sh("web2", renew), "it reaches no ACME server, and need not"
        look = f"openssl s_client -connect 127.0.0.1:443 -servername {name} </dev/null 2>/dev/null"
        until = time.monotonic() + 30
        while True:  # after a reload nginx's old workers may still take a connection
            found = {lab.sh(server, f"{look} | openssl x509 -noout -issuer -fingerprint") for server in servers}
            if (len(found) == 1 and "Pebble" in min(found)) or time.monotonic() > until:
                break
            time.sleep(0.5)
        assert len(found) == 1 and "Pebble" in min(found)
        assert {lab.sh(server, renew) for server in servers} == {"trusted certificate in use"}
        assert "Permission denied" in lab.sh("web2", "su -s /bin/sh www-data -c 'ls /srv/site/shared/tls' 2>&1 || true")
    finally:
        lab.sh("web", "systemctl stop pebble-test 2>/dev/null || true")
        for server in servers:
            lab.sh(server, "rm -rf /etc/drucloud/tls/redirect.map /srv/site/shared/tls /srv/site/shared/acme")
            lab.converge(server, bundle.render("web", web_settings(server)))


def test_with_one_copy_down_files_are_still_there_and_heal_afterwards(lab: "Lab") -> None:
    lab.host.stop("files")
    lab.sh("web", "timeout 60 su -s /bin/sh www-data -c 'echo later > /srv/site/shared/files/b.txt'")
    code, out = lab.host.execute("files2", ["/usr/lib/drucloud/gluster-pair", "--health"])
    assert code == 1, out
    lab.host.start(next(spec for spec in lab.specs if spec.name == "files"))
    lab.converge("files")
    assert lab.sh("files", "cat /srv/gluster/files/brick/files/b.txt") == "later"
    assert lab.sh("files", "/usr/lib/drucloud/gluster-pair --health") == "2 copies, nothing to heal"


# -- search ------------------------------------------------------------------------------------------------------------


def test_without_an_archive_search_stands_up_to_it(lab: "Lab") -> None:
    with pytest.raises(FailedError, match=r"solr-archive failed: .*search\.archive"):
        lab.converge("search")
    assert lab.sh("search", "java -version 2>&1 | head -1").startswith('openjdk version "21')
    assert lab.sh("search", "stat -c '%U %a' /srv/solr/data") == "solr 750"


def test_with_an_archive_the_service_is_confined_and_answers_on_the_private_address(lab: "Lab") -> None:
    import hashlib

    from tests.provisioners.nodes.lab import SETTINGS

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"solr-{solr.VERSION}/bin/solr")
        member.size, member.mode = len(SOLR), 0o755
        tar.addfile(member, io.BytesIO(SOLR.encode()))
    archive = out.getvalue()
    lab.sh("search", f"install -m 600 /dev/stdin /var/cache/drucloud/solr-{solr.VERSION}.tgz", archive)
    wanted = bundle.render("search", {**SETTINGS["search"], **solr.settings("", hashlib.sha512(archive).hexdigest())})
    assert lab.converge("search", wanted).changed
    assert set(lab.converge("search", wanted).steps.values()) == {"ok"}
    assert lab.sh("search", "ss -Hltn sport = :8983 | awk '{print $4}'") == "10.42.2.12:8983"
    assert lab.sh("search", "stat -c %U /srv/solr/data/drupal/written") == "solr"


# -- balancer and edge -------------------------------------------------------------------------------------------------


def ask(lab: "Lab", place: str, path: str, *options: str) -> tuple[dict[str, str], str]:
    """Headers and body of an answer, asked from the admin node."""
    from tests.provisioners.nodes.lab import ADDRESSES

    quoted = " ".join(f"'{option}'" for option in options)
    out = lab.sh("admin", f"curl -sS -D- {quoted} 'http://{ADDRESSES[place]}{path}'").replace("\r", "")
    head, _, body = out.partition("\n\n")
    lines = [line.partition(":") for line in head.splitlines()[1:]]
    return {name.lower(): value.strip() for name, _, value in lines}, body


def test_the_balancer_spreads_and_leaves_out_what_is_not_well(lab: "Lab") -> None:
    servers = {json.loads(ask(lab, "balancer", "/who")[1])["server"] for _ in range(10)}
    assert servers == {"web", "web2"}
    lab.sh("web2", "systemctl stop nginx")
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and "DOWN" not in lab.sh(
            "balancer", "journalctl -q -o cat -u haproxy | tail -3"
        ):
            time.sleep(0.5)
        assert {json.loads(ask(lab, "balancer", "/who")[1])["server"] for _ in range(6)} == {"web"}
    finally:
        lab.sh("web2", "systemctl start nginx")


def test_php_sees_the_visitor_and_not_what_he_claims(lab: "Lab") -> None:
    from tests.provisioners.nodes.lab import ADDRESSES

    seen = json.loads(ask(lab, "edge", "/who", "-H", "X-Forwarded-For: 1.2.3.4", "-H", "X-Forwarded-Proto: https")[1])
    assert seen["address"] == ADDRESSES["admin"]
    assert (seen["scheme"], seen["forwarded"]) == ("http", "")


def test_the_edge_keeps_what_is_public_and_says_so_as_cloudfront_does(lab: "Lab") -> None:
    first, _ = ask(lab, "edge", "/?edge=1", "-H", "Cookie: _ga=1")
    second, _ = ask(lab, "edge", "/?edge=1", "-H", "Cookie: _ga=2")
    assert (first["x-cache"], second["x-cache"]) == ("Miss from cloudfront", "Hit from cloudfront")
    assert int(second["age"]) >= 0
    assert second["x-amz-cf-pop"]
    assert "Cookie" in second["vary"]


@pytest.mark.parametrize(("path", "cookie"), [("/who", ""), ("/user/login", ""), ("/who", "SESSabc=1")])
def test_the_edge_never_keeps_what_is_for_one_person(lab: "Lab", path: str, cookie: str) -> None:
    options = ("-H", f"Cookie: {cookie}") if cookie else ()
    assert [ask(lab, "edge", path, *options)[0]["x-cache"] for _ in range(2)] == ["Miss from cloudfront"] * 2


# -- the pre-warmer ----------------------------------------------------------------------------------------------------

INDEX = '<sitemapindex xmlns="x"><sitemap><loc>http://site.example/more.xml.gz</loc></sitemap></sitemapindex>'
ROBOTS = "User-agent: *\nDisallow: /hidden\nSitemap: http://site.example/sitemap.xml\n"


@pytest.fixture(scope="module")
def warmer(lab: "Lab") -> "Lab":
    from tests.provisioners.nodes.lab import ADDRESSES

    addresses = [f"http://site.example/page/{number}" for number in range(30)]
    addresses += ["http://site.example/hidden", "http://other.example/page", "http://site.example/who"]
    urls = "".join(f"<url><loc>{address}</loc></url>" for address in addresses)
    for name in ("web", "web2"):
        root = "/srv/site/current/web"
        lab.sh(name, f"cat > {root}/sitemap.xml", INDEX.encode())
        lab.sh(name, f"gzip -c > {root}/more.xml.gz", f'<urlset xmlns="x">{urls}</urlset>'.encode())
        lab.sh(name, f"cat > {root}/robots.txt", ROBOTS.encode())
    settings = {
        "domain_name": "site.example",
        "tls": "none",
        "warm_front": ADDRESSES["edge"],
        "warm_nodes": [ADDRESSES["web"], ADDRESSES["web2"]],
        "warm_scheme": "http",
    }
    wanted = bundle.render("warmer", settings)
    assert lab.converge("admin", wanted).changed
    assert set(lab.converge("admin", wanted).steps.values()) == {"ok"}
    return lab


def warm(lab: "Lab") -> dict[str, Any]:
    lab.sh("admin", "systemctl start --wait drucloud-warm.service")
    out = lab.sh("admin", "journalctl -q -o cat -u drucloud-warm.service --invocation=0")
    found: dict[str, Any] = json.loads([line for line in out.splitlines() if line.startswith("{")][-1])
    return found


def test_every_cache_is_warm_after_it_and_fresh_pages_are_not_asked_for_again(warmer: "Lab") -> None:
    from tests.provisioners.nodes.lab import ADDRESSES

    first = warm(warmer)
    assert first["complete"]
    assert first["pages"] == 32  # thirty, the front page and /who; not the forbidden one, not another site's
    assert first["places"] == {
        ADDRESSES["web"]: {"warmed": 31, "not kept": 1},
        ADDRESSES["web2"]: {"warmed": 31, "not kept": 1},
        ADDRESSES["edge"]: {"warmed": 31, "not kept": 1},
    }
    for place, header, hit in (("web2", "x-micro-cache", "HIT"), ("edge", "x-cache", "Hit from cloudfront")):
        assert ask(warmer, place, "/page/29", "-H", "Host: site.example")[0][header] == hit
    again = warm(warmer)
    assert {counts["fresh"] for counts in again["places"].values()} == {31}


def test_a_run_that_is_cut_off_goes_on_where_it_was(warmer: "Lab") -> None:
    memory, service = "/var/lib/private/drucloud-warm/state.json", "drucloud-warm.service"
    warmer.sh("admin", f'rm -f {memory}; sed -i \'s/"per_second": 20/"per_second": 4/\' /etc/drucloud/warm.json')
    warmer.sh("admin", f"systemctl start --no-block {service}")
    until = time.monotonic() + 60
    lines = f"journalctl -q -o cat -u {service} --invocation=0"
    while "pages" not in warmer.sh("admin", lines) and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(2)  # some of its 93 pages, which take it 23 s
    warmer.sh("admin", f"systemctl stop {service}")
    state = json.loads(warmer.sh("admin", f"cat {memory}"))
    assert 0 < len(state) < 93
    rest = warm(warmer)
    done = sum(counts.get("warmed", 0) + counts.get("there already", 0) for counts in rest["places"].values())
    assert done == 93 - len(state)
