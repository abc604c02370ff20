"""Whole runs: create, keep, change, replace, vanish, fail, stop, roll back, destroy."""

import asyncio
from dataclasses import replace

import pytest

from profiles.errors import CancelledError, FailedError, UsageError
from provisioners.engine import events as ev
from tests.provisioners.engine.cloud import Cloud
from tests.provisioners.engine.lab import FAST, Lab, resource, starter, template


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def actions(lab, wanted):
    return {line.id: line.action for line in lab.plan(wanted).lines}


def test_creates_everything_in_order_and_the_second_run_changes_nothing(lab):
    assert lab.create() == "ok"
    assert set(lab.cloud.census()) == {"Net", "Gate", "Door", "Base", "Web"}
    assert lab.node.runs == [{"Machine": lab.state().steps["Web"].identity, "Name": "Base"}]
    assert lab.state().summary["counts"] == {"created": 5, "changed": 1}
    assert lab.state().summary["url"] == "http://site/"
    made = len(lab.cloud.mutations)

    assert set(actions(lab, starter()).values()) == {"keep", "verify"}
    assert lab.create() == "ok"
    assert len(lab.cloud.mutations) == made
    assert lab.state().summary["counts"] == {"kept": 5, "passed": 1}
    assert lab.state().summary["changed"] == 0


def test_intent_is_stored_alone_before_each_create_and_identity_after(lab):
    lab.create()
    for name in ("Net", "Gate", "Door", "Base", "Web"):
        kinds = [type(item.event).__name__ for item in lab.events() if getattr(item.event, "step", "") == name]
        assert [kind for kind in kinds if kind != "StepProgress"] == [
            "StepStarted",
            "IntentStored",
            "IdentityStored",
            "StepFinished",
        ]


def test_what_can_be_changed_in_place_is_changed(lab):
    lab.create()
    assert actions(lab, starter(size=2))["Web"] == "change"
    assert lab.create(starter(size=2)) == "ok"
    assert lab.cloud.census()["Web"]["Size"] == 2
    assert lab.state().summary["counts"] == {"kept": 3, "changed": 2, "passed": 1}
    assert set(actions(lab, starter(size=2)).values()) == {"keep", "verify"}


def test_what_cannot_is_replaced_and_so_is_what_refers_to_it(lab):
    lab.create()
    wanted = starter()
    wanted["Resources"]["Net"]["Properties"]["Range"] = "172"
    assert actions(lab, wanted) == {
        "Net": "replace", "Gate": "keep", "Door": "replace", "Base": "replace", "Web": "replace", "Node": "verify",
    }  # fmt: skip
    assert lab.create(wanted) == "ok"
    assert not lab.cloud.duplicates
    assert lab.cloud.census()["Net"]["Range"] == "172"
    assert lab.state().summary["counts"] == {"replaced": 4, "kept": 1, "passed": 1}


def test_what_has_vanished_is_made_again_with_a_new_token(lab):
    lab.create()
    first = lab.state().steps["Web"].token
    del lab.cloud.things[lab.state().steps["Web"].identity]
    line = lab.plan(starter()).by_id["Web"]
    assert (line.action, line.reason) == ("create", "it has vanished")
    assert lab.create() == "ok"
    assert lab.state().steps["Web"].token != first


def test_what_is_no_longer_wanted_is_deleted_or_retained(lab):
    wanted = starter()
    wanted["Resources"]["Extra"] = resource("AWS::Fake::Net", "network", Net={"Ref": "Net"})
    wanted["Resources"]["Files"] = resource("AWS::Fake::Base", "storage", policy="Retain")
    lab.create(wanted)
    assert actions(lab, starter()) | {"Extra": "delete", "Files": "retain"} == actions(lab, starter())
    lab.create()
    assert set(lab.cloud.census()) == {"Net", "Gate", "Door", "Base", "Web", "Files"}
    assert lab.state().summary["kept"] == [": kept, as the profile says"]
    assert set(actions(lab, starter()).values()) == {"keep", "verify"}


def test_destroy_goes_backwards_undoes_steps_and_keeps_what_the_profile_keeps(lab):
    wanted = starter()
    wanted["Resources"]["Base"]["DeletionPolicy"] = "Snapshot"
    wanted["Resources"]["Files"] = resource("AWS::Fake::Base", "storage", policy="Retain")
    lab.create(wanted)
    assert lab.destroy() == "ok"
    assert set(lab.cloud.census()) == {"Files"}
    assert lab.node.undone == lab.node.runs
    assert "delete Base-1 Snapshot" in lab.cloud.mutations
    assert sorted(lab.state().summary["kept"]) == [": kept, as the profile says", "base: a final snapshot is kept"]
    assert not lab.state().standing()
    order = [item.event.step for item in lab.events() if isinstance(item.event, ev.StepFinished)][-7:]
    assert order.index("Node") < order.index("Web") < order.index("Net")


def test_after_a_destroy_a_new_incarnation_begins(lab):
    lab.create()
    first = lab.state().incarnation
    lab.create()
    assert lab.state().incarnation == first
    lab.destroy()
    lab.create()
    assert lab.state().incarnation != first


