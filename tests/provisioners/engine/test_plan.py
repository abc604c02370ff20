"""The plan as a value: JSON, hash, order of work."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from profiles.errors import FailedError
from provisioners.engine.lines import Lines, order
from provisioners.engine.pace import pace_of
from provisioners.engine.plan import Plan, PlanLine
from provisioners.engine.request import Request
from provisioners.engine.state import StepState
from tests.provisioners.engine.cloud import KINDS
from tests.provisioners.engine.lab import ID, Lab, starter


def line(name, action, *requires):
    return PlanLine(name, "AWS::Fake::Net", "network", name, action, requires=requires)


def test_request_and_plan_survive_json(tmp_path):
    request = Lab(tmp_path).request(starter())
    again = Request.from_text(request.to_text())
    assert again.plan == request.plan and again.plan.hash == request.plan.hash
    assert again == request
    assert again.blueprint.digest == request.blueprint.digest


def test_the_hash_covers_lines_and_lookups_but_no_prices(tmp_path):
    plan = Lab(tmp_path).plan(starter())
    dearer = tuple(replace(line, monthly_usd=99.0) for line in plan.lines)
    assert Plan(ID, dearer, plan.lookups).hash == plan.hash
    assert Plan(ID, plan.lines, {"image": "ami-2"}).hash != plan.hash
    assert Plan(ID, plan.lines[1:], plan.lookups).hash != plan.hash
    assert Lab(tmp_path).plan(starter(size=2)).hash != plan.hash


def test_lines_stand_in_the_order_of_tiers_with_their_children(tmp_path):
    plan = Lab(tmp_path).plan(starter())
    assert [line.id for line in plan.lines] == ["Net", "Gate", "Door", "Base", "Web", "Node"]
    assert [child.id for child in plan.by_id["Node"].children] == ["packages"]


def test_a_replacement_goes_down_last_first_and_up_first_last():
    plan = Plan(ID, (line("Net", "replace"), line("Web", "replace", "Net"), line("Gate", "keep")), {})
    assert order(plan, {}) == {
        "-Web": set(), "-Net": {"-Web"}, "Net": {"-Net"}, "Web": {"-Web", "Net"}, "Gate": set(),
    }  # fmt: skip


def test_of_several_that_are_interrupted_the_next_waits_for_the_one_before_and_its_step():
    def server(name, *requires):
        return replace(line(name, "change", *requires), interrupts="away")

    def step(name, *requires):
        return replace(line(name, "verify", *requires), type="Drucloud::Node")

    admin = replace(server("Admin"), tier="admin")
    plan = Plan(
        ID, (admin, server("One"), server("Two"), step("OneNode", "One", "Admin"), step("Both", "One", "Two")), {}
    )
    assert order(plan, {}) == {
        "Admin": set(), "One": set(), "Two": {"One", "OneNode"}, "OneNode": {"One", "Admin"}, "Both": {"One", "Two"},
    }  # fmt: skip


def test_what_is_no_longer_wanted_waits_until_nothing_refers_to_it():
    plan = Plan(ID, (line("Web", "change"), line("Old", "delete")), {})
    assert order(plan, {"Web": ["Old"]}) == {"Web": set(), "-Old": {"Web"}}


def test_a_kept_line_follows_what_a_step_found_out_only_where_it_changes_in_place():
    kind = SimpleNamespace(mutable=frozenset({"Version"}))
    lines = Lines(SimpleNamespace(kinds={"AWS::Fake::Net": kind}), Plan(ID, (), {}), {})
    before = StepState("Group", "AWS::Fake::Net", "web", "Group", properties={"Version": "1", "Name": "a"})
    kept = line("Group", "keep")
    assert lines._as_it_turned_out(kept, before, {"Version": "1", "Name": "a"}) == kept
    changed = lines._as_it_turned_out(kept, before, {"Version": "2", "Name": "a"})
    assert (changed.action, changed.changed) == ("change", ("Version",))
    foreseen = replace(kept, action="change", changed=("Version",))
    assert lines._as_it_turned_out(foreseen, before, {"Version": "1", "Name": "a"}).action == "keep"
    with pytest.raises(FailedError, match="Name changed while this ran"):
        lines._as_it_turned_out(kept, before, {"Version": "1", "Name": "b"})


def test_the_expected_time_is_the_targets(tmp_path, monkeypatch):
    """RDS takes ten minutes, and in the sandbox as long as a machine needs to boot."""
    monkeypatch.setattr(KINDS["AWS::Fake::Net"], "expected_seconds", 600.0)
    lab = Lab(tmp_path)
    assert lab.plan(starter()).by_id["Net"].expected_seconds == pace_of("sandbox").slowest < 600.0
    monkeypatch.setattr("tests.provisioners.engine.lab.ID", replace(ID, target="aws"))
    assert lab.plan(starter()).by_id["Net"].expected_seconds == 600.0
