"""A tour of the program in a real tmux, as golden text frames on the three terminals people have."""

import shutil
import sys

import pytest

from tests.screens.text_golden import FRAMES
from tests.screens.tour import SIZES, STOPS, Tmux, tour

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux here"),
]


@pytest.mark.parametrize("size", SIZES)
def test_every_frame_is_the_golden_one(size: tuple[int, int]) -> None:
    seen = 0
    for name, frame in tour(size):
        golden = FRAMES / f"{name}.txt"
        assert frame == golden.read_text(encoding="utf-8"), f"{name} differs: look at it, then run tests.screens.tour"
        assert all(len(line) <= size[0] for line in frame.splitlines())
        seen += 1
    assert seen == len(STOPS)


def test_a_deploy_keeps_its_place_when_the_terminal_is_resized() -> None:
    """On a real terminal: the signal, the new size, and a picture that fits it."""
    with Tmux([sys.executable, "-m", "tests.screens.program", "deploy"], (80, 24)) as terminal:
        terminal.settled("Ctrl+C stops at the next safe point")
        terminal.press("End")
        last = "waiting Checks"
        terminal.settled(last)
        for width, height in ((120, 40), (200, 60), (60, 18), (80, 24)):
            terminal.resize(width, height)
            frame = terminal.settled(last, "Ctrl+C stops at the next safe point")
            assert len(frame.splitlines()) == height


def test_a_terminal_that_becomes_too_small_says_so_and_comes_back_where_it_was() -> None:
    """In any order of sizes, also without a rest between them."""
    with Tmux([sys.executable, "-m", "tests.screens.program", "deploy"], (80, 24)) as terminal:
        page, sentence = "Ctrl+C stops at the next safe point", "drucloud needs at least 60 columns and 18 rows."
        terminal.settled(page)
        terminal.press("End")
        for sizes in (((120, 40), (200, 60), (60, 18), (50, 12)), ((200, 60), (59, 18)), ((80, 24), (80, 17))):
            for width, height in sizes:
                terminal.resize(width, height)
            covered = terminal.settled(sentence)
            assert page not in covered and "waiting Checks" not in " ".join(covered.split())
            terminal.resize(80, 24)
            assert len(terminal.settled("waiting Checks", page).splitlines()) == 24
