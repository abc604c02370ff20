"""The director: every method and scheduler by keepalived's own word, and what is done where the kernel has no IPVS."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from profiles.director import Director
from provisioners.nodes import bundle, role
from tests.provisioners.nodes.settings import SETTINGS
from tests.provisioners.nodes.test_node_programs import load

KEEPALIVED = os.environ.get("KEEPALIVED") or shutil.which("keepalived")
FORWARDING = load(role.ROLES / "director" / "forwarding.py")
METHODS = get_args(Director.model_fields["method"].annotation)
SCHEDULERS = get_args(Director.model_fields["scheduler"].annotation)


def configuration(**answers: Any) -> str:
    made = bundle.render("director", {**SETTINGS["director"], **answers})
    return made.files["files/etc/keepalived/keepalived.conf"].decode()


def judged(text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """keepalived's verdict. It takes a bad scheduler for another one and goes on: only its exit code tells."""
    path = folder / "keepalived.conf"
    name = next(one.name for one in Path("/sys/class/net").iterdir() if one.name != "lo")
    path.write_text(text.replace("include /etc/drucloud/interface.conf", f"$INTERFACE={name}"))
    path.chmod(0o600)
    command = [str(KEEPALIVED), "-t", "-f", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_there_are_thirty_ways() -> None:
    assert len(METHODS) * len(SCHEDULERS) == 30


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_way_is_what_the_configuration_says(method: str, scheduler: str) -> None:
    text = configuration(lvs_method=method, lvs_scheduler=scheduler)
    assert f"    lvs_sched {scheduler}\n    lvs_method {method.upper()}\n" in text
    assert text.count("real_server ") == 2


@pytest.mark.skipif(KEEPALIVED is None, reason="keepalived is not installed (set KEEPALIVED to its program)")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_keepalived_takes_every_way(method: str, scheduler: str, tmp_path: Path) -> None:
    for seconds in (0, 300):
        made = configuration(lvs_method=method, lvs_scheduler=scheduler, lvs_persistence=seconds)
        done = judged(made, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(KEEPALIVED is None, reason="keepalived is not installed (set KEEPALIVED to its program)")
def test_keepalived_refuses_a_scheduler_that_is_none(tmp_path: Path) -> None:
    assert judged(configuration(lvs_scheduler="fastest"), tmp_path).returncode != 0


def test_web_servers_answer_each_others_challenges_only_behind_lvs() -> None:
    def site(**answers: Any) -> str:
        made = bundle.render("web", {**SETTINGS["web"], "private_address": "10.0.4.10", **answers})
        return made.files["files/etc/nginx/drucloud/site.conf"].decode()

    assert "drucloud_fleet" not in site()
    text = site(fleet=["10.0.4.10", "10.0.5.10"])
    assert "upstream drucloud_fleet {\n    server 10.0.5.10 max_fails=0;\n}" in text
    assert text.count("{") == text.count("}")


# -- without IPVS ------------------------------------------------------------------------------------------------------


def test_servers_take_turns_as_often_as_they_weigh() -> None:
    assert FORWARDING.slots({"10.0.0.1": 100, "10.0.0.2": 100}) == ["10.0.0.1", "10.0.0.2"]
    assert FORWARDING.slots({"10.0.0.1": 200, "10.0.0.2": 100, "10.0.0.3": 0}) == ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
    assert FORWARDING.slots({"10.0.0.1": 0}) == []


@pytest.mark.parametrize(
    ("scheduler", "persistence", "choice"),
    [
        ("wlc", 0, "numgen inc mod 2"),
        ("rr", 0, "numgen inc mod 2"),
        ("rr", 300, "jhash ip saddr mod 2"),
        ("sh", 0, "jhash ip saddr mod 2"),
        ("lblc", 0, "jhash ip daddr mod 2"),
    ],
)
def test_who_gets_the_next_connection(scheduler: str, persistence: int, choice: str) -> None:
    text = FORWARDING.rules({"10.0.0.1": 100, "10.0.0.2": 100}, scheduler, persistence)
    assert f"meta mark 1 dnat to {choice} map {{ 0 : 10.0.0.1, 1 : 10.0.0.2 }}" in text


def test_without_a_server_that_answers_nobody_is_led_anywhere() -> None:
    assert "dnat" not in FORWARDING.rules({"10.0.0.1": 0, "10.0.0.2": 0}, "wlc", 0)


def test_a_server_is_out_after_the_third_silence_and_back_with_the_first_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = iter([True, False, False, False, True])
    seen: list[dict[str, int]] = []

    class Enough(Exception):
        pass

    def answers(server: str) -> bool:
        try:
            return next(said)
        except StopIteration:
            raise Enough from None

    settings = tmp_path / "director.json"
    settings.write_text(json.dumps({"servers": ["10.0.0.1"], "scheduler": "wlc", "persistence": 0}))
    monkeypatch.setattr(FORWARDING, "SETTINGS", settings)
    monkeypatch.setattr(FORWARDING, "answers", answers)
    monkeypatch.setattr(FORWARDING, "activate", lambda weights, *_: seen.append(dict(weights)))
    monkeypatch.setattr(FORWARDING.time, "sleep", lambda seconds: None)
    with pytest.raises(Enough):
        FORWARDING.forward()
    assert seen == [{"10.0.0.1": 100}, {"10.0.0.1": 0}, {"10.0.0.1": 100}]


# -- take-over ---------------------------------------------------------------------------------------------------------

WANTED = {"address": "eipalloc-1", "routes": "rtb-1"}


class Cloud:
    """EC2 as the take-over asks it; ``refusals`` are told first, one a call of that name."""

    class AwsError(Exception):
        def __init__(self, code: str) -> None:
            super().__init__(code)
            self.code = code

    def __init__(self, **refusals: list[str]) -> None:
        self.refusals = refusals
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.holder = ""

    def metadata(self, path: str) -> str:
        place = "network/interfaces/macs/0a:1b"
        return {
            "mac": "0a:1b\n",
            "local-ipv4": "10.0.1.5",
            f"{place}/local-ipv4s": "10.0.1.5\n10.0.1.77",
            f"{place}/interface-id": "eni-1",
        }[path]

    def ec2(self, action: str, **parameters: str) -> ElementTree.Element:
        self.calls.append((action, parameters))
        if self.refusals.get(action):
            raise self.AwsError(self.refusals[action].pop(0))
        ours = "{http://ec2.amazonaws.com/doc/2016-11-15/}networkInterfaceId"
        answer = ElementTree.Element("answer")
        if self.holder:
            ElementTree.SubElement(answer, ours).text = self.holder
        return answer


@pytest.fixture
def director(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(role.ROLES / "base"))
    made = load(role.ROLES / "director" / "director.py")
    monkeypatch.setattr(made.time, "sleep", lambda seconds: None)
    return made


def taking(director: Any, monkeypatch: pytest.MonkeyPatch, cloud: Cloud, *, master: bool = True) -> int:
    monkeypatch.setattr(director, "drucloud_aws", cloud)
    monkeypatch.setattr(director, "master", lambda: master)
    return int(director.take(WANTED))


def test_the_master_takes_address_and_route(director: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud()
    assert taking(director, monkeypatch, cloud) == 0
    (first, address), (second, route) = cloud.calls
    assert (first, second) == ("AssociateAddress", "ReplaceRoute")
    assert address["PrivateIpAddress"] == "10.0.1.77"
    assert address["AllowReassociation"] == "true"
    assert route == {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-1"}


def test_the_first_master_of_all_makes_the_route(director: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(ReplaceRoute=["InvalidParameterValue"])
    assert taking(director, monkeypatch, cloud) == 0
    assert [name for name, _ in cloud.calls] == ["AssociateAddress", "ReplaceRoute", "CreateRoute"]


def test_it_is_tried_until_it_is_done(director: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(AssociateAddress=["RequestLimitExceeded", "Unavailable"])
    assert taking(director, monkeypatch, cloud) == 0
    assert [name for name, _ in cloud.calls] == [*["AssociateAddress"] * 3, "ReplaceRoute"]


def test_who_is_no_master_any_more_gives_up(director: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(AssociateAddress=["UnauthorizedOperation"] * 9)
    assert taking(director, monkeypatch, cloud, master=False) == 1
    assert len(cloud.calls) == 1


@pytest.mark.parametrize(
    ("holder", "master", "said"),
    [
        ("eni-1", True, "this director has the site's address"),
        ("eni-2", False, "the other director has the site's address"),
        ("", False, "with nobody"),
        ("eni-2", True, "not got"),
        ("eni-1", False, "not got"),
    ],
)
def test_the_address_belongs_to_the_master(
    director: Any, monkeypatch: pytest.MonkeyPatch, holder: str, master: bool, said: str
) -> None:
    cloud = Cloud()
    cloud.holder = holder
    monkeypatch.setattr(director, "drucloud_aws", cloud)
    monkeypatch.setattr(director, "master", lambda: master)
    try:
        found = director.check(WANTED)
    except director.DirectorError as error:
        found = str(error)
    assert said in found
