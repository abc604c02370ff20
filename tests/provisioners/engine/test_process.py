"""The real detached process: launched, followed, stopped, killed, resumed; through the operations front ends use."""

import os
import signal
import stat
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from profiles.errors import FailedError, UsageError
from profiles.model import Profile
from provisioners.blueprint.graph import Blueprint
from provisioners.engine import control, operations
from provisioners.engine import events as ev
from provisioners.engine.deployment import Deployment, all_deployments, find
from provisioners.engine.journal import Journal
from provisioners.engine.state import fold
from provisioners.target import Target
from tests.provisioners.engine.cloud import KINDS, Cloud, Step
from tests.provisioners.engine.lab import ID, starter

PROGRAM = (sys.executable, "-m", "tests.provisioners.engine.engine_program")


class Desk:
    """A front end's side: what it prepares and launches."""

    def __init__(self):
        self.deployment = Deployment(ID)
        self.cloud = Cloud(self.deployment.folder / "cloud.json")
        self.target = Target("sandbox", ID.account, ID.region, self.cloud, None, "rehearsal")
        self.steps = {"Drucloud::Node": Step("Drucloud::Node")}
        self.wanted = starter()
        self.findings = []
        self.sources = operations.Sources(
            resolve_lookups=lambda profile, target, pinned, refresh: SimpleNamespace(to_json=lambda: {"image": "ami"}),
            build=lambda profile, lookups: Blueprint(self.wanted),
            estimate=lambda blueprint, region: SimpleNamespace(
                lines=[SimpleNamespace(logical_id="Web", monthly_usd=12.5)]
            ),
            preflight=lambda profile, target, lookups: self.findings,
            dump=lambda profile: profile.model_dump_json(),
        )

    def prepare(self, **options):
        return operations.prepare(Profile(), self.target, KINDS, self.steps, sources=self.sources, **options)

    def resume(self):
        return operations.prepare_resume(
            self.deployment, self.target, KINDS, self.steps, sources=self.sources, load=Profile.model_validate_json
        )

    def launch(self, review):
        return operations.launch(review, review.verb, PROGRAM)

    def go(self):
        (self.deployment.folder / "go").touch()

    def hold(self):
        (self.deployment.folder / "go").unlink(missing_ok=True)

    def wait(self, until):
        end = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end
            time.sleep(0.02)

    def wait_for_node(self):
        self.wait(lambda: self.state("Node").status == "running")

    def state(self, step):
        return self.deployment.state().steps[step]

    def finish(self):
        for _ in operations.follow(self.deployment):
            pass
        self.wait(lambda: self.deployment.running() is None)
        return self.deployment.state()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUCLOUD_STATE", str(tmp_path / "state"))
    made = Desk()
    yield made
    if holder := made.deployment.running():
        os.kill(holder.pid, signal.SIGKILL)


