"""Drupal 7's rules of nginx on a real Debian 12, with a small PHP of our own that sends Drupal 7's headers."""

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from provisioners.nodes import bundle
from provisioners.sandbox.machines.choice import choose
from tests.provisioners.nodes.test_machines import Answer
from tests.provisioners.nodes.test_machines import get as visit

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

pytestmark = [
    pytest.mark.machines,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("node-machines"),
]

INDEX = r"""<?php
// As Drupal 7: Expires of 1978 first, then what may be kept (drupal_page_header, drupal_serve_page_from_cache).
define('DRUPAL_ROOT', getcwd());
$path = strtok($_SERVER['REQUEST_URI'], '?');
if (!isset($_GET['plain'])) {
  require '/etc/drucloud/settings.php';
}
if (!in_array($path, ['/mute', '/loud'])) {
  header('Expires: Sun, 19 Nov 1978 05:00:00 GMT');
}
$said = [
  '/private' => 'no-cache, must-revalidate', '/mute' => '', '/expires' => '', '/zero' => 'public, max-age=0',
  '/both' => 'public, max-age=900, private',
];
$control = $said[$path] ?? 'public, max-age=900';
if ($control !== '') {
  header("Cache-Control: $control");
}
header('Vary: Cookie');
if ($path === '/cookie') {
  header('Set-Cookie: visitor=1');
}
if ($path === '/missing') {
  http_response_code(404);
}
if (str_starts_with($path, '/sites/default/files/styles/')) {
  @mkdir(dirname(".$path"), 0775, TRUE);
  file_put_contents(".$path", 'a picture');
}
echo json_encode(['path' => $path, 'script' => $_SERVER['SCRIPT_NAME'], 'q' => $_SERVER['QUERY_STRING'],
  'php' => PHP_VERSION, 'secret' => $conf['file_private_path'] ?? '']);
"""
FILES = {
    "index.php": INDEX, "update.php": INDEX, "install.php": "<?php echo 'run';", "cron.php": "<?php echo 'run';",
    "xmlrpc.php": "<?php echo 'run';", "authorize.php": "<?php echo 'run';", "CHANGELOG.txt": "Drupal 7.105",
    "INSTALL.mysql.txt": "x", "web.config": "x", "robots.txt": "User-agent: *", "misc/drupal.js": "x",
    "includes/bootstrap.inc": "<?php", "includes/notes.html": "x", "scripts/run-tests.sh": "x",
    "modules/node/node.info": "x",
    "modules/node/node.module": "<?php", "modules/node/node.tpl.php": "<?php", "modules/node/node.test": "<?php",
    "sites/all/modules/views/README.txt": "x", "sites/all/modules/views/views.php": "<?php echo 'run';",
    "sites/default/default.settings.php": "<?php", "profiles/standard/standard.profile": "<?php", ".htaccess": "x",
    "themes/bartik/logo.png": "x", "sites/default/dump.sql": "x",
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """One web server on Debian 12 with the pretended site on it."""
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from tests.provisioners.nodes.lab import lab as made

    with made(tmp_path_factory.mktemp("lab"), ["web7"]) as standing:
        assert standing.converge("web7").changed
        for name, text in FILES.items():
            path = standing.folder / "work" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        standing.commit("As Drupal 7")
        for role in ("site-code", "site-release"):
            standing.converge("web7", site(standing, role))
        shared = "/srv/site/shared/files"
        for name in ("css/css_a.css", "advagg_js/js__b.js", "private/plan.txt", "backup_migrate/dump.gz", "evil.php"):
            standing.sh("web7", f"install -D -o www-data /dev/stdin {shared}/{name}", b"static")
        standing.sh("web7", f"chown -R www-data: {shared}; systemctl restart nginx")
        yield standing


def site(lab: "Lab", role: str) -> bundle.Bundle:
    return bundle.render(role, {**lab.site_settings, "docroot": ".", "drupal": "7"})


def get(lab: "Lab", target: str, *options: str) -> Answer:
    return visit(lab, target, *options, on="web7")


def test_it_is_debian_12_and_a_second_converge_changes_nothing(lab: "Lab") -> None:
    assert lab.sh("web7", ". /etc/os-release; echo $VERSION_CODENAME") == "bookworm"
    assert "nginx/1.22." in lab.sh("web7", "nginx -v 2>&1")
    assert '"php":"8.2.' in get(lab, "/version").body
    for role in (None, site(lab, "site-code"), site(lab, "site-release")):
        assert set(lab.converge("web7", role).steps.values()) == {"ok"}


@pytest.mark.parametrize("query", ["", "?plain=1"])
def test_a_page_is_kept_although_expires_comes_first(lab: "Lab", query: str) -> None:
    answers = [get(lab, f"/node/1{query}") for _ in range(2)]
    assert [answer.cache for answer in answers] == ["MISS", "HIT"]
    # What visitors and a CDN are told is Drupal's own; nginx's shorter time is nobody's business.
    assert answers[1].headers["cache-control"] == "public, max-age=900"
    assert answers[1].headers["expires"].endswith("1978 05:00:00 GMT")
    assert "x-accel-expires" not in answers[1].headers


def test_nginx_keeps_a_page_for_its_own_time_only(lab: "Lab") -> None:
    get(lab, "/node/2")
    found = lab.sh("web7", "grep -rlaF '/node/2' /dev/shm/nginx/drupal").splitlines()
    header = lab.sh("web7", f"od -An -tu8 -j8 -N8 {found[0]}")  # ngx_http_file_cache_header_t: valid_sec after version
    assert 0 < int(header) - time.time() <= 41


def test_a_page_that_is_missing_is_kept_as_it_says(lab: "Lab") -> None:
    assert [(a.code, a.cache) for a in (get(lab, "/missing") for _ in range(2))] == [(404, "MISS"), (404, "HIT")]


@pytest.mark.parametrize("path", ["/private", "/mute", "/expires", "/zero", "/both", "/cookie"])
@pytest.mark.parametrize("query", ["", "?plain=1"])
def test_what_is_not_said_to_be_public_is_never_kept(lab: "Lab", path: str, query: str) -> None:
    assert [get(lab, path + query).cache for _ in range(3)] == ["MISS"] * 3


def test_two_analytics_cookies_share_a_page(lab: "Lab") -> None:
    get(lab, "/?page=junk", "-H", "Cookie: _ga=GA1.2.3; has_js=1")
    assert get(lab, "/?page=junk&utm_source=x", "-H", "Cookie: _ga=GA9.8.7").cache == "HIT"


@pytest.mark.parametrize("cookie", ["SESSab12=x", "SSESSab12=x", "has_js=1; SESSab12=x", "NO_CACHE=1"])
def test_a_session_goes_by_the_cache(lab: "Lab", cookie: str) -> None:
    get(lab, "/node/3")
    assert [get(lab, "/node/3", "-H", f"Cookie: {cookie}").cache for _ in range(2)] == ["BYPASS"] * 2


@pytest.mark.parametrize(
    "target",
    ["/user", "/user/login", "/admin/content", "/de/user", "/node/add/page", "/node/7/edit", "/system/ajax",
     "/?q=user", "/?q=/user/login", "/index.php?q=admin/people", "/?page=1&q=node/7/edit", "/system/files/plan.txt",
     "/update.php"],
)  # fmt: skip
def test_paths_of_one_person_go_by_the_cache(lab: "Lab", target: str) -> None:
    assert [get(lab, target).cache for _ in range(2)] == ["BYPASS"] * 2


@pytest.mark.parametrize(
    "target",
    ["/install.php", "/cron.php", "/cron.php?cron_key=x", "/xmlrpc.php", "/authorize.php", "/CHANGELOG.txt",
     "/INSTALL.mysql.txt", "/web.config", "/includes/bootstrap.inc", "/includes/notes.html", "/scripts/run-tests.sh",
     "/modules/node/node.info", "/modules/node/node.module", "/modules/node/node.tpl.php", "/modules/node/node.test",
     "/sites/all/modules/views/README.txt", "/sites/all/modules/views/views.php", "/sites/default/settings.php",
     "/sites/default/default.settings.php", "/profiles/standard/standard.profile", "/.htaccess", "/.git/HEAD",
     "/sites/default/files/private/plan.txt", "/sites/default/files/backup_migrate/dump.gz",
     "/sites/default/files/evil.php", "/sites/default/dump.sql", "/index.php~", "/composer.json"],
)  # fmt: skip
def test_what_nobody_may_read_is_refused_by_nginx(lab: "Lab", target: str) -> None:
    answer = get(lab, target)
    assert (answer.code, answer.cache) == (404, "")
    assert "run" not in answer.body


@pytest.mark.parametrize("target", ["/a/clean/url", "/node/1.html", "/system/files/styles/x/plan.php"])
def test_clean_addresses_are_the_front_controllers(lab: "Lab", target: str) -> None:
    answer = get(lab, target)
    assert (answer.code, answer.cache != "") == (200, True)
    assert '"script":"\\/index.php"' in answer.body and '"secret":"\\/srv\\/site\\/shared\\/private"' in answer.body


@pytest.mark.parametrize(
    ("target", "control"),
    [
        ("/sites/default/files/css/css_a.css", "public, max-age=31536000, immutable"),
        ("/sites/default/files/advagg_js/js__b.js", "public, max-age=31536000, immutable"),
        ("/misc/drupal.js", "public, max-age=2592000"),
        ("/themes/bartik/logo.png", "public, max-age=2592000"),
    ],
)
def test_static_files_are_nginxs(lab: "Lab", target: str, control: str) -> None:
    answer = get(lab, target)
    assert (answer.code, answer.cache, answer.headers["cache-control"]) == (200, "", control)


def test_missing_aggregates_and_styles_are_made_by_php(lab: "Lab") -> None:
    style = "/sites/default/files/styles/thumbnail/public/a.png"
    first, second = get(lab, f"{style}?itok=x"), get(lab, f"{style}?itok=x")
    assert (first.cache, second.cache, second.body) == ("MISS", "", "a picture")
    assert second.headers["cache-control"] == "public, max-age=31536000"
    for folder in ("css", "js", "advagg_css", "advagg_js"):
        assert '"script":"\\/index.php"' in get(lab, f"/sites/default/files/{folder}/made__{folder}.css").body


def test_health_and_the_probe_answer(lab: "Lab") -> None:
    assert get(lab, "/healthz").body == "ok"
    assert lab.sh("web7", "/usr/lib/drucloud/probe --ping") == "PHP-FPM says pong"
    assert lab.sh("web7", "php -l /usr/lib/drucloud/drupal7.php | head -1") == (
        "No syntax errors detected in /usr/lib/drucloud/drupal7.php"
    )


def test_tls_is_valid_for_an_old_nginx_too(lab: "Lab") -> None:
    from tests.provisioners.nodes.lab import SETTINGS

    lab.converge("web7", bundle.render("web", {**SETTINGS["web7"], "tls": "acme", "domain_name": "www.site.example"}))
    try:
        got = "curl -sk --http2 -o /dev/null -w '%{http_code} %{http_version}' https://127.0.0.1/healthz"
        assert lab.sh("web7", got) == "200 2"
    finally:
        lab.converge("web7")
