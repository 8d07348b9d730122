"""Whatever is given: an answer or a clear error, never a crash, never a hang."""

import os
import time

import pytest
from strange_pictures import KINDS, strange_picture

import loupe
from loupe.classifier.classifier import Classifier
from loupe.classifier.pretrained import pretrained
from loupe.errors import DataError
from loupe.reading.reader import LAYOUTS

LONGEST = 20.0  # seconds of processor time for one picture: more is a hang


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return pretrained("mnist")


def outcome(number: int, classifier: Classifier) -> str:
    """Read one picture; check that the reading makes sense."""
    kind, content = strange_picture(number)
    layout = LAYOUTS[number // len(KINDS) % len(LAYOUTS)]
    started = time.process_time()
    try:
        reading = loupe.predict(content, classifier, layout=layout)
    except DataError as error:
        assert len(str(error)) > 30  # says what is wrong and what to do
        return "error"
    finally:
        assert time.process_time() - started < LONGEST, (number, kind, layout)
    width, height = reading.size
    for glyph in reading.glyphs:
        left, top, wide, high = glyph.box
        assert 0 <= left < width and 0 <= top < height, (number, kind, layout, glyph.box)
        assert wide >= 1 and high >= 1, (number, kind, layout, glyph.box)
        assert left + wide <= width + 1 and top + high <= height + 1, (number, kind, layout)
        assert glyph.frame.shape == classifier.image_shape
    assert len(reading.text.replace("\n", "")) == len(reading.glyphs)
    return "reading"


def test_strange_pictures_end_in_an_answer_or_a_clear_error(classifier):
    seen = {outcome(number, classifier) for number in range(len(KINDS))}
    assert seen == {"error", "reading"}


@pytest.mark.slow
def test_many_more_strange_pictures_end_in_an_answer_or_a_clear_error(classifier):
    """Set LOUPE_STRANGE_PICTURES=5000 for as many; it takes some minutes."""
    count = int(os.environ.get("LOUPE_STRANGE_PICTURES", "1000"))
    outcomes = [outcome(number, classifier) for number in range(count)]
    assert outcomes.count("reading") > 0.6 * count
    assert outcomes.count("error") > 0.1 * count


@pytest.mark.parametrize("kind", ["black", "white", "one level", "1 x 1"])
def test_there_is_nothing_to_read_on_a_blank_picture(classifier, kind):
    for number in range(len(KINDS) * 3):
        found, content = strange_picture(number)
        if found == kind:
            assert loupe.predict(content, classifier).text == ""
