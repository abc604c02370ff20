"""The live tree and the health page, fed by recorded journals."""

import time
from dataclasses import replace

import pytest
from textual.binding import Binding

from provisioners.engine import events as ev
from provisioners.target import DeploymentId
from screens.app import DrucloudApp, HealthStart, ReviewStart, WatchStart
from screens.deploy import DeployScreen
from screens.health import HealthScreen
from screens.preferences import KEY_IDS, Preferences
from screens.review import ReviewScreen
from screens.widgets.row_tree import RowTree
from screens.wizard import WizardScreen
from tests.journals import BEGIN, load
from tests.screens.memory_services import MemoryServices
from tests.screens.pages import SIZES, running
from tests.screens.test_wizard import HOSTILE
from tests.screens.text_golden import check_frame

DEPLOYMENT = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")


async def test_frame_while_it_runs() -> None:
    services = MemoryServices(journal=[item for item in load("starter") if item.at <= BEGIN + 40])
    async with running(services=services, start=WatchStart(DEPLOYMENT), clock=lambda: BEGIN + 40) as pages:
        await pages.shows("Ctrl+C stops at the next safe point")
        await pages.until(lambda: pages.app.screen.state.last_number == len(services.journal))  # type: ignore[attr-defined]
        await pages.shows("left, by")  # told once a second
        check_frame(pages.app, "deploy-running.80x24")


async def test_frame_after_a_failure() -> None:
    services = MemoryServices(journal=load("starter-failed"))
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("drucloud resume starter")
        check_frame(pages.app, "deploy-failed.80x24")
        await pages.press("q")
        assert pages.app.leaving.code == 1
        assert pages.app.leaving.deployment == DEPLOYMENT


async def test_first_ctrl_c_stops_second_leaves() -> None:
    services = MemoryServices(journal=load("starter")[:100])
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("Ctrl+C stops at the next safe point")
        await pages.press("ctrl+c")
        await pages.shows("Ctrl+C again leaves now")
        await pages.until(lambda: ("request", "stop") in services.done)
        await pages.press("ctrl+c")
        assert pages.app.leaving.code == 130
        assert pages.app.leaving.deployment == DEPLOYMENT


@pytest.mark.parametrize(("key", "asked"), [("r", "rollback"), ("c", "continue")])
async def test_after_ctrl_c_one_can_roll_back_or_continue(key: str, asked: str) -> None:
    services = MemoryServices(journal=load("starter")[:100])
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("Ctrl+C stops")
        await pages.press(key)  # means nothing before Ctrl+C
        assert services.done == []
        await pages.press("ctrl+c")
        await pages.shows("Roll back")
        await pages.press(key)
        if asked == "rollback":  # deletes: the name is typed
            await pages.shows("Type starter and press Enter")
            await pages.press("s", "enter")
            await pages.shows("That is not 'starter'")
            assert ("request", asked) not in services.done
            await pages.press(*"tarter", "enter")
        await pages.until(lambda: ("request", asked) in services.done)


async def test_detaching_says_nothing_went_wrong() -> None:
    services = MemoryServices(journal=load("starter")[:100])
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("Ctrl+C stops")
        await pages.press("d")
        assert pages.app.leaving.code == 0
        assert services.done == []


async def test_the_end_is_shown_when_its_event_comes_alone() -> None:
    services = MemoryServices(journal=load("starter"), released=len(load("starter")) - 1)
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.until(lambda: pages.app.screen.state.last_number == services.released)  # type: ignore[attr-defined]
        services.released += 1
        await pages.shows("Open the health page")
        assert "The engine is gone" not in pages.text


async def test_an_engine_that_vanished_is_told() -> None:
    services = MemoryServices(journal=load("starter")[:100], running=False)
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("The engine is gone")


