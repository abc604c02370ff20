"""The wizard, step by step: forward, back, wrong answers, drafts, hostile text."""

import re
from dataclasses import replace

import pytest

from profiles.model import Profile
from provisioners.target import DeploymentId
from screens.services import Draft, GitAccess, KnownDeployment, Notice
from screens.widgets.choice import Marks
from tests.screens.memory_services import MemoryServices
from tests.screens.pages import PATH, SIZES, running
from tests.screens.text_golden import check_frame

HOSTILE = "[/etc/x] [b]\x1b[31mred\x1b]0;title\x07 [link=x]\u202e漢字 🚀 " + "x" * 300


@pytest.mark.parametrize("size", SIZES)
async def test_a_newcomer_presses_only_enter(size: tuple[int, int]) -> None:
    async with running(size) as pages:
        await pages.enter_to("HealthScreen")
        await pages.shows("Open http://127.0.0.1:8080/")
        names = [call[0] for call in pages.services.done]
        assert names == ["open", "git", "prepare", "save", "launch", "examine"]
        assert pages.services.done[3:5] == [("save", "starter"), ("launch", "starter", "sandbox")]
        assert pages.services.draft is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("step", "number"), [(step, number) for number, step in enumerate(PATH, start=1)][1:])
async def test_each_step_says_where_it_is_and_goes_back(size: tuple[int, int], step: str, number: int) -> None:
    async with running(size) as pages:
        await pages.enter_to(step)
        await pages.shows(f"Step {number} of {len(PATH) + 2}")
        await pages.press("escape")
        await pages.shows(f"Step {number - 1} of {len(PATH) + 2}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("step", "key", "wrong", "sentence"),
    [
        ("site", "name", "Not A Name", "name cannot be 'Not A Name'"),
        ("site", "site.domain", "no domain!", "site.domain cannot be"),
        ("site", "site.repository", "https://user:hunter2@host/x", "site.repository cannot be"),
        ("site", "site.branch", "-x", "site.branch cannot be"),
        ("site", "site.docroot", "../..", "site.docroot cannot be"),
        ("sizing", "database.storage_gib", "lots", "a whole number from 20 to 65536"),
        ("cache", "cache.nodes", "0", "a whole number from 1 to 20"),
        ("cache", "cache.micro_cache_seconds", "", "a whole number from 1 to 3600"),
    ],
)
async def test_a_wrong_answer_holds_forward_but_not_back(
    size: tuple[int, int], step: str, key: str, wrong: str, sentence: str
) -> None:
    async with running(size) as pages:
        await pages.enter_to(step)
        await pages.fill(key, wrong)
        await pages.press("enter")
        await pages.shows(sentence)
        assert pages.step == step
        assert "hunter2" not in pages.row(key).query_one(".question--error").render().plain  # type: ignore[union-attr]
        await pages.press("escape")
        await pages.until(lambda: pages.step != step, "the page before")
        await pages.press("enter")
        await pages.at(step)
        assert pages.row(key).query_one("Input").value == wrong  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("step", "key"),
    [("site", "name"), ("site", "site.domain"), ("site", "site.repository"), ("site", "site.branch"),
     ("site", "site.docroot"), ("sizing", "database.storage_gib"), ("cache", "cache.nodes")],
)  # fmt: skip
async def test_hostile_text_is_only_text(size: tuple[int, int], step: str, key: str) -> None:
    async with running(size) as pages:
        await pages.enter_to(step)
        await pages.fill(key, HOSTILE)
        await pages.press("enter")
        await pages.shows("cannot be")
        assert pages.step == step
        assert not set(pages.text) & set("\x1b\x07\u202e")


async def test_answers_survive_back_and_reach_the_review() -> None:
    async with running() as pages:
        await pages.enter_to("site")
        await pages.fill("name", "shop")
        await pages.enter_to("cache")
        await pages.press("escape", "escape")
        await pages.at("site")
        assert pages.row("name").query_one("Input").value == "shop"  # type: ignore[attr-defined]
        await pages.enter_to("review")
        assert ("prepare", "shop") in pages.services.done


async def test_choices_answer_to_keys() -> None:
    async with running() as pages:
        await pages.enter_to("sizing")
        pages.row("database.multi_az").query_one(Marks).focus()
        await pages.press("y")
        await pages.shows("● yes ○ no")
        pages.row("web.instance_class").field.focus()
        await pages.press("space", "down", "enter")
        await pages.enter_to("cache")
        profile: Profile = pages.app.screen.session.answers.profile()  # type: ignore[attr-defined]
        assert profile.database.multi_az is True
        assert profile.web.instance_class != Profile().web.instance_class


