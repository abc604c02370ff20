"""The sandbox's load balancer answers only its own CloudFront distribution: the rules of its listener, on machines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from moto.elbv2.models import FakeAction, FakeListener, FakeListenerRule

from provisioners.blueprint.origin_lock import HEADER
from provisioners.nodes import bundle
from provisioners.sandbox.api.distributions import origin_headers
from provisioners.sandbox.api.listener_locks import Lock, lock_of
from provisioners.sandbox.machines.choice import choose

if TYPE_CHECKING:
    from tests.provisioners.nodes.lab import Lab

SECRET = "9f8e7d6c5b4a"
REFUSAL = {"StatusCode": "403", "ContentType": "text/plain", "MessageBody": "Ask the site by its own name."}


def listener(default: dict[str, Any], *values: str) -> FakeListener:
    """A listener with a default action, and a rule that forwards what has one of ``values`` in the header."""
    made = FakeListener("lb", "arn:listener/app/one/1/2", "HTTP", "80", "", None, [FakeAction(default)], None)
    asked = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": HEADER, "Values": list(values)}}
    forward = FakeAction({"Type": "forward", "TargetGroupArn": "group"})
    if values:
        made._non_default_rules["rule"] = FakeListenerRule(made.arn, "rule", [asked], 1, [forward])
    return made


def locked(*values: str) -> Lock:
    return lock_of([listener({"Type": "fixed-response", "FixedResponseConfig": REFUSAL}, *values)])


def test_a_listener_that_forwards_asks_for_nothing() -> None:
    assert lock_of([listener({"Type": "forward", "TargetGroupArn": "group"})]).settings() == {
        "refusal": None,
        "rules": [],
    }


def test_without_a_rule_everybody_is_refused() -> None:
    text = (
        bundle.render("balancer", {**SETTINGS, **locked().settings()}).files["files/etc/haproxy/haproxy.cfg"].decode()
    )
    (line,) = (line for line in text.splitlines() if "http-request return" in line)
    assert line.endswith('string "Ask the site by its own name."')


def test_a_secret_stands_in_a_file_of_its_own_and_another_one_in_another() -> None:
    first, second = locked(SECRET), locked("another")
    assert list(first.files.values()) == [f"{SECRET}\n".encode()]
    assert SECRET not in str(first.settings()) + repr(first)
    assert first.settings() != second.settings()


def test_the_distribution_adds_its_headers_for_that_origin_only() -> None:
    items = [{"HeaderName": HEADER, "HeaderValue": SECRET}]
    ours = {"DomainName": "lb.example.com", "CustomHeaders": {"Quantity": 1, "Items": items}}
    config = {"Origins": {"Items": [ours, {"DomainName": "files.example.com"}]}}
    assert origin_headers(config, "lb.example.com") == {HEADER: SECRET}
    assert origin_headers(config, "files.example.com") == {}


SETTINGS: dict[str, Any] = {"health_path": "/", "private_address": "10.42.1.15", "targets": []}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    mode, reason = choose("auto")
    if mode != "machines":
        if os.environ.get("REQUIRE_MACHINES"):
            pytest.fail(f"no real machines here: {reason}")
        pytest.skip(f"no real machines here: {reason}")
    from tests.provisioners.nodes.lab import lab as made

    with made(tmp_path_factory.mktemp("lock"), ("balancer", "edge", "admin")) as standing:
        yield standing


@pytest.mark.machines
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("lock-machines")
def test_direct_requests_are_refused_and_those_of_the_distribution_are_not(lab: Lab) -> None:
    from tests.provisioners.nodes.lab import ADDRESSES
    from tests.provisioners.nodes.lab import SETTINGS as OF_LAB

    lab.sh("admin", "mkdir -p /srv/www && echo the site >/srv/www/index.html")
    serve = "python3 -m http.server 8000 --directory /srv/www"
    lab.sh("admin", f"systemd-run --quiet --unit=www {serve}")
    lock = locked(SECRET)
    for path, content in lock.files.items():
        lab.sh("balancer", f"install -m 600 /dev/stdin {path}", content)
    targets = [{"address": ADDRESSES["admin"], "name": "admin", "port": 8000}]
    settings = {**OF_LAB["balancer"], **lock.settings(), "health_path": "/", "targets": targets}
    assert lab.converge("balancer", bundle.render("balancer", settings)).changed
    lab.sh("edge", "install -m 600 /dev/stdin /etc/varnish/origin-headers.env", f"ORIGIN_HEADER_1={SECRET}\n".encode())
    headers = {"origin_headers": [HEADER], "origin_headers_digest": "one"}
    assert lab.converge("edge", bundle.render("edge", {**OF_LAB["edge"], **headers})).changed

    def answer(place: str, *options: str) -> str:
        """The answer's code; a target counts as healthy a moment after it is there."""
        curl = "curl -s -o /dev/null -w '%{http_code}' --retry 20 --retry-delay 1 --retry-all-errors"
        return lab.sh("admin", f"{curl} {' '.join(options)} http://{ADDRESSES[place]}/")

    assert answer("balancer", "-H", f"'{HEADER}: {SECRET}'") == "200"
    plain = lab.sh("admin", f"curl -s -w ' %{{http_code}}' http://{ADDRESSES['balancer']}/")
    assert plain == f"{REFUSAL['MessageBody']} 403"
    guessed = lab.sh(
        "admin", f"curl -s -o /dev/null -w '%{{http_code}}' -H '{HEADER}: x' http://{ADDRESSES['balancer']}/"
    )
    assert guessed == "403"
    assert answer("edge") == "200"
    assert answer("edge", "-H", f"'{HEADER}: x'") == "200"  # the distribution's own value takes its place
