"""What holds on every page of the wizard and on every screen after it: hostile text, resizing, going back.

The pages are taken from the questions, so that a new one is held to the same without a new test.
"""

from pathlib import Path

import pytest
from textual.widgets import Input

from profiles.questions import Choice, by_key
from provisioners.target import DeploymentId
from screens.app import HealthStart, Start, WatchStart
from screens.widgets.choice import Marks
from screens.widgets.picker import Picker, holding
from screens.widgets.question import QuestionRow
from screens.widgets.row_tree import RowTree
from tests.journals import load
from tests.screens.memory_services import SIGN_IN, MemoryServices
from tests.screens.pages import PATH, SIZES, Pages, running
from tests.screens.test_wizard import HOSTILE

ASKING = PATH[1:-1]
DEPLOYMENT = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_in_every_field_of_every_page(size: tuple[int, int]) -> None:
    """The advanced questions too; a field that refuses it holds the page, and what is drawn is only text."""
    async with running(size) as pages:
        filled = set()
        for step in ASKING:
            await pages.enter_to(step)
            await pages.press("f3")
            await pages.until(lambda: pages.step == step and bool(pages.app.screen.query(QuestionRow)))  # noqa: B023
            before = {}
            for row in pages.app.screen.query(f"#step-{step} QuestionRow").results(QuestionRow):
                for field in row.query(Input):
                    before[row.question.key] = field.value
                    await pages.fill(row.question.key, HOSTILE)
                    filled.add(row.question.key)
            await pages.press("enter")
            await pages.pilot.pause(0.2)
            assert not set(pages.text) & set("\x1b\x07\u202e")
            for key, value in before.items():
                await pages.fill(key, value)
            await pages.press("f3")
            await pages.pilot.pause(0.2)
        texts = {key for key, question in by_key().items() if question.kind in ("text", "integer")}
        assert filled == texts, "a question that takes text is on no page"


async def test_every_page_keeps_its_place_and_answers_when_the_terminal_changes() -> None:
    async with running((120, 40)) as pages:
        for step in PATH[1:]:
            await pages.enter_to(step)
            focused = pages.app.focused
            for size in ((60, 18), (200, 60), (40, 10), (80, 24), (120, 40)):
                await pages.pilot.resize_terminal(*size)
                await pages.pilot.pause()
            await pages.until(lambda: pages.step == step, step)  # noqa: B023
            assert pages.app.focused is focused
            number = PATH.index(step) + 1
            await pages.shows(f"Step {number} of {len(PATH) + 2}")


async def test_back_from_every_page_to_the_first() -> None:
    async with running() as pages:
        await pages.enter_to("review")
        for step in reversed(PATH[:-1]):
            await pages.press("escape")
            await pages.at(step)


@pytest.mark.parametrize("start", [WatchStart(DEPLOYMENT), HealthStart(DEPLOYMENT)])
async def test_deploy_and_health_survive_every_size(start: Start) -> None:
    services = MemoryServices(journal=load("starter")[:100] if isinstance(start, WatchStart) else load("starter"))
    async with running((120, 40), services, start) as pages:
        await pages.shows("starter")
        trees = pages.app.screen.query(RowTree)
        if trees:
            await pages.until(lambda: len(trees.first().shown_keys()) > 5, "rows")
            await pages.press("end")
        kept = trees.first().selected if trees else ""
        for size in ((60, 18), (200, 60), (40, 10), (80, 24)):
            await pages.pilot.resize_terminal(*size)
            await pages.pilot.pause(0.1)
        await pages.shows("starter")
        if trees:
            assert trees.first().selected == kept
            assert kept in trees.first().shown_keys()