async def test_a_draft_is_kept_and_offered_again() -> None:
    services = MemoryServices()
    async with running(services=services) as pages:
        await pages.enter_to("site")
        await pages.fill("site.domain", "not valid at all!")
        await pages.until(lambda: services.draft is not None and services.draft.answers["site.domain"] != "")
        await pages.press("ctrl+c")
        await pages.shows("Leave drucloud?")
        await pages.press("right", "enter")
        assert pages.app.leaving.code == 4
    async with running(services=services) as again:
        await again.shows("Go on where you left off")
        await again.press("enter")
        await again.at("site")
        assert again.row("site.domain").query_one("Input").value == "not valid at all!"  # type: ignore[attr-defined]


async def test_ctrl_c_twice_leaves_at_once() -> None:
    async with running() as pages:
        await pages.enter_to("sizing")
        await pages.press("ctrl+c", "ctrl+c")
        assert pages.app.leaving.code == 130


async def test_the_sandbox_starts_while_one_goes_on_answering() -> None:
    services = MemoryServices()
    services.gate.clear()
    async with running(services=services) as pages:
        await pages.enter_to("site")
        await pages.press("enter")
        await pages.shows("building the base image, 40 %")
        assert pages.step == "site"
        await pages.press("escape")
        await pages.at("target")
        await pages.press("enter")
        await pages.at("site")
        services.gate.set()
        await pages.press("enter")
        await pages.at("sizing")


async def test_wrong_credentials_are_told_before_the_next_step() -> None:
    async with running(services=MemoryServices(credentials=True, credentials_work=False)) as pages:
        await pages.enter_to("target")
        await pages.press("enter")
        await pages.shows("AWS does not know these credentials [InvalidClientTokenId]. Run 'aws configure'.")
        assert pages.step == "target"


async def test_an_unknown_host_key_is_shown_and_kept_when_confirmed() -> None:
    unknown = GitAccess("unknown_host_key", "", "", "git.example.org", "ssh-ed25519 AAAAkey", "SHA256:abc[/x]")
    services = MemoryServices(access=[unknown, unknown, GitAccess("ok", "The branch main can be read.")])
    async with running(services=services) as pages:
        await pages.enter_to("site")
        await pages.fill("site.repository", "git@git.example.org:shop.git")
        await pages.press("enter")
        await pages.shows("SHA256:abc[/x]")
        await pages.press("enter")  # the proposal is no
        await pages.shows("was not confirmed")
        assert pages.step == "site"
        await pages.press("enter")
        await pages.shows("SHA256:abc[/x]")
        await pages.press("right", "enter")
        await pages.at("sizing")
        assert services.done[-1] == ("git", "git@git.example.org:shop.git", "ssh-ed25519 AAAAkey")


async def test_a_refused_key_says_what_to_do() -> None:
    refused = GitAccess("failed", "github.com refused the key [publickey].", "Paste the deploy key there.")
    async with running(services=MemoryServices(access=[refused])) as pages:
        await pages.enter_to("site")
        await pages.press("enter")
        await pages.shows("refused the key [publickey]. Paste the deploy key there.")
        assert pages.step == "site"


async def test_review_on_aws_proposes_no() -> None:
    async with running(services=MemoryServices(credentials=True)) as pages:
        await pages.enter_to("review")
        await pages.shows("Build this in account 210987654321?")
        assert pages.app.screen.focused.id == "review-no"  # type: ignore[union-attr]
        await pages.press("enter")
        await pages.at(PATH[-2])
        assert not [call for call in pages.services.done if call[0] == "launch"]


async def test_a_failed_preflight_forbids_the_launch() -> None:
    notices = (Notice("fail", "The VPC quota [5] is used up.", "Ask AWS for more."),)
    async with running(services=MemoryServices(notices=notices)) as pages:
        await pages.enter_to("review")
        await pages.shows("✗ fail The VPC quota [5] is used up. Ask AWS for more.")
        assert pages.app.screen.query_one("#review-yes").disabled


async def test_the_profile_is_saved_at_review() -> None:
    async with running() as pages:
        await pages.enter_to("review")
        pages.app.screen.query_one("#review-save").focus()
        await pages.press("enter")
        await pages.shows("Save the profile as")
        await pages.press("enter")
        await pages.shows("Saved as profiles/starter.yaml")
        assert ("save", "starter") in pages.services.done


async def test_ascii_terminals_get_ascii_marks() -> None:
    """On every page from welcome to health."""
    async with running(ascii_only=True) as pages:
        for step in (*PATH, "DeployScreen", "HealthScreen"):
            await pages.enter_to(step)
            if step == "sizing":
                await pages.shows("( ) yes (*) no")
            assert not {letter for letter in pages.text if not letter.isascii()}, step


