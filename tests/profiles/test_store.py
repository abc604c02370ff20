import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles import store
from profiles.errors import ProfileError
from profiles.model import Profile
from profiles.questions import by_key
from tests.profiles.strategies import profiles

REPOSITORY = Path(__file__).parents[2]


@settings(max_examples=40, deadline=None)
@given(profiles())
def test_what_is_written_is_read_back(profile):
    text = store.dumps(profile)
    assert store.loads(text) == profile
    assert store.dumps(store.loads(text)) == text


def test_an_empty_file_is_the_default_profile():
    assert store.loads("") == Profile()


def test_every_preset_is_valid_and_carries_its_own_name():
    assert store.presets() == ["starter", "standard", "lvs", "drucloud", "classic"]
    for name in store.presets():
        assert store.load(store.resolve(name)).name == name


def test_every_preset_says_in_few_words_what_it_builds():
    said = [store.about(name) for name in store.presets()]
    assert len(set(said)) == len(said)
    assert all(10 < len(words) <= 32 for words in said), "beside its name on the first page"


def test_values_are_read_as_their_question_wants_them():
    text = "name: no\nsite: {branch: 1.0}\naws: {expected_account: 012345678901}\ndatabase: {multi_az: on}\n"
    profile = store.loads(text)
    assert (profile.name, profile.site.branch) == ("no", "1.0")
    assert profile.aws.expected_account == "012345678901"
    assert profile.database.multi_az is True


@pytest.mark.parametrize(
    ("text", "line", "what", "do"),
    [
        ("web:\n  instance_clas: t4g.small", 2, "no key 'web.instance_clas'", "Did you mean 'web.instance_class'?"),
        ("name: x1\ndomian: a.b", 2, "no key 'domian'", "Did you mean 'site.domain'?"),
        (
            "web:\n  wheels: 4",
            2,
            "no key 'web.wheels'",
            "Known here: instance_class, volume_gib, servers, ",
        ),
        ("instance_class: t4g.small", 1, "no key 'instance_class'", "Did you mean 'web.instance_class'?"),
        ("web: 5", 1, "'web' is a section", "instance_class, volume_gib"),
        ("- 1", 1, "list of 'key: value' lines", "version, name"),
        ("name: ab\nname: cd", 2, "'name' is there twice", "Keep one"),
        ("web:\n  volume_gib: lots", 2, "web.volume_gib cannot be 'lots'", "a whole number from 8 to 1000 (GiB)"),
        ("web:\n  volume_gib: 7", 2, "web.volume_gib cannot be 7", "from 8 to 1000"),
        ("web:\n  volume_gib: '20'", 2, "quotes make it text", "a whole number"),
        ("web:\n  volume_gib: [20]", 2, "cannot be a list", "a whole number"),
        ("database:\n  multi_az: 1", 2, "multi_az cannot be '1'", "yes or no"),
        ("site:\n  domain:", 2, "site.domain cannot be empty", "text"),
        ("target: awss", 1, "target cannot be 'awss'", "one of: auto, aws, sandbox"),
        ("network:\n  cidr: 8.8.0.0/16", 2, "not inside a private range", "text"),
        ("version: 2", 1, "this drucloud reads version 1", "newer drucloud"),
        ("a: &x [1]\nb: *x", 2, "aliases are not allowed", "Write the value out"),
        ("name: [", 1, "this is not YAML", "Correct it there"),
        ("site: !!python/object/apply:os.system ['true']", 1, "'site' is a section", "Its keys are"),
    ],
)
def test_errors_name_source_line_key_and_what_would_be_right(text, line, what, do):
    with pytest.raises(ProfileError) as caught:
        store.loads(text, source="mine.yaml")
    assert caught.value.what.startswith(f"mine.yaml, line {line}: ")
    assert what in caught.value.what
    assert do in caught.value.do


def test_an_alias_bomb_is_refused_before_it_unfolds():
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ProfileError, match="aliases are not allowed"):
        store.loads("\n".join(["l0: &l0 x", *levels]))


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_deep_nesting_is_refused(text):
    with pytest.raises(ProfileError, match="nested too deeply"):
        store.loads(text)