async def test_stating_the_traffic_proposes_sizes_and_keeps_what_was_chosen_by_hand() -> None:
    async with running((120, 40)) as pages:
        await pages.enter_to("sizing")
        await pages.fill("traffic.visits", "400000")
        await pages.shows("Proposed: ")
        answers = pages.app.screen.session.answers  # type: ignore[attr-defined]
        large = answers.value("web.instance_class"), answers.value("web.servers"), answers.value("balancer.kind")
        assert large != ("t4g.small", 1, "none")
        assert str(pages.row("web.servers").query_one(Input).value) == str(large[1])
        pages.row("database.multi_az").query_one(Marks).focus()
        chosen = "n" if answers.value("database.multi_az") else "y"
        await pages.press(chosen)
        await pages.fill("traffic.visits", "500")
        await pages.shows("Kept as you chose: database.multi_az")
        assert answers.value("database.multi_az") is (chosen == "y")
        assert answers.value("web.servers") == 1


async def test_a_role_asks_for_its_code_and_account_alias_and_region_are_shown() -> None:
    async with running((120, 40), MemoryServices(credentials=True)) as pages:
        await pages.enter_to("target")
        field = pages.row("aws.profile").field
        field.focus()
        field.value = "deploy"  # type: ignore[attr-defined]
        await pages.shows("role Deploy by default, with MFA")
        await pages.press("enter")
        await pages.shows("Enter MFA code for arn:aws:iam::210987654321:mfa/me[x]")
        await pages.press("1", "x", "2", "3", "enter")
        await pages.at("site")
        assert ("code", "123") in pages.services.done
        await pages.shows("210987654321 acme-prod us-east-1")


async def test_no_code_is_told_and_asked_again() -> None:
    async with running((120, 40), MemoryServices(credentials=True)) as pages:
        await pages.enter_to("target")
        pages.row("aws.profile").field.value = "deploy"  # type: ignore[attr-defined]
        await pages.press("enter")
        await pages.shows("MFA code")
        await pages.press("escape")
        await pages.shows("No MFA code was given.")
        assert pages.step == "target"


async def _signing_in(pages: Pages) -> None:
    await pages.enter_to("target")
    pages.row("aws.profile").field.value = "agency[prod]"  # type: ignore[attr-defined]
    await pages.press("enter")
    await pages.shows("Sign in to AWS as profile 'agency[prod]'")
    await pages.shows("Confirm only if it shows the code ABCD-EFGH.")


@pytest.mark.parametrize("size", SIZES)
async def test_single_sign_on_shows_address_and_code_until_it_is_confirmed(size: tuple[int, int]) -> None:
    async with running(size, MemoryServices(credentials=True)) as pages:
        await _signing_in(pages)
        assert SIGN_IN.url in pages.text, "an address is on one line, to be copied by hand"
        await pages.press("f2")
        assert pages.app.clipboard == SIGN_IN.url
        pages.services.signed_in.set()
        await pages.at("site")
        assert ("signed in",) in pages.services.done
        assert "ABCD-EFGH" not in pages.text


async def test_giving_up_a_sign_in_leaves_the_page_and_the_next_try_asks_again() -> None:
    async with running((80, 24), MemoryServices(credentials=True)) as pages:
        await _signing_in(pages)
        await pages.press("escape")
        await pages.shows("You gave up signing in.")
        assert pages.step == "target"
        await pages.press("enter")
        await pages.shows("ABCD-EFGH")
        await pages.press("ctrl+c")
        await pages.shows("You gave up signing in.")
        assert pages.app.is_running


async def test_help_over_a_sign_in_does_not_keep_it_open() -> None:
    async with running((80, 24), MemoryServices(credentials=True)) as pages:
        await _signing_in(pages)
        await pages.press("f1")
        await pages.shows("Keys here")
        pages.services.signed_in.set()
        await pages.until(lambda: ("signed in",) in pages.services.done)
        await pages.press("escape")
        await pages.at("site")


