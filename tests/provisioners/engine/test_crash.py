"""Killed at every point, and every answer lost: the next run reaches the same end, nothing is there twice, and destroy
leaves nothing."""

from itertools import count

import pytest

from tests.provisioners.engine.cloud import Cloud, Killed
from tests.provisioners.engine.lab import Lab, starter


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What stands after a run that nothing disturbed."""
    lab = Lab(tmp_path_factory.mktemp("whole"))
    assert lab.create() == "ok"
    return lab.cloud.census()


def killed_runs(folder, work, **cloud):
    """A lab for each commit of the journal at which ``work`` was killed."""
    for kill_after in (False, True):
        for number in count(1):
            lab = Lab(folder / f"{kill_after}-{number}", Cloud(**cloud))
            try:
                work(lab, kill_at=number, kill_after=kill_after)
            except Killed:
                yield lab
            else:
                assert number > 10
                break


def faulty_runs(folder, fault, work):
    """A lab for each mutating call at which ``fault`` struck."""
    for number in range(1, 6):
        lab = Lab(folder / f"{number}", Cloud(faults={number: fault}))
        with pytest.raises(Killed):
            work(lab)
        yield lab


def assert_same_end(lab, whole):
    assert lab.create() == "ok"
    assert lab.cloud.duplicates == []
    assert lab.cloud.census() == whole
    assert {line.action for line in lab.plan(starter()).lines} == {"keep", "verify"}


def assert_empty_after_destroy(lab):
    assert lab.destroy() == "ok"
    assert lab.cloud.things == {}
    assert not lab.state().standing()


def create(lab, **kill):
    lab.create(**kill)


def test_killed_at_every_commit_then_resumed(tmp_path, whole):
    for lab in killed_runs(tmp_path, create):
        assert_same_end(lab, whole)


def test_killed_at_every_commit_then_destroyed(tmp_path):
    for lab in killed_runs(tmp_path, create):
        assert_empty_after_destroy(lab)


@pytest.mark.parametrize("fault", ["kill before", "kill after"])
def test_killed_around_every_call_then_resumed(tmp_path, whole, fault):
    for lab in faulty_runs(tmp_path, fault, create):
        assert_same_end(lab, whole)


@pytest.mark.parametrize("fault", ["kill before", "kill after"])
def test_killed_around_every_call_then_destroyed(tmp_path, fault):
    for lab in faulty_runs(tmp_path, fault, create):
        assert_empty_after_destroy(lab)


def test_killed_again_while_resuming(tmp_path, whole):
    for lab in faulty_runs(tmp_path, "kill after", create):
        for number in (3, 5, 7):
            with pytest.raises(Killed):
                lab.create(kill_at=number, kill_after=True)
        assert_same_end(lab, whole)


def destroy(lab, **kill):
    lab.create()
    lab.destroy(**kill)


def test_a_destroy_killed_at_every_commit_then_destroyed_again(tmp_path):
    for lab in killed_runs(tmp_path, destroy):
        assert_empty_after_destroy(lab)


def test_a_destroy_killed_at_every_commit_then_created_again(tmp_path, whole):
    for lab in killed_runs(tmp_path, destroy):
        assert_same_end(lab, whole)


def replacement(lab, **kill):
    lab.create(starter(zone="b"))
    lab.create(**kill)


def test_a_replacement_killed_at_every_commit(tmp_path, whole):
    for lab in killed_runs(tmp_path, replacement):
        assert_same_end(lab, whole)


def change(lab, **kill):
    lab.create(starter(size=7))
    lab.create(**kill)


def test_a_change_killed_at_every_commit(tmp_path, whole):
    for lab in killed_runs(tmp_path, change):
        assert_same_end(lab, whole)


def test_killed_and_then_the_profile_is_changed(tmp_path, whole):
    """What was half made with other settings is never taken for what is wanted now."""

    def other(lab, **kill):
        lab.create(starter(zone="b"), **kill)

    for lab in killed_runs(tmp_path, other):
        if lab.create() != "ok":  # it says that it found such a thing, and the next run replaces it
            assert "other settings" in lab.state().steps["Web"].error
        assert_same_end(lab, whole)
