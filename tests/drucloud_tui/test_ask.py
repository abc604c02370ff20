"""Questions, asked in a real pseudo-terminal."""

import sys
from typing import get_args

import pytest
import yaml

from drucloud_tui.ask import ArrowAsker, NumberedAsker, answered_keys, ask_profile, asker
from drucloud_tui.display import Terminal as Kind
from profiles.errors import UsageError
from profiles.model import Profile
from profiles.pages import PAGES, PageName
from profiles.questions import questions
from profiles.store import loads
from tests.drucloud_tui.terminal import Terminal

PROGRAM = """
import sys
from typing import get_args
from drucloud_tui import ask, display, failures
from profiles.store import loads
def main():
    profile = loads({profile!r}, source="test")
    asker = ask.asker(display.Terminal.here(), "Say it in a file.")
    answered = ask.answered_keys(profile)
    profile = ask.ask_profile(profile, answered, asker)
    print("RESULT", profile.name, profile.site.branch, profile.cache.nodes, profile.database.multi_az,
          profile.web.instance_class)
try:
    main()
except BaseException as error:
    sys.exit(failures.handle(error))
"""

LEFT = ("name", "site.branch", "web.instance_class", "database.multi_az", "cache.nodes")


def answers(but=()):
    """A profile that answers every question of the wizard with its default, except those in ``but``."""
    data = {"version": 1}
    for question in questions(Profile):
        if question.key in but or question.ask.advanced:
            continue
        *sections, name = question.key.split(".")
        place = data
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = "sandbox" if question.key == "target" else question.default
    return yaml.safe_dump(data)


NOTHING_LEFT = answers()
FIVE_LEFT = answers(but=LEFT)


def program(profile):
    return [sys.executable, "-c", PROGRAM.format(profile=profile)]


def test_only_what_is_not_answered_is_asked():
    with Terminal(program(NOTHING_LEFT), {"TERM": "dumb"}) as terminal:
        text, code = terminal.end()
    assert code == 0
    assert text.strip() == "RESULT starter main 1 False t4g.small"


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"ACCESSIBLE": "1"}])
def test_numbered_prompts_take_defaults_and_refuse_nonsense(environ):
    with Terminal(program(FIVE_LEFT), environ) as terminal:
        shown = terminal.expect("Answer [starter]: ")
        assert "Name. Name of the deployment" in shown
        terminal.send("Not A Name\n")
        terminal.expect("Answer [starter]: ")
        terminal.send("shop\n")
        terminal.expect("Answer [main]: ")
        terminal.send("\n")
        assert "t4g.small" in terminal.expect("Number 1 to ")
        terminal.send("99999\n")
        terminal.expect("is not a number from 1 to")
        terminal.send("\n")
        terminal.expect("[y/N]: ")
        terminal.send("maybe\n")
        terminal.expect("Please answer y or n.")
        terminal.send("y\n")
        terminal.expect("Answer [1]: ")
        terminal.send("two\n")
        terminal.expect("whole number")
        terminal.send("2\n")
        text, code = terminal.end()
    assert "RESULT shop main 2 True t4g.small" in text
    assert code == 0
    assert "\x1b" not in text


def test_ctrl_c_at_a_numbered_prompt_is_130():
    with Terminal(program(FIVE_LEFT), {"TERM": "dumb"}) as terminal:
        terminal.expect("Answer [starter]: ")
        terminal.ctrl_c()
        assert terminal.end()[1] == 130


def test_end_of_input_at_a_numbered_prompt_is_130():
    with Terminal(program(FIVE_LEFT), {"TERM": "dumb"}) as terminal:
        terminal.expect("Answer [starter]: ")
        terminal.send("\x04")
        assert terminal.end()[1] == 130


def test_arrow_prompts_take_defaults():
    with Terminal(program(FIVE_LEFT)) as terminal:
        for wanted in ("Name", "Branch", "Web server class", "Standby database", "Memcached nodes"):
            terminal.expect(wanted)
            terminal.send("\r")
        text, code = terminal.end()
    assert "RESULT starter main 1 False t4g.small" in text
    assert code == 0


def test_ctrl_c_at_an_arrow_prompt_is_130():
    with Terminal(program(FIVE_LEFT)) as terminal:
        terminal.expect("Name")
        terminal.ctrl_c()
        assert terminal.end()[1] == 130


def test_nobody_is_asked_without_a_terminal():
    with pytest.raises(UsageError, match="no terminal") as caught:
        asker(Kind(stdin_is_tty=False, stderr_is_tty=True, term="xterm"), "Say --yes.")
    assert caught.value.do == "Say --yes."


def test_kind_of_asker():
    assert isinstance(asker(Kind(True, True, "dumb"), ""), NumberedAsker)
    assert isinstance(asker(Kind(True, True, "xterm", accessible=True), ""), NumberedAsker)
    assert isinstance(asker(Kind(True, True, "xterm"), ""), ArrowAsker)


def test_answered_keys_are_those_that_were_set():
    profile = loads("version: 1\nname: shop\nweb: {instance_class: t4g.small}\n", source="test")
    assert answered_keys(profile) == {"version", "name", "web.instance_class"}
    assert answered_keys(Profile()) == set()


class Decline:
    def page(self, heading, words):
        pass

    def text(self, label, hint, default, check):
        return default

    def choose(self, label, hint, choices, default):
        return default

    def confirm(self, label, default):
        return default


def test_defaults_all_the_way_leave_the_profile_as_it_was():
    assert ask_profile(Profile(), frozenset(), Decline()) == Profile()


def test_every_page_is_announced_with_its_place(capsys):
    said = []

    class Telling(Decline):
        def page(self, heading, words):
            said.append(heading)

    ask_profile(Profile(), frozenset(), Telling())
    asked = {question.ask.screen for question in questions(Profile) if not question.ask.advanced}
    pages = [page for page in PAGES if page.name in asked]
    assert said == [f"Step {n} of {len(pages)}: {page.heading}" for n, page in enumerate(pages, start=1)]


def test_every_page_a_question_may_name_is_one():
    assert [page.name for page in PAGES] == list(get_args(PageName))
