"""The fold: the same however the events are cut into batches, pure, and cheap."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from provisioners.engine import events as ev
from provisioners.engine.state import DeployState, fold

STEPS = st.sampled_from(["Net", "Web", "Node"])
TEXT = st.text(max_size=5)
PROPERTIES = st.dictionaries(st.sampled_from(["Size", "Net"]), st.integers(0, 3))
LINE = {"type": "AWS::Fake::Net", "tier": "network", "label": "a", "action": "create", "expected_seconds": 1.0}
PLANS = st.lists(STEPS, unique=True).map(
    lambda names: {"lines": [{**LINE, "id": name, "children": [{"id": "c", "label": "C"}]} for name in names]}
)
EVENTS = st.one_of(
    st.builds(
        lambda plan, verb: ev.RunStarted("r", verb, "aws", "1", "e", "n", "aws", "i", "p", plan, 1, ""),
        PLANS,
        st.sampled_from(["create", "destroy"]),
    ),
    st.builds(ev.LookupPinned, TEXT, st.integers()),
    st.builds(ev.StepStarted, STEPS),
    st.builds(ev.IntentStored, STEPS, st.sampled_from(["create", "change", "delete"]), TEXT, PROPERTIES),
    st.builds(ev.IdentityStored, STEPS, TEXT),
    st.builds(ev.StepProgress, STEPS, TEXT),
    st.builds(ev.ChildChanged, STEPS, st.sampled_from(["c", "d"]), st.sampled_from(["ok", "failed"]), TEXT),
    st.builds(ev.LogLine, STEPS, TEXT),
    st.builds(ev.FindingRecorded, STEPS, PROPERTIES),
    st.builds(
        ev.StepFinished, STEPS, st.sampled_from(["created", "deleted", "kept"]), TEXT, PROPERTIES, properties=PROPERTIES
    ),
    st.builds(ev.StepFailed, STEPS, TEXT, TEXT),
    st.builds(ev.StepSkipped, STEPS, TEXT),
    st.builds(ev.StopRequested, st.sampled_from(["stop", "rollback", "continue"])),
    st.builds(ev.RunFinished, st.sampled_from(["ok", "failed"]), PROPERTIES),
)
JOURNALS = st.lists(EVENTS, max_size=40).map(
    lambda events: [ev.Stamped(number, 100.0 + number, event) for number, event in enumerate(events, 1)]
)


def settled(state: DeployState) -> DeployState:
    """Without what only tells of the newest batch."""
    return replace(state, dirty=frozenset())


@given(JOURNALS, st.lists(st.integers(1, 10), min_size=40, max_size=40))
def test_fold_in_batches_is_fold_at_once(journal, sizes):
    state, at = DeployState(), 0
    for size in sizes:
        state, at = fold(journal[at : at + size], state), at + size
    assert settled(state) == settled(fold(journal))


@given(JOURNALS)
def test_folding_on_leaves_the_earlier_state_as_it_was(journal):
    half = fold(journal[: len(journal) // 2])
    shown = repr(half)
    fold(journal[len(journal) // 2 :], half)
    assert repr(half) == shown


@given(EVENTS)
def test_every_event_survives_json(event):
    assert ev.from_json(json.loads(json.dumps(ev.to_json(event)))) == event


def test_an_intent_remembers_with_what_it_was_sent_until_it_is_gone():
    events = [ev.IntentStored("Web", "create", "token", {"Size": 1}), ev.IdentityStored("Web", "i-1")]
    state = fold(ev.Stamped(number, 0.0, event) for number, event in enumerate(events, 1))
    web = state.steps["Web"]
    assert (web.identity, web.token, web.properties, web.pending_operation) == ("i-1", "token", {"Size": 1}, "")
    gone = fold([ev.Stamped(3, 0.0, ev.IdentityStored("Web", ""))], state).steps["Web"]
    assert (gone.identity, gone.properties) == ("", {})
