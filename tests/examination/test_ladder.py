import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loupe.examination.ladder import Ladder, Rung, gains, standing


def rung(name, right, n=400):
    return Rung(name, f"the {name}", "", Path("runs") / name, np.arange(n) < right, 1.0, 10, 99)


@pytest.fixture
def ladder():
    rungs = (rung("ground", 40), rung("first", 300), rung("second", 303), rung("third", 340))
    return Ladder("made up", rungs, (), 2, "", Path("runs"))


def test_a_rung_is_tested_against_the_last_that_bought_something(ladder):
    found = [gain and (gain.over, gain.is_real) for gain in ladder.gains]
    assert found == [None, (0, True), (1, False), (1, True)]
    assert ladder.recommended == 3


def test_p_values_are_multiplied_by_the_chances_that_are_left(ladder):
    _, first, second, third = ladder.gains
    assert second.p == min(1.0, 2 * second.difference.p)
    assert third.p == pytest.approx(2 * third.difference.p)
    top = gains(ladder.rungs[:3], 2, 3)[2]
    assert top.p == top.difference.p  # the last rung is the only one that can beat the one below


def test_a_rung_that_is_significantly_worse_buys_nothing():
    found = gains((rung("ground", 200), rung("first", 100)), 2, 2)
    assert found[1].p < 0.05
    assert standing(found) == 0


def test_sentences_name_what_to_take_what_bought_nothing_and_what_was_left_out(ladder):
    text = " ".join(ladder.sentences)
    assert "400 validation images of made up" in text
    assert "Take the the third: it reads 85.00 %" in text
    assert "The the second buys nothing" in text
    cut = replace(ladder, left=("committee",), ended="The 2 minutes were used up.")
    assert cut.sentences[-1] == "The 2 minutes were used up. Not trained: committee."
    worse = replace(ladder, rungs=(rung("ground", 200), rung("first", 100)))
    assert "nothing above it is better" in worse.sentences[1]
    assert "The the first is worse" in worse.sentences[2]


def test_a_ladder_is_plain_json_and_shows_itself_in_a_notebook(ladder):
    content = json.loads(json.dumps(ladder.to_dict(), allow_nan=False))
    assert content["recommended"] == "third"
    assert content["rungs"][2]["gain"]["over"] == "first"
    assert not content["rungs"][2]["gain"]["significant"]
    assert ladder._repr_html_().count("<tr>") == 5
