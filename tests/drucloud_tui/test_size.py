import json

import pytest

from drucloud_tui.cli import run


def test_the_size_says_what_carries_the_traffic_why_and_how_to_take_it(capsys):
    assert run(["size", "300k", "--logged-in", "5%"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("300,000 visits a month, 5% of them logged in: 8.6 pages a second at the peak")
    assert "web.instance_class=t4g.medium" in said
    assert "peak_over_average=10 " in said
    assert "drucloud replay starter --set traffic.visits=300000 --set traffic.logged_in_percent=5" in said


def test_with_another_assumption_the_answers_themselves_are_taken(capsys):
    run(["size", "1,000,000", "--assume", "peak_over_average=20"])
    said = capsys.readouterr().out
    assert "as you said" in said
    assert "--set web.servers=3 " in said


def test_a_price_that_is_not_known_is_said(capsys):
    run(["size", "1000", "--region", "ap-southeast-5"])
    said = capsys.readouterr().out
    assert "database.instance_class " in said
    assert "things whose price is not known" in said


def test_as_json(capsys):
    assert run(["size", "1000000", "--json", "--profile", "standard"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["answers"]["web.servers"]["value"] == 2
    assert said["monthly_usd"] > 300
    assert said["not_proposed"] == []


@pytest.mark.parametrize("words", [["10"], ["many"], ["1000", "--assume", "x"], ["1000", "--logged-in", "120%"]])
def test_what_makes_no_sense_is_refused(words, capsys):
    assert run(["size", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
