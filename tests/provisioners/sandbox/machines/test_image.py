"""The base image's cache, and what is said when it cannot be built."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from profiles.errors import FailedError, UsageError
from provisioners.sandbox.machines import choice, image, layers, locks, sources
from provisioners.sandbox.machines.facts import host_facts
from tests.provisioners.sandbox.machines.conftest import require_machines


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRUCLOUD_CACHE", str(tmp_path))
    return tmp_path


def _pretend(cache: Path, name: str, age: float = 0.0) -> Path:
    root = image.folder() / name
    root.mkdir()
    checked = root.with_name(f"{name}.checked")
    checked.touch()
    os.utime(checked, (time.time() - age,) * 2)
    return root


def test_too_little_space_is_said_with_figures(cache: Path) -> None:
    with pytest.raises(FailedError, match=r"needs 1048576\.0 GiB .* GiB are free"):
        image.check_space(cache, needed=2**50)


def test_a_fresh_image_is_taken_without_asking_the_mirror(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = image._recipe(sources.sources())
    root = _pretend(cache, f"base-trixie-{recipe}-abc")
    monkeypatch.setattr(image, "release_date", lambda _: pytest.fail("the mirror was asked"))
    assert image.ensure() == root
    assert image.cached() == root
    assert image.key(root) == "abc"


def test_without_a_mirror_an_old_image_does(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _pretend(cache, f"base-trixie-{image._recipe(sources.sources())}-abc", age=9e5)

    def unreachable(_: object) -> str:
        raise FailedError("unreachable")

    monkeypatch.setattr(image, "release_date", unreachable)
    said: list[str] = []
    assert image.ensure(said.append) == root
    assert "cached" in said[0]
    root.rmdir()
    with pytest.raises(FailedError, match="unreachable"):
        image.ensure()


def test_old_images_go_unless_somebody_stands_on_them(cache: Path) -> None:
    old, held, fresh, current = (_pretend(cache, f"base-trixie-{n}-x", age=9e5 if n != "c" else 0) for n in "abcd")
    descriptor = image.hold(held)
    image._prune(current)
    assert [path.exists() for path in (old, held, fresh, current)] == [False, True, True, True]
    locks.release(descriptor)
    image._prune(current)
    assert not held.exists()


def test_another_suite_has_an_image_of_its_own_and_keeps_it_longer(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "release_date", lambda _: pytest.fail("the mirror was asked"))
    usual = _pretend(cache, f"base-trixie-{image._recipe(sources.sources())}-abc")
    other = _pretend(cache, f"base-bookworm-{image._recipe(sources.sources(suite='bookworm'))}-abc")
    assert (image.ensure(), image.ensure(suite="bookworm")) == (usual, other)
    for age, kept in ((2 * 86400, True), (15 * 86400, False)):
        os.utime(other.with_name(f"{other.name}.checked"), (time.time() - age,) * 2)
        image._prune(usual)
        assert other.exists() is kept


def test_layers_go_when_they_were_not_used_for_long(cache: Path) -> None:
    current = _pretend(cache, "base-trixie-r-x")
    used, unused = (image.folder() / f"layer-{name}" for name in ("used", "unused"))
    for layer in (used, unused):
        layer.mkdir()
        locks.release(image.hold(layer))
    os.utime(unused.with_name("layer-unused.lock"), (time.time() - 15 * 86400,) * 2)
    image._prune(current)
    assert (used.exists(), unused.exists()) == (True, False)


def test_a_layers_key_follows_its_image_and_its_packages() -> None:
    one = layers.key(Path("base-trixie-r-1"), ["nginx", "php"])
    assert one == layers.key(Path("base-trixie-r-1"), ["php", "nginx", "php"])
    assert one != layers.key(Path("base-trixie-r-2"), ["nginx", "php"])
    assert one != layers.key(Path("base-trixie-r-1"), ["nginx"])


def test_an_unbaked_layer_is_refused(cache: Path) -> None:
    assert not layers.exists("0123")
    with pytest.raises(FailedError, match="0123"):
        layers.path("0123")


def test_the_choice_can_be_forced_and_says_why() -> None:
    assert choice.choose("rehearsal") == ("rehearsal", "it was asked for")
    with pytest.raises(UsageError, match="no mode"):
        choice.choose("virtual")


def test_an_ordinary_user_cannot_force_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert choice.choose("auto")[0] == "rehearsal"
    with pytest.raises(UsageError, match="root"):
        choice.choose("machines")
    facts = host_facts()
    assert [fact.name for fact in facts] == ["mode"]
    assert not facts[0].ok


@pytest.mark.machines
def test_the_facts_name_the_mode_and_the_image(cache: Path) -> None:
    require_machines()
    facts = {fact.name: fact for fact in host_facts()}
    assert facts["mode"].value == "machines"
    assert "not built" in facts["base image"].value
    assert facts["leftovers"].ok