def test_a_failure_costs_only_what_needs_it(lab):
    wanted = starter()
    wanted["Resources"]["Base"]["Properties"]["Broken"] = True
    assert lab.create(wanted) == "failed"
    state = lab.state()
    assert {name: step.status for name, step in state.steps.items()} == {
        "Net": "done", "Gate": "done", "Door": "done", "Base": "failed", "Web": "done", "Node": "skipped",
    }  # fmt: skip
    assert state.steps["Base"].error == "base did not come up: AWS says 'incompatible'."
    assert state.steps["Node"].progress == "needs base"
    assert actions(lab, starter())["Base"] == "replace"
    assert lab.create() == "ok"
    assert not lab.cloud.duplicates


def test_a_plain_refusal_leaves_no_intent_behind(tmp_path):
    lab = Lab(tmp_path, Cloud(faults={1: "UnsupportedOperation", 2: "UnsupportedOperation"}))
    assert lab.create() == "failed"
    assert not any(step.pending_operation for step in lab.state().steps.values())
    assert lab.create() == "ok"


def test_a_failed_step_can_be_run_again(lab):
    lab.node.error = FailedError("nginx does not start.", "Look at it.")
    assert lab.create() == "failed"
    assert lab.state().steps["Node"].advice == "Look at it."
    lab.node.error = None
    assert lab.create() == "ok"


def test_an_error_inside_a_step_is_told_and_not_swallowed(lab):
    lab.node.error = KeyError("Machine")
    assert lab.create() == "failed"
    assert "Machine" in lab.state().steps["Node"].error


def test_the_plan_that_runs_is_the_plan_that_was_reviewed(lab):
    request = lab.request(starter())
    lab.create()
    before = lab.events()
    with pytest.raises(UsageError, match="has changed since the plan was reviewed"):
        lab.run(request)
    assert lab.events() == before


@pytest.mark.parametrize("fault", ["throttled", "lost request", "lost answer", "InvalidNet.NotFound", "IncorrectState"])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_faults_of_a_creating_call_are_survived_without_duplicates(tmp_path, number, fault):
    lab = Lab(tmp_path, Cloud(faults={number: fault}))
    assert lab.create() == "ok"
    assert not lab.cloud.duplicates
    assert len(lab.cloud.things) == 5


def test_a_lost_answer_is_found_although_it_shows_late(tmp_path):
    faults = {1: "lost answer", 2: "lost answer"}
    lab = Lab(tmp_path, Cloud(faults=faults, lag=3), replace(FAST, visible=2.0))
    assert lab.create() == "ok"
    assert not lab.cloud.duplicates


def test_one_observe_call_serves_all_waiters(lab):
    names = {f"Net{number:03}": resource("AWS::Fake::Net", "network") for number in range(100)}
    assert lab.create(template(**names)) == "ok"
    assert len(lab.cloud.observations) < 60


def test_pinned_lookups_are_journalled_once(lab):
    lab.create()
    lab.create()
    assert [item.event for item in lab.events() if isinstance(item.event, ev.LookupPinned)] == [
        ev.LookupPinned("image", "ami-1")
    ]


def test_text_from_outside_is_cleaned(lab):
    lab.create()
    assert "working hard" in [getattr(item.event, "text", "") for item in lab.events()]


class Waiting:
    """A step that waits until it is told to stop, or let go."""

    def __init__(self, lab, then):
        self.type, self.expected_seconds, self.lab, self.then, self.runs = "Drucloud::Node", 1.0, lab, then, 0

    def children(self, properties):
        return []

    async def run(self, context):
        self.runs += 1
        self.then(self.runs)
        while self.runs == 1 and not context.stopping:  # noqa: ASYNC110 (a step polls, it has no event)
            await asyncio.sleep(0.001)
        if context.stopping:
            raise CancelledError("stopped")
        return await self.lab.node.run(context)

    async def undo(self, context):
        pass


def test_stop_ends_at_a_safe_point_and_the_next_run_goes_on(lab):
    lab.steps["Drucloud::Node"] = Waiting(lab, lambda runs: lab.stop.ask("stop" if runs == 1 else ""))
    assert lab.create() == "stopped"
    assert lab.state().steps["Node"].progress == "stopped"
    assert lab.create() == "ok"
    assert not lab.cloud.duplicates


def test_a_stop_ends_the_wait_for_a_resource(lab):
    wanted = starter()
    real = lab.cloud.mutate

    def mutate(name, effect):
        answer = real(name, effect)
        if name == "create Base":
            lab.cloud.things[answer]["pending"] = 10**9
            lab.stop.ask("stop")
        return answer

    lab.cloud.mutate = mutate
    assert lab.create(wanted) == "stopped"
    assert lab.state().steps["Base"].identity == "Base-1"
    lab.cloud.things["Base-1"]["pending"] = 0
    lab.cloud.mutate = real
    assert lab.create(wanted) == "ok"
    assert not lab.cloud.duplicates


def test_roll_back_takes_down_what_this_run_made_and_nothing_else(lab):
    small = starter()
    del small["Resources"]["Node"], small["Resources"]["Web"]
    lab.create(small)
    stood = lab.cloud.census()
    lab.steps["Drucloud::Node"] = Waiting(lab, lambda runs: lab.stop.ask("rollback"))
    assert lab.create() == "stopped"
    assert lab.cloud.census() == stood
    assert lab.state().summary["rolled_back"] is True
    assert set(actions(lab, starter()).values()) == {"keep", "create"}
