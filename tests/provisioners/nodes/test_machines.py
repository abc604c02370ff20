"""The roles on real Debian machines: what they become, that a second converge changes nothing, what the cache does."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from profiles.errors import FailedError, ReachError
from provisioners.nodes import apply, bundle, keys
from provisioners.nodes.ssh import Connection
from provisioners.sandbox.machines.choice import choose

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

pytestmark = [
    pytest.mark.machines,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("node-machines"),
]

ROLES = ("cache", "database", "admin", "web")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    """Four machines as they booted, then each converged once, then the site."""
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from tests.provisioners.nodes.lab import lab as made

    with made(tmp_path_factory.mktemp("lab")) as standing:
        for role in ROLES:
            assert standing.converge(role).changed
        standing.converge("admin", bundle.render("site-database", standing.site_settings))
        standing.converge("web", bundle.render("site", standing.site_settings))
        yield standing


@dataclass(frozen=True)
class Answer:
    code: int
    cache: str
    headers: dict[str, str]
    body: str


def get(lab: "Lab", target: str, *options: str, on: str = "web") -> Answer:
    quoted = " ".join(f"'{option}'" for option in options)
    out = lab.sh(on, f"curl -sS -D- {quoted} 'http://127.0.0.1{target}'").replace("\r", "")
    head, _, body = out.partition("\n\n")
    first, *lines = head.splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers.get("x-micro-cache", ""), headers, body)


@pytest.mark.parametrize("role", ROLES)
def test_a_second_converge_changes_nothing(lab: "Lab", role: str) -> None:
    again = lab.converge(role)
    assert set(again.steps.values()) == {"ok"}


@pytest.mark.parametrize("role", ROLES)
def test_a_check_finds_nothing_to_do(lab: "Lab", role: str) -> None:
    assert set(lab.converge(role, check=True).steps.values()) == {"ok"}


def test_the_same_commit_changes_nothing(lab: "Lab") -> None:
    for machine, role in (("admin", "site-database"), ("web", "site")):
        assert set(lab.converge(machine, bundle.render(role, lab.site_settings)).steps.values()) == {"ok"}


def test_every_layer_works(lab: "Lab") -> None:
    answer = get(lab, "/canary.json")
    layers = {layer["layer"]: layer for layer in json.loads(answer.body)["layers"]}
    assert [name for name, layer in layers.items() if not layer["works"]] == []
    assert layers["Database"]["seen"].endswith("encrypted.")
    assert answer.code == 200


def test_the_probe_sees_what_a_worker_sees(lab: "Lab") -> None:
    get(lab, "/?warm=1")
    seen = json.loads(lab.sh("web", "/usr/lib/drucloud/probe"))
    assert seen["opcache"]["scripts"] >= 3
    assert seen["apcu"]["entries"] >= 1
    assert seen["memcached"]["round_trip"] is True
    assert [node["limit_maxbytes"] for node in seen["memcached"]["nodes"].values()] == [384 * 1024 * 1024]
    assert seen["database"]["isolation"] == "READ-COMMITTED"
    assert seen["database"]["tls"].startswith("TLS")
    assert seen["fpm"]["max children reached"] == 0
    assert "S1teS1te" not in json.dumps(seen)


# -- the micro-cache ---------------------------------------------------------------------------------------------------


def test_a_page_is_a_miss_then_a_hit(lab: "Lab") -> None:
    assert [get(lab, "/?page=hit").cache for _ in range(3)] == ["MISS", "HIT", "HIT"]


def test_a_random_cookie_shares_the_page_in_spite_of_vary(lab: "Lab") -> None:
    first = get(lab, "/?page=junk", "-H", "Cookie: _ga=GA1.2.3")
    assert first.headers["vary"].startswith("Cookie")
    assert get(lab, "/?page=junk", "-H", "Cookie: _ga=GA9.8.7; other=1").cache == "HIT"


@pytest.mark.parametrize("cookie", ["SESSab12=x", "SSESSab12=x", "a=b; SSESSab12=x", "NO_CACHE=1"])
def test_a_session_goes_by_the_cache(lab: "Lab", cookie: str) -> None:
    assert [get(lab, "/", "-H", f"Cookie: {cookie}").cache for _ in range(2)] == ["BYPASS", "BYPASS"]


@pytest.mark.parametrize("cookie", ["SESSION=x", "mySESSab=x", "x=SESSab12"])
def test_what_only_looks_like_a_session_does_not(lab: "Lab", cookie: str) -> None:
    get(lab, "/?page=looks")
    expected = "BYPASS" if cookie == "SESSION=x" else "HIT"  # PHP's own name begins alike: better too careful
    assert get(lab, "/?page=looks", "-H", f"Cookie: {cookie}").cache == expected


def test_a_private_page_is_never_kept(lab: "Lab") -> None:
    first, second = get(lab, "/private"), get(lab, "/private")
    assert (first.cache, second.cache) == ("MISS", "MISS")
    assert first.body != second.body


def test_a_page_that_sets_a_cookie_is_never_kept(lab: "Lab") -> None:
    answers = [get(lab, "/session") for _ in range(2)]
    assert [answer.cache for answer in answers] == ["MISS", "MISS"]
    assert answers[0].headers["set-cookie"] != answers[1].headers["set-cookie"]


def test_advertising_parameters_share_one_page(lab: "Lab") -> None:
    noisy = "utm_source=a&utm_medium=b&utm_campaign=c&utm_term=d&utm_content=e&gclid=f&fbclid=g"
    assert get(lab, f"/?page=noise&{noisy}").cache == "MISS"
    assert get(lab, "/?page=noise").cache == "HIT"
    assert get(lab, "/?gclid=1&page=noise&_ga=2").cache == "HIT"
    assert get(lab, "/?page=other").cache == "MISS"
    assert get(lab, "/?utm=kept&page=noise").cache == "MISS"


def test_a_head_first_does_not_leave_an_empty_page(lab: "Lab") -> None:
    assert get(lab, "/?page=head", "-I").code == 200
    answer = get(lab, "/?page=head")
    assert answer.cache == "HIT"
    assert "<h1>Canary</h1>" in answer.body


@pytest.mark.parametrize(
    "options", [("/", "-u", "a:b"), ("/user/login",), ("/de/user/login",), ("/admin",), ("/node/7/edit",), ("/cron/x",)]
)
def test_what_is_for_one_person_goes_by_the_cache(lab: "Lab", options: tuple[str, ...]) -> None:
    assert [get(lab, *options).cache for _ in range(2)] == ["BYPASS", "BYPASS"]


def test_a_post_is_not_kept(lab: "Lab") -> None:
    get(lab, "/?page=post", "-X", "POST", "-d", "a=b")
    assert get(lab, "/?page=post").cache == "MISS"


def test_a_missing_page_is_kept_shortly(lab: "Lab") -> None:
    assert [get(lab, "/nowhere").cache for _ in range(2)] == ["MISS", "HIT"]


def test_two_hosts_do_not_share(lab: "Lab") -> None:
    get(lab, "/?page=host")
    assert get(lab, "/?page=host", "-H", "Host: other.example").cache == "MISS"


# -- what nginx gives and what it does not -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/.git/config",
        "/.env",
        "/composer.json",
        "/README.md",
        "/core/CHANGELOG.txt",
        "/core/install.php",
        "/core/rebuild.php",
        "/xmlrpc.php",
        "/sites/default/settings.php",
        "/sites/default/services.yml",
        "/sites/default/files/x.php",
        "/sites/default/files/x.php/index.php",
        "/vendor/autoload.php",
        "/modules/contrib/a/a.module",
        "/index.php.bak",
        "/dump.sql",
        "/sites/default/files/private/secret.txt",
    ],
)
def test_what_is_never_served(lab: "Lab", path: str) -> None:
    answer = get(lab, path)
    assert answer.code == 404
    assert answer.cache == ""  # nginx itself said no; PHP was not asked


def test_static_files_live_as_long_as_their_names(lab: "Lab") -> None:
    assert get(lab, "/canary.css").headers["cache-control"] == "public, max-age=2592000"
    far = get(lab, "/sites/default/files/css/far-future.css")
    assert far.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert far.headers["x-content-type-options"] == "nosniff"


def test_a_missing_aggregate_is_made_by_php_and_not_called_immutable(lab: "Lab") -> None:
    answer = get(lab, "/sites/default/files/css/none.css?theme=x")
    assert answer.code == 404
    assert "immutable" not in answer.headers["cache-control"]
    assert answer.cache == "MISS"


def test_health_does_not_need_php(lab: "Lab") -> None:
    lab.sh("web", "systemctl stop php8.4-fpm")
    try:
        assert get(lab, "/healthz").body == "ok"
    finally:
        lab.sh("web", "systemctl start php8.4-fpm")


# -- failing well ------------------------------------------------------------------------------------------------------


def test_a_configuration_nginx_refuses_is_put_back(lab: "Lab") -> None:
    good = bundle.render("web", {**lab_settings(), "micro_cache_seconds": 40})
    source = "files/etc/nginx/drucloud/site.conf"
    broken = replace(good, files={**good.files, source: b"server { listen 80 default_server; nonsense on; }\n"})
    before = lab.sh("web", "sha256sum /etc/nginx/drucloud/*; pidof nginx")
    with pytest.raises(FailedError, match=r"nginx-configuration failed: .*nonsense.*last good files are back"):
        lab.converge("web", broken)
    assert lab.sh("web", "sha256sum /etc/nginx/drucloud/*; pidof nginx") == before
    assert lab.sh("web", "nginx -t 2>&1 | tail -1").endswith("test is successful")
    assert get(lab, "/").code == 200
    assert not lab.converge("web").changed


def test_a_changed_setting_reloads_and_does_not_restart(lab: "Lab") -> None:
    before = lab.sh("web", "systemctl show -p MainPID nginx")
    changed = lab.converge("web", bundle.render("web", {**lab_settings(), "micro_cache_seconds": 7}))
    assert {step for step, status in changed.steps.items() if status == "changed"} == {"nginx-configuration", "nginx"}
    assert lab.sh("web", "systemctl show -p MainPID nginx") == before
    assert lab.converge("web").changed


def test_without_the_micro_cache_php_answers_everything(lab: "Lab") -> None:
    lab.converge("web", bundle.render("web", {**lab_settings(), "micro_cache": False}))
    try:
        until = time.monotonic() + 10
        while get(lab, "/?page=off").cache and time.monotonic() < until:
            time.sleep(0.2)  # after a reload nginx's old workers may still take a connection
        assert [get(lab, "/?page=off").cache for _ in range(2)] == ["", ""]
        assert get(lab, "/?page=off").code == 200
    finally:
        lab.converge("web")


def test_a_new_commit_goes_live_and_the_cache_is_empty(lab: "Lab") -> None:
    get(lab, "/?page=release")
    page = lab.folder / "work" / "src" / "pages.php"
    page.write_text(page.read_text().replace("Every layer below this site works.", "All is well below."))
    commit = lab.commit("Other words")
    done = lab.converge("web", bundle.render("site", lab.site_settings))
    assert {step for step, status in done.steps.items() if status == "changed"} == {
        "site-release",
        "site-php",
        "site-purge",
        "site-workers",
        "site-pool",
    }
    answer = get(lab, "/?page=release")
    assert answer.cache == "MISS"
    assert "All is well below." in answer.body
    assert lab.sh("web", "readlink /srv/site/current") == f"releases/{commit}"


def test_another_git_host_key_is_refused(lab: "Lab") -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    wrong = bundle.render("site", {**lab.site_settings, "git_host_key": other})
    with pytest.raises(FailedError, match=r"site-release failed: .*[Hh]ost key"):
        lab.converge("web", wrong)
    lab.converge("web", bundle.render("site", lab.site_settings))
    assert get(lab, "/").code == 200


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_secrets_are_where_only_root_and_php_read(lab: "Lab") -> None:
    modes = lab.sh("web", "stat -c '%n %a %U %G' /etc/drucloud/*").splitlines()
    assert "/etc/drucloud/deploy_key 600 root root" in modes
    assert "/etc/drucloud/site.json 640 root www-data" in modes
    assert "/etc/drucloud/settings.php 440 root www-data" in modes
    found = lab.sh("web", "grep -rlE 'S1teS1te|OPENSSH PRIVATE' /etc /var /srv /run 2>/dev/null; true").splitlines()
    kept = {path for path in found if not path.startswith("/etc/ssh/ssh_host_")}
    assert kept == {"/etc/drucloud/deploy_key", "/etc/drucloud/site.json"}


def test_the_admin_node_keeps_no_password(lab: "Lab") -> None:
    assert lab.sh("admin", 'grep -rlE "S1teS1te|M\'a" /etc /var /run /root 2>/dev/null; true') == ""


def test_the_sites_user_has_no_power_beyond_its_database(lab: "Lab") -> None:
    grants = lab.sh("database", "mariadb -N -e \"SHOW GRANTS FOR 'site'@'%'\"")
    assert re.search(r"ON `site`\.\* TO", grants)
    assert "ALL PRIVILEGES" not in grants
    assert "GRANT OPTION" not in grants


def test_the_ssh_server_takes_keys_only(lab: "Lab") -> None:
    for machine, forwarding in (("admin", "local"), ("web", "no")):
        effective = lab.sh(machine, "/usr/sbin/sshd -T").lower().splitlines()
        assert {"passwordauthentication no", "permitrootlogin no", "allowusers admin"} <= set(effective)
        assert f"allowtcpforwarding {forwarding}" in effective


# -- over SSH ----------------------------------------------------------------------------------------------------------


class Inside:
    """Dials as the operator does: into the VPC."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab

    def dial(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        return self._lab.host.dial("", host, port, timeout)


def test_the_web_node_is_converged_through_the_admin_node(lab: "Lab", tmp_path: Path) -> None:
    from tests.provisioners.nodes.lab import ADDRESSES

    pair = keys.deployment_key(tmp_path)
    for name in ("admin", "web"):
        home = "/home/admin/.ssh"
        lab.sh(
            name,
            f"install -d -m 700 -o admin -g admin {home}; install -m 600 -o admin /dev/stdin {home}/authorized_keys",
            f"{pair.public}\n".encode(),
        )
    host_keys = {name: lab.sh(name, "cat /etc/ssh/ssh_host_ed25519_key.pub") for name in ("admin", "web")}
    events = []
    with (
        Connection.open(Inside(lab), ADDRESSES["admin"], host_keys["admin"], pair.path) as admin,
        Connection.open(Inside(lab), ADDRESSES["web"], host_keys["web"], pair.path, via=admin) as web,
    ):
        done = apply.apply(web, bundle.render("web", lab_settings()), on_event=events.append)
        assert web.run(["sudo", "-n", "/usr/lib/drucloud/probe", "--ping"]).text == "PHP-FPM says pong\n"
        with pytest.raises(ReachError, match="cannot reach"):
            web.channel(ADDRESSES["database"], 3306)  # only the admin node forwards
    assert set(done.steps.values()) == {"ok"}
    assert [event["step"] for event in events if event["status"] == "running"] == list(done.steps)


def lab_settings() -> dict[str, object]:
    from tests.provisioners.nodes.lab import SETTINGS

    return SETTINGS["web"]


# -- what the site's modules are told --------------------------------------------------------------------------------

TOLD = r"""<?php
function told(string $app_root): array {
  $drucloud = ['services' => [
    'search' => ['host' => '10.0.1.31'],
    'files' => ['bucket' => 'b', 'domain' => 'd', 'region' => 'r'],
    'purge' => ['distribution' => 'E1', 'header' => 'Cache-Tag'],
    'mail' => ['domain' => 'm', 'region' => 'r'],
  ]];
  $settings = ['config_sync_directory' => '../config/sync'];
  $config = [];
  require '/etc/drucloud/services.php';
  return [$settings, $config, isset($drucloud_has)];
}
$root = sys_get_temp_dir() . '/' . bin2hex(random_bytes(8));
foreach (['search_api_solr', 's3fs', 'cloudfront_purger'] as $module) {
  mkdir("$root/web/modules/contrib/$module", 0755, TRUE);
}
mkdir("$root/vendor/symfony/amazon-mailer", 0755, TRUE);
mkdir("$root/config/sync", 0755, TRUE);
file_put_contents("$root/config/sync/search_api.server.own.yml", "id: own\nbackend: search_api_solr\n");
file_put_contents("$root/config/sync/search_api.server.db.yml", "id: db\nbackend: search_api_db\n");
echo json_encode([told("$root/web"), told('/nothing')]);
"""


def test_each_module_in_the_code_is_told_what_was_built(lab: "Lab") -> None:
    (settings, config, left), (nothing, little, _) = json.loads(lab.sh("web", "php", TOLD.encode()))
    assert nothing == {"config_sync_directory": "../config/sync"}
    assert little == {"automated_cron.settings": {"interval": 0}}
    assert settings["s3fs.use_s3_for_public"] and settings["s3fs.upload_as_private"] and not left
    assert {name for name in config if name.startswith("search_api")} == {
        "search_api.server.solr",
        "search_api.server.own",
    }
    assert config["search_api.server.own"]["backend_config"]["connector_config"]["host"] == "10.0.1.31"
    assert config["s3fs.settings"]["bucket"] == "b" and config["s3fs.settings"]["public_folder"] == "s3fs-public"
    assert config["cloudfront_purger.settings"] == {"distribution_id": "E1", "disabled": False}
    assert config["cloudfront_purger_tags.settings"] == {"cache_tag_header_name": "Cache-Tag"}
    assert config["system.mail"]["mailer_dsn"]["scheme"] == "ses+api"


# -- maintenance -------------------------------------------------------------------------------------------------------

TWO_LOCKS = """
import importlib.machinery, importlib.util, json, pathlib
loader = importlib.machinery.SourceFileLoader("cron", "/usr/lib/drucloud/cron")
cron = importlib.util.module_from_spec(importlib.util.spec_from_loader("cron", loader))
loader.exec_module(cron)
site = json.loads(pathlib.Path("/etc/drucloud/site.json").read_text())
first, second = cron.Lock(site), cron.Lock(site)
seen = [first.held, second.held]
first.close()
third = cron.Lock(site)
print([*seen, third.held])
"""


def test_cron_runs_on_one_web_server_only(lab: "Lab") -> None:
    assert lab.sh("web", "python3 -", TWO_LOCKS.encode()) == "[True, False, True]"
    assert lab.sh("web", "/usr/lib/drucloud/cron") == "not a Drupal site: nothing to run"
    assert lab.sh("web", "systemctl is-active drucloud-cron.timer") == "active"


def test_the_pool_is_measured_on_the_live_release(lab: "Lab") -> None:
    state = json.loads(lab.sh("web", "cat /var/lib/drucloud/workers.json"))
    assert state["release"] == lab.sh("web", "basename $(readlink /srv/site/current)")
    assert f"pm.max_children = {state['children']}" in lab.sh("web", "php-fpm8.4 -tt 2>&1")


DECLARED = b"<?php echo json_encode(opcache_get_status(false)['preload_statistics']['classes'] ?? []);"
TOOL = """
import importlib.machinery
def tool(name):
    return importlib.machinery.SourceFileLoader(name, f"/usr/lib/drucloud/{name}").load_module()
"""
ASK = f"{TOOL}print(tool('probe').ask('/run/declared.php', '/run/declared.php'))"
TAKE = f"""{TOOL}preload = tool("preload")
try:
    preload.take(str(preload.CURRENT.resolve()), ["/run/broken.php"], "localhost")
except preload.PreloadError as error:
    print(error)
"""
# What the trial could declare is broken by the time FPM reads it.
TAKE_LATE = TAKE.replace(
    "try:",
    """file, reload = preload.pathlib.Path("/run/broken.php"), preload.reload
file.write_text("<?php class Whole {}")
def late():
    file.write_text("<?php class Broken {")
    preload.reload = reload
    reload()
preload.reload = late
try:""",
)


def declared(lab: "Lab") -> list[str]:
    """Classes that FPM declared when it started, asked over its own socket."""
    lab.sh("web", "cat >/run/declared.php", DECLARED)
    return list(json.loads(lab.sh("web", "python3 -Wi -", ASK.encode())))


def test_classes_are_declared_beforehand_until_another_release_comes(lab: "Lab") -> None:
    """On the canary made up as a Drupal; what it saves is measured on a real one."""
    preload, core = "/usr/lib/drucloud/preload", "/srv/site/current/web/core"
    assert lab.sh("web", preload) == "not a Drupal site of today: nothing to declare beforehand"
    lab.sh("web", f"mkdir -p {core}/lib && echo '<?php class Drupal {{}}' >{core}/lib/Drupal.php")
    try:
        get(lab, "/canary.json")
        assert lab.sh("web", f"{preload} --check; echo $?") == "1"
        assert lab.sh("web", preload) == "1 files of classes"
        assert sorted(declared(lab)) == ["Canary\\Finding", "Canary\\Probes"]
        assert get(lab, "/canary.json?again").code == 200
        assert lab.sh("web", f"{preload} --check") == "1 files of classes"
        assert lab.sh("web", f"{preload} --more") == "1 files of classes, and nothing worth adding"

        # What PHP cannot declare is not put before FPM.
        lab.sh("web", f"{preload} --forget; echo '<?php class Broken {{' >/run/broken.php")
        assert lab.sh("web", "python3 -Wi -", TAKE.encode()).startswith("PHP cannot declare them")
        assert declared(lab) == [] and get(lab, "/canary.json?still").code == 200
        assert lab.sh("web", "python3 -Wi -", TAKE_LATE.encode()).startswith("with them the site answered 50")
        assert declared(lab) == [] and get(lab, "/canary.json?once-more").code == 200

        # Another release forgets them before it goes live.
        lab.sh("web", f"{preload} --forget")
        assert lab.sh("web", preload) == "1 files of classes"
        (lab.folder / "work" / "web" / "other.txt").write_text("Another release.")
        lab.commit("Another release")
        lab.converge("web", bundle.render("site-release", lab.site_settings))
        assert declared(lab) == []
        assert "list.json" not in lab.sh("web", "ls /var/lib/drucloud-preload")
    finally:
        lab.sh("web", f"rm -rf {core} /run/declared.php /run/broken.php /var/lib/drucloud-preload")
        lab.converge("web", bundle.render("site", lab.site_settings))


def test_logs_rotate_and_restarts_have_their_minute(lab: "Lab") -> None:
    for machine in ("web", "admin"):
        lab.sh(machine, "logrotate --debug /etc/logrotate.conf")
        assert 'Automatic-Reboot-Time "03:17"' in lab.sh(machine, "apt-config dump")


def test_the_admin_node_translates_addresses(lab: "Lab") -> None:
    assert "masquerade" in lab.sh("admin", "nft list ruleset")
    assert lab.sh("admin", "cat /proc/sys/net/ipv4/ip_forward") == "1"
    from tests.provisioners.nodes.lab import SETTINGS

    lab.converge("admin", bundle.render("admin", {**SETTINGS["admin"], "nat": False}))
    assert "masquerade" not in lab.sh("admin", "nft list ruleset")
    assert lab.sh("admin", "cat /proc/sys/net/ipv4/ip_forward") == "0"
    assert lab.converge("admin").changed


# -- TLS on the node ---------------------------------------------------------------------------------------------------


def test_tls_begins_self_signed_and_ends_trusted(lab: "Lab") -> None:
    from tests.provisioners.nodes.lab import ADDRESSES

    name, directory = "www.site.example", "https://localhost:14000/dir"
    tls = {**lab_settings(), "tls": "acme", "domain_name": name, "acme_server": directory}
    lab.converge("web", bundle.render("web", tls))
    try:
        there = f"--resolve {name}:443:127.0.0.1 --resolve {name}:80:127.0.0.1"
        assert lab.sh("web", f"curl -sk {there} -o /dev/null -w '%{{http_code}}' https://{name}/healthz") == "200"
        assert "does not lead to this machine" in lab.sh("web", "/usr/lib/drucloud/certificate --renew")
        assert lab.sh("web", f"curl -s {there} -o /dev/null -w '%{{http_code}}' http://{name}/") == "200"

        lab.host.set_names("vpc-nodes", {name: ADDRESSES["web"]})
        lab.sh("web", "apt-get -qq -y install pebble >/dev/null")
        lab.sh("web", ACME_SERVER)
        out = lab.sh("web", "REQUESTS_CA_BUNDLE=/tmp/acme.pem /usr/lib/drucloud/certificate --renew")
        assert "has a trusted certificate" in out
        visit = f"curl -s {there} -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://{name}/a?b=c"
        until = time.monotonic() + 60
        while (first := lab.sh("web", visit)).startswith(("200", "404")) and time.monotonic() < until:
            time.sleep(0.2)  # after a reload nginx's old workers may still take a connection
        assert first == f"301 https://{name}/a?b=c"
        issuer = f"openssl s_client -connect 127.0.0.1:443 -servername {name} </dev/null 2>/dev/null | grep issuer"
        assert "Pebble" in lab.sh("web", issuer)
        assert lab.sh("web", "/usr/lib/drucloud/certificate --renew") == "trusted certificate in use"
        assert not lab.converge("web", bundle.render("web", tls)).changed
    finally:
        lab.sh("web", "rm -f /etc/drucloud/tls/redirect.map; systemctl stop pebble-test 2>/dev/null || true")
        lab.converge("web")


ACME_SERVER = """
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout /tmp/acme.key -out /tmp/acme.pem 2>/dev/null
cat > /tmp/acme.json <<END
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
 "certificate": "/tmp/acme.pem", "privateKey": "/tmp/acme.key", "httpPort": 80, "tlsPort": 443}}
END
systemd-run -q --unit=pebble-test --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 \
  pebble -config /tmp/acme.json
for i in $(seq 100); do curl -sk https://localhost:14000/dir >/dev/null && exit 0; sleep 0.2; done; exit 1
"""