async def test_following_stops_when_the_user_moves() -> None:
    services = MemoryServices(released=60)
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.until(lambda: pages.app.screen.state.last_number == 60)  # type: ignore[attr-defined]
        tree = pages.app.screen.query_one(RowTree)
        await pages.press("home")
        assert tree.selected == "tier:network"
        services.released = 150
        await pages.until(lambda: pages.app.screen.state.last_number == 150)  # type: ignore[attr-defined]
        assert tree.selected == "tier:network"
        await pages.press("f")
        assert tree.selected != "tier:network"


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_events_are_only_text(size: tuple[int, int]) -> None:
    journal = []
    for item in load("starter-failed"):
        event = item.event
        if isinstance(event, ev.StepProgress):
            event = replace(event, text=HOSTILE)
        if isinstance(event, ev.StepFailed):
            event = replace(event, what=HOSTILE, do=HOSTILE)
        journal.append(replace(item, event=event))
    first = journal[0].event
    lines = [{**line, "label": HOSTILE} for line in first.plan["lines"]]  # type: ignore[union-attr]
    journal[0] = replace(journal[0], event=replace(first, plan={**first.plan, "lines": lines}))  # type: ignore[union-attr, type-var]
    journal.insert(-1, replace(journal[-1], event=ev.LogLine("Database", HOSTILE)))
    async with running(size, MemoryServices(journal=journal), WatchStart(DEPLOYMENT)) as pages:
        await pages.until(lambda: "resources exist" in " ".join(pages.text.split()) or "[/etc/x]" in pages.text)
        for key in ("end", "up", "left", "right", "home", "space"):
            await pages.press(key)
        assert "[/etc/x] [b]" in pages.text


async def test_five_thousand_resources_in_bursts() -> None:
    """Every row of the plan is there, every event is drawn, and the loop is never held for long."""
    lines = [
        {"id": f"R{n}", "type": "AWS::EC2::VPC", "tier": f"t{n % 10}", "label": f"Resource {n}", "action": "create",
         "requires": [f"R{n - 1}"] if n % 500 else [], "children": [], "monthly_usd": 0.0, "expected_seconds": 5.0}
        for n in range(5000)
    ]  # fmt: skip
    first = replace(load("starter")[0].event, plan={"lines": lines})  # type: ignore[type-var]
    events = [first]
    for n in range(5000):
        events += [ev.StepStarted(f"R{n}"), ev.StepProgress(f"R{n}", "creating"), ev.StepFinished(f"R{n}", "created")]
    now = time.time()
    journal = [ev.Stamped(number, now, event) for number, event in enumerate(events, start=1)]
    services = MemoryServices(journal=journal, released=1)
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        while services.released < len(journal):
            services.released += 1500
            await pages.pilot.pause(0.05)
            await pages.press("down")
        await pages.until(lambda: pages.app.screen.state.last_number == len(journal))  # type: ignore[attr-defined]
        await pages.shows("5000 of 5000 done")


async def test_a_destroy_is_reviewed_with_no_as_the_proposal() -> None:
    services = MemoryServices()
    review = replace(services.prepare(services.load_profile("starter"), print), verb="destroy")
    async with running(services=services, start=ReviewStart(lambda progress: review)) as pages:
        await pages.shows("Delete 'starter' in the sandbox?")
        assert pages.app.screen.focused.id == "review-no"  # type: ignore[union-attr]
        await pages.press("enter")
        assert pages.app.leaving.code == 4


async def test_a_destroy_needs_the_name_typed() -> None:
    services = MemoryServices()
    review = replace(services.prepare(services.load_profile("starter"), print), verb="destroy")
    async with running(services=services, start=ReviewStart(lambda progress: review)) as pages:
        await pages.shows("Delete 'starter' in the sandbox?")
        yes, name = (pages.app.screen.query_one(f"#review-{part}") for part in ("yes", "name"))
        assert yes.disabled
        name.focus()
        await pages.press(*"start")
        assert yes.disabled
        await pages.press(*"er", "enter", "enter")
        await pages.until(lambda: ("launch", "starter", "sandbox") in services.done, "the launch")