def test_a_huge_or_binary_file_is_refused(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * 70_000)
    with pytest.raises(ProfileError, match="larger than 64 KiB"):
        store.load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="not a text file"):
        store.load(path)
    with pytest.raises(ProfileError, match="cannot be read: No such file"):
        store.load(tmp_path / "none.yaml")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_profile_or_a_profile_error(text):
    try:
        assert isinstance(store.loads(text), Profile)
    except ProfileError as error:
        assert error.what


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(ProfileError) as caught:
        store.loads("site:\n  repository: ssh://git:hunter2@example.com/x.git")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "-oProxyCommand=x",
        "-x@host:path",
        "ssh://-x/y",
        "ssh://-x@host/y",
        "git@host:-x",
        "git@host:a b",
        "git@host:a\x1b[2J",
        "git@host:a\n",
        "https://example.com/x.git",
        "x",
    ],
)
def test_what_git_could_take_for_an_option_is_no_repository(address):
    with pytest.raises(ProfileError):
        store.apply(Profile(), {"site.repository": address})


def test_saving_is_atomic_private_and_leaves_no_draft(tmp_path):
    path = tmp_path / "new" / "mine.yaml"
    old = os.umask(0)
    try:
        store.save(Profile(name="mine"), path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert store.load(path).name == "mine"
    assert [item.name for item in path.parent.iterdir()] == ["mine.yaml"]


def test_saving_keeps_comments_and_adds_only_what_differs_from_its_default(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("# our shop\nname: shop  # short\nweb:\n  # black Friday\n  instance_class: t4g.small\n")
    changed = store.apply(store.load(path), {"web.instance_class": "m7g.large", "database.multi_az": "yes"})
    store.save(changed, path)
    assert path.read_text() == (
        "# our shop\nname: shop  # short\nweb:\n  # black Friday\n  instance_class: m7g.large\n"
        "database:\n  multi_az: true\n"
    )
    assert store.load(path) == changed


@settings(max_examples=30, deadline=None)
@given(profiles(), profiles())
def test_saving_over_another_profile_gives_the_new_one(tmp_path_factory, before, after):
    path = tmp_path_factory.mktemp("saved") / "p.yaml"
    store.save(before, path)
    store.save(after, path)
    assert store.load(path) == after


def test_saving_never_overwrites_what_is_not_a_profile(tmp_path):
    path = tmp_path / "notes.yaml"
    path.write_text("shopping: [milk]\n")
    with pytest.raises(ProfileError, match="no key 'shopping'"):
        store.save(Profile(), path)
    assert path.read_text() == "shopping: [milk]\n"


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.yaml"
    store.save(Profile(name="old"), path)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(Profile(name="new"), path)
    assert store.load(path).name == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["p.yaml"]


def test_names_resolve_to_files_then_saved_profiles_then_presets(tmp_path, monkeypatch):
    monkeypatch.setenv("DRUCLOUD_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    assert store.resolve("starter").parent.name == "presets"
    store.save(Profile(name="shop"), store.saved_path("shop"))
    assert store.saved() == ["shop"]
    assert store.resolve("shop") == store.saved_path("shop")
    (tmp_path / "here.yaml").write_text("")
    assert store.resolve("here.yaml") == Path("here.yaml")
    with pytest.raises(ProfileError) as caught:
        store.resolve("stater")
    assert caught.value.do == "Did you mean 'starter'?"


@pytest.mark.parametrize("name", ["../x", "a/b", "a\0b", "CON", "a--b", "a-", "-a", "", "x" * 40, "aé"])
def test_what_is_no_name_never_becomes_a_path(name):
    with pytest.raises(ProfileError):
        store.saved_path(name)


@pytest.mark.parametrize("name", ["a--b", "ab-", "1ab", "a", "x" * 32, "Ab", "a_b"])
def test_names_that_rds_or_the_file_system_would_refuse(name):
    with pytest.raises(ProfileError, match="name cannot be"):
        store.apply(Profile(), {"name": name})


def test_set_changes_exactly_the_named_keys():
    changed = store.apply(Profile(), {"web.instance_class": "t4g.medium", "cache.nodes": "3", "storage.bucket": "no"})
    assert (changed.web.instance_class, changed.cache.nodes, changed.storage.bucket) == ("t4g.medium", 3, False)
    assert changed.database == Profile().database
    with pytest.raises(ProfileError) as caught:
        store.apply(Profile(), {"web.instance_clas": "t4g.medium"})
    assert caught.value.do == "Did you mean 'web.instance_class'?"


def test_no_key_of_the_profile_can_hold_a_secret():
    for key in by_key():
        assert not any(word in key for word in ("password", "secret", "token", "private", "credential"))
    with pytest.raises(ProfileError, match=r"no key 'database\.password'"):
        store.loads("database:\n  password: x")