def test_launch_follow_and_a_second_run(desk):
    desk.go()
    review = desk.prepare()
    assert review.plan.by_id["Web"].monthly_usd == 12.5
    desk.launch(review)
    seen = [stamped for batch in operations.follow(desk.deployment) for stamped in batch]
    assert [item.number for item in seen] == list(range(1, len(seen) + 1))
    state = fold(seen)
    assert (state.phase, state.verb, state.mode) == ("ok", "create", "rehearsal")
    desk.wait(lambda: desk.deployment.running() is None)

    assert desk.prepare().plan.changes_nothing
    assert all_deployments() == [desk.deployment] and find("starter") == desk.deployment
    assert not control.socket_path(desk.deployment.folder).exists()
    for name in ("journal.db", "lock", "engine.log"):
        assert stat.S_IMODE((desk.deployment.folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(desk.deployment.folder.stat().st_mode) == 0o700


def test_who_comes_second_is_told_who_is_at_work(desk):
    review, late = desk.prepare(), desk.prepare()
    desk.launch(review)
    pid = desk.deployment.running().pid
    for second in (lambda: desk.prepare(), lambda: desk.launch(late)):
        with pytest.raises(UsageError, match=rf"already at work on 'starter' \(process {pid} on .*attach starter"):
            second()
    desk.go()
    assert desk.finish().phase == "ok"


def test_of_two_launches_at_the_same_instant_one_wins(desk, monkeypatch):
    reviews = [desk.prepare(), desk.prepare()]
    monkeypatch.setattr(operations, "_idle", lambda deployment: deployment)  # both find it free
    told = []

    def launch(review):
        try:
            desk.launch(review)
            told.append("begun")
        except UsageError as error:
            told.append(str(error))

    threads = [threading.Thread(target=launch, args=(review,)) for review in reviews]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "begun" in told and any("already at work" in text for text in told)
    desk.go()
    assert desk.finish().phase == "ok"


def test_killed_engine_is_resumed_with_nothing_twice(desk):
    desk.launch(desk.prepare())
    desk.wait_for_node()
    os.kill(desk.deployment.running().pid, signal.SIGKILL)
    desk.wait(lambda: desk.deployment.running() is None)
    assert list(operations.follow(desk.deployment))  # ends although there is no RunFinished
    assert desk.deployment.state().phase == "running"
    with pytest.raises(UsageError, match="No engine"):
        desk.deployment.send("stop")

    desk.go()
    review = desk.resume()
    assert review.verb == "resume"
    desk.launch(review)
    assert desk.finish().phase == "ok"
    assert len(desk.cloud.census()) == 5

    desk.launch(operations.prepare_destroy(desk.deployment, desk.target))
    state = desk.finish()
    assert (state.phase, state.verb) == ("ok", "destroy")
    assert desk.cloud.census() == {}


@pytest.mark.parametrize("how", ["socket", "signal"])
def test_stop_by_socket_or_signal(desk, how):
    desk.launch(desk.prepare())
    desk.wait_for_node()
    if how == "socket":
        desk.deployment.send("stop")
    else:
        os.kill(desk.deployment.running().pid, signal.SIGTERM)
    state = desk.finish()
    assert (state.phase, state.stop_requested) == ("stopped", "stop")
    assert len(desk.cloud.census()) == 5
    desk.go()
    desk.launch(desk.resume())
    assert desk.finish().phase == "ok"


def test_roll_back_by_socket_leaves_nothing(desk):
    desk.launch(desk.prepare())
    desk.wait_for_node()
    desk.deployment.send("rollback")
    state = desk.finish()
    assert (state.phase, state.summary["rolled_back"]) == ("stopped", True)
    assert desk.cloud.census() == {}


def test_go_on_without_a_stop_is_refused(desk):
    desk.launch(desk.prepare())
    with pytest.raises(UsageError, match="not been asked to stop"):
        desk.deployment.send("continue")
    desk.go()
    assert desk.finish().phase == "ok"


def test_the_engine_outlives_a_hangup(desk):
    desk.launch(desk.prepare())
    desk.wait_for_node()
    os.kill(desk.deployment.running().pid, signal.SIGHUP)
    desk.go()
    assert desk.finish().phase == "ok"


def test_a_plan_that_is_out_of_date_is_refused_by_the_engine(desk):
    desk.go()
    old = desk.prepare()
    desk.launch(desk.prepare())
    desk.finish()
    with pytest.raises(UsageError, match="has changed since the plan was reviewed"):
        desk.launch(old)


def test_an_engine_that_dies_at_once_is_told_with_its_log(desk):
    with pytest.raises(FailedError, match=r"ended before it had begun.*engine\.log"):
        operations.launch(desk.prepare(), "create", (sys.executable, "-c", "raise SystemExit(3)"))


def test_preflight_failure_and_unreviewed_replacement_forbid_the_launch(desk):
    desk.go()
    desk.launch(desk.prepare())
    desk.finish()
    desk.wanted = starter(zone="b")
    with pytest.raises(UsageError, match="delete and make again, with their data: web"):
        desk.launch(desk.prepare())
    desk.launch(desk.prepare(allow_replace=True))
    assert desk.finish().phase == "ok"
    desk.findings = [{"status": "fail", "what": "No quota for addresses.", "do": "Ask for more."}]
    with pytest.raises(UsageError, match=r"No quota for addresses\. Ask for more\."):
        desk.launch(desk.prepare())


def test_names_are_found_or_the_choice_is_shown(desk):
    with pytest.raises(UsageError, match="no deployment called 'nowhere'"):
        find("nowhere")
    places = [replace(ID, region=region) for region in ("us-east-1", "eu-west-1")] + [replace(ID, target="aws")]
    for place in places:
        Journal.open(Deployment(place).journal_path).close()
    with pytest.raises(UsageError, match=r"several deployments: .*eu-west-1.*--target"):
        find("starter", "sandbox")
    assert find("starter", "aws") == Deployment(places[2])
    with Journal.open(Deployment(places[1]).journal_path) as journal:
        journal.append(ev.IntentStored("Net", "create", "token"))
    assert find("starter") == Deployment(places[1])  # the only one that stands: the others are history


def test_what_was_never_begun_is_not_resumed(desk):
    with pytest.raises(UsageError, match="never been begun"):
        desk.resume()


def test_a_long_path_gets_a_short_socket(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = control.socket_path(tmp_path / ("x" * 120))
    assert len(str(path)) <= 108 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    with pytest.raises(FailedError, match="not a private folder"):
        control.socket_path(tmp_path / ("x" * 120))


def test_events_hold_the_stop(desk):
    desk.launch(desk.prepare())
    desk.wait_for_node()
    desk.deployment.send("stop")
    desk.finish()
    assert ev.StopRequested("stop") in [item.event for item in desk.deployment.events()]