async def test_yes_launches_without_a_question() -> None:
    services = MemoryServices()
    start = ReviewStart(lambda progress: services.prepare(services.load_profile("starter"), progress), yes=True)
    async with running(services=services, start=start) as pages:
        await pages.shows("Everything stands")
        assert ("launch", "starter", "sandbox") in services.done


async def test_a_crash_shows_no_values(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    services = MemoryServices()

    def broken(deployment: DeploymentId, after: int) -> None:
        password = "hunter2"
        raise RuntimeError(f"a bug, and a local of {len(password)} letters")

    services.poll = broken  # type: ignore[method-assign, assignment]
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.until(lambda: pages.app.leaving.crash is not None)
        assert pages.app.leaving.code == 1
    assert "hunter2" not in capsys.readouterr().err + capsys.readouterr().out
    assert "a bug" in caplog.text


async def test_too_small_a_terminal_says_so() -> None:
    async with running((50, 12)) as pages:
        await pages.shows("at least 60 columns and 18 rows")
        await pages.pilot.resize_terminal(80, 24)
        await pages.shows("Step 1 of")
        await pages.pilot.resize_terminal(50, 12)
        await pages.shows("at least 60 columns and 18 rows")


async def test_the_filter_shows_what_matches_and_escape_shows_all() -> None:
    services = MemoryServices(journal=load("starter")[:100])
    async with running(services=services, start=WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("Ctrl+C stops")
        tree = pages.app.screen.query_one(RowTree)
        await pages.press("slash", *"subnet")
        await pages.until(lambda: bool(tree.shown_keys()) and all("ubnet" in k or ":" in k for k in tree.shown_keys()))
        assert any("ubnet" in key for key in tree.shown_keys())
        few = len(tree.shown_keys())
        await pages.press("escape")
        await pages.until(lambda: len(tree.shown_keys()) > few, "all rows")


async def test_failed_rows_come_first_with_cause_log_cost_and_command() -> None:
    services = MemoryServices(journal=load("starter-failed"))
    async with running((120, 40), services, WatchStart(DEPLOYMENT)) as pages:
        await pages.shows("drucloud resume starter goes on from here")
        state, tree = pages.app.screen.state, pages.app.screen.query_one(RowTree)  # type: ignore[attr-defined]
        failed = next(step for step in state.steps.values() if step.status == "failed")
        assert tree.shown_keys()[:2] == [f"tier:{failed.tier}", failed.id]
        await pages.shows("resources exist and cost")
        assert failed.error[:30] in " ".join(pages.text.split())


@pytest.mark.parametrize("theme", ["dark", "light", "terminal"])
async def test_every_theme_draws_every_page(theme: str) -> None:
    for start in (WatchStart(DEPLOYMENT), HealthStart(DEPLOYMENT)):
        async with running(start=start, preferences=Preferences(theme=theme)) as pages:  # type: ignore[arg-type]
            await pages.shows("starter")
            await pages.press("f1")
            await pages.shows("Keys here")


async def test_keys_are_the_users() -> None:
    wishes = Preferences(keys={"deploy.detach": "x"})
    services = MemoryServices(journal=load("starter")[:100])
    async with running(services=services, start=WatchStart(DEPLOYMENT), preferences=wishes) as pages:
        await pages.shows("Ctrl+C stops")
        await pages.press("question_mark")
        await pages.shows("x Detach [deploy.detach]")
        await pages.press("escape", "d")
        assert pages.app.is_running and pages.app.leaving.words == ()
        await pages.press("x")
        assert pages.app.leaving.deployment == DEPLOYMENT


async def test_every_key_id_is_a_binding_and_in_the_palette() -> None:
    screens = (DrucloudApp, WizardScreen, ReviewScreen, DeployScreen, HealthScreen)
    ids = {b.id for screen in screens for b in screen.BINDINGS if isinstance(b, Binding) and b.id}
    assert ids == set(KEY_IDS)
    async with running(start=HealthStart(DEPLOYMENT)) as pages:
        await pages.shows("starter")
        titles = {command.title for command in pages.app.get_system_commands(pages.app.screen)}
        assert {"Examine", "Open site", "Leave"} <= titles