async def test_no_color_keeps_every_state_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running() as pages:
        await pages.enter_to("sizing")
        await pages.shows("○ yes ● no")


async def test_review_frame() -> None:
    async with running() as pages:
        await pages.enter_to("review")
        await pages.press("down")
        check_frame(pages.app, "wizard-review.80x24")


async def test_a_draft_of_an_unknown_key_is_ignored() -> None:
    async with running(services=MemoryServices(draft=Draft({"no.such": 1, "name": "shop"}, "sizing"))) as pages:
        await pages.shows("Go on where you left off")
        await pages.press("enter")
        await pages.at("sizing")


async def test_deployments_that_stand_are_offered() -> None:
    place = DeploymentId("sandbox", "123456789012", "us-east-1", "shop")
    known = (
        KnownDeployment(place, "ok", False, verb="create"),
        KnownDeployment(replace(place, name="busy"), "running", True, verb="create"),
        KnownDeployment(replace(place, name="gone"), "ok", False, verb="destroy"),
    )
    async with running(services=MemoryServices(known=known)) as pages:
        await pages.shows("Deployment busy: running")
        assert "gone" not in pages.text
        await pages.press("down", "down", "enter")
        await pages.at("HealthScreen")
        await pages.shows("Open http://127.0.0.1:8080/")


@pytest.mark.parametrize("size", SIZES)
async def test_the_total_follows_each_answer_and_says_which(size: tuple[int, int]) -> None:
    async with running(size) as pages:
        await pages.shows("a month on AWS")
        await pages.enter_to("sizing")
        pages.row("database.multi_az").query_one(Marks).focus()
        await pages.press("y")
        await pages.until(lambda: re.search(r"\+\$\d+\.\d\d by .*: yes", pages.text) is not None, "the difference")
        await pages.press("n")
        await pages.until(lambda: re.search(r"-\$\d+\.\d\d by .*: no", pages.text) is not None, "the difference back")
        await pages.press("enter")
        await pages.at("cache")
        await pages.shows("a month on AWS")


async def test_a_launch_says_where_the_profile_was_saved() -> None:
    async with running() as pages:
        await pages.enter_to("DeployScreen")
        await pages.press("q")
        assert pages.app.leaving.words == ("Saved the profile as profiles/starter.yaml.",)


async def test_help_for_the_question_under_the_cursor() -> None:
    async with running() as pages:
        await pages.enter_to("site")
        pages.row("site.domain").field.focus()
        await pages.press("question_mark")
        await pages.shows("--set site.domain=VALUE")
        await pages.press("question_mark")
        await pages.until(lambda: pages.step == "site", "the page")
        assert "?" not in pages.row("site.domain").query_one("Input").value  # type: ignore[attr-defined]


async def test_keys_jump_to_completed_steps_only() -> None:
    async with running() as pages:
        await pages.enter_to("cache")
        await pages.press("alt+2")
        await pages.at("target")
        await pages.press("alt+5")
        await pages.pilot.pause(0.2)
        assert pages.step == "target"


async def test_the_express_path_has_four_pages() -> None:
    async with running() as pages:
        await pages.shows("Express: starter")
        await pages.press("down", "enter")
        await pages.at("name")
        await pages.shows("Step 2 of 4")
        await pages.fill("name", "Not A Name")
        await pages.press("enter")
        await pages.shows("name cannot be")
        await pages.fill("name", "shop")
        await pages.press("enter")
        await pages.at("domain")
        await pages.fill("site.domain", "shop.example.org")
        await pages.press("enter")
        await pages.at("review")
        await pages.ready()
        await pages.press("escape")
        await pages.at("domain")
        await pages.press("enter")
        await pages.at("review")
        await pages.ready()
        await pages.press("enter")
        await pages.at("DeployScreen")
        assert ("launch", "shop", "sandbox") in pages.services.done
        assert ("git", "canary", "") in pages.services.done


async def test_f3_shows_the_advanced_questions_too() -> None:
    async with running() as pages:
        await pages.enter_to("sizing")
        assert not pages.app.screen.query("#q-network-cidr")
        await pages.press("f3")
        await pages.until(lambda: bool(pages.app.screen.query("#q-network-cidr")), "an advanced question")
        await pages.fill("network.cidr", "8.8.0.0/16")
        await pages.press("enter")
        await pages.shows("network.cidr cannot be")
        await pages.press("f3")
        await pages.until(lambda: not pages.app.screen.query("#q-network-cidr"), "the ordinary ones")