@pytest.mark.parametrize(("key", "step", "typed", "value"), [
    ("aws.region", "target", "frank", "eu-central-1"),
    ("web.instance_class", "sizing", "m7g.large", "m7g.large"),
    ("database.instance_class", "sizing", "R7G.X", "db.r7g.xlarge"),
])  # fmt: skip
@pytest.mark.parametrize("size", [*SIZES, (60, 18), (200, 60)])
async def test_a_long_list_shows_what_is_typed_and_what_that_leaves(
    size: tuple[int, int], key: str, step: str, typed: str, value: str
) -> None:
    async with running(size) as pages:
        await pages.enter_to(step)
        row = pages.row(key)
        row.field.focus()
        for letter in typed:  # as fast as they come: the list opens behind the first
            pages.app.simulate_key(letter)
        await pages.until(lambda: isinstance(pages.app.screen, Picker), "the list")
        picker = pages.app.screen
        assert isinstance(picker, Picker)
        await pages.until(
            lambda: [item.value for item in picker.shown[:1]] == [value] and len(picker.shown) < 12, value
        )
        await pages.shows(f" {len(picker.shown)} of ")
        assert typed in pages.text and row.question.ask.label in pages.text
        await pages.press("enter")
        await pages.at(step)
        assert pages.app.screen.session.answers.value(key) == value  # type: ignore[attr-defined]


def test_every_word_that_is_typed_must_be_held() -> None:
    choices = (Choice("a", "t4g.small", "2 GiB"), Choice("b", "m7g.large", "8 GiB"), Choice("c", "x-m7g", "2 GiB"))
    assert [item.value for item in holding(choices, "m7 gib")] == ["b", "c"]
    assert [item.value for item in holding(choices, "2 GIB")] == ["a", "c"]
    assert holding(choices, " ") == list(choices) and holding(choices, "[") == []


async def test_enter_twice_closes_the_list_and_not_the_page_below() -> None:
    async with running() as pages:
        await pages.enter_to("sizing")
        pages.row("web.instance_class").field.focus()
        await pages.press("space")
        await pages.shows("74 Enter chooses")
        field = pages.app.screen.query_one(Input)
        for _ in range(3):  # all are on their way before the first is heard
            field.post_message(Input.Submitted(field, ""))
        await pages.at("sizing")
        await pages.shows("Step 4 of")
        await pages.press("escape")
        await pages.at("site")


async def test_a_list_that_nothing_is_left_of_says_so_and_keeps_the_answer() -> None:
    async with running() as pages:
        await pages.enter_to("sizing")
        pages.row("web.instance_class").field.focus()
        await pages.press("space")
        await pages.shows("74 Enter chooses")
        await pages.press("z", "z", "[")
        await pages.shows("None of 74 holds 'zz['. Backspace takes letters away.")
        await pages.press("enter")
        assert isinstance(pages.app.screen, Picker)
        await pages.press("backspace", "backspace", "backspace", "down", "pagedown", "up")
        await pages.press("ctrl+c")
        await pages.at("sizing")
        assert pages.app.screen.session.answers.value("web.instance_class") == "t4g.small"  # type: ignore[attr-defined]


async def test_the_review_says_range_security_and_what_costs_less() -> None:
    async with running((120, 60)) as pages:
        await pages.enter_to("review")
        for words in (" to $", "Security", "Open to the Internet: port 80.", "Not in the price"):
            await pages.shows(words)


async def test_the_site_page_says_how_long_drupal_is_supported() -> None:
    async with running((120, 40), clock=lambda: 1_790_000_000.0) as pages:
        await pages.enter_to("site")
        await pages.shows("Drupal 10 is supported until 2026-12-09 (in 79 days)")


async def test_the_review_is_exported_as_files_that_need_no_drucloud(tmp_path: Path) -> None:
    async with running() as pages:
        await pages.enter_to("site")
        await pages.fill("site.repository", "git@github.com:acme/site.git")
        await pages.enter_to("review")
        for folder, words in (("/proc/nowhere", "cannot be written"), (str(tmp_path / "out"), "Saved as")):
            pages.app.screen.query_one("#review-export").focus()
            await pages.press("enter")
            await pages.shows("Export into the folder")
            pages.app.screen.query_one(Input).value = folder
            await pages.press("enter")
            await pages.shows(words)
        assert list((tmp_path / "out").rglob("*.json")) or list((tmp_path / "out").rglob("*.y*ml"))
