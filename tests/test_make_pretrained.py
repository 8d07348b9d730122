"""What the shipped readers are made of, and how reading is counted; nothing is trained here."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import make_pretrained
import no_digits
import pen_digits
import school_hands

import reading
from loupe.classifier.pretrained import pretrained
from loupe.data.dataset import TRAIN, VALIDATION, Dataset, Rows
from loupe.framing import Framing, measure_framing, stroke_widths
from loupe.reading.setting import set_glyph
from strokes import Pen, draw


def plotted(label: int, thickness: int = 24) -> np.ndarray:
    """Draw a digit as MNIST has them, in a plotter's hand."""
    image = np.zeros((280, 280), np.uint8)
    cv2.putText(image, str(label), (70, 240), cv2.FONT_HERSHEY_SIMPLEX, 9, 255, thickness)
    return cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return np.stack([plotted(n % 10, 18 + n % 3 * 6) for n in range(60)])


@pytest.fixture(scope="module")
def framing(digits) -> Framing:
    return measure_framing(digits[..., np.newaxis])


def test_a_pen_digit_is_a_frame_like_the_training_images(digits, framing):
    """Whatever the pen: hairlines are brought back to the width of the training images."""
    generator = np.random.default_rng(0)
    frames = np.stack(
        [pen_digits.pen_digit(digits[n], n % 10, framing, generator)[..., 0] for n in range(60)]
    )
    assert frames.shape == (60, 28, 28) and frames.dtype == np.uint8
    widths = stroke_widths(frames)
    low, high = framing.stroke_width_range
    assert np.mean((widths > 0.7 * low) & (widths < 1.4 * high)) > 0.9


@pytest.mark.parametrize("damage", [damage for _, damage in pen_digits.DAMAGES])
def test_each_damage_changes_a_digit_and_leaves_most_of_it(damage):
    cover = cv2.resize(plotted(5), (140, 140), interpolation=cv2.INTER_CUBIC)
    generator = np.random.default_rng(1)
    damaged = [damage(cover, generator) for _ in range(20)]
    assert all(image.dtype == np.uint8 and image.ndim == 2 for image in damaged)
    assert any(not np.array_equal(image, cover) for image in damaged)
    shares = [image.mean() / cover.mean() for image in damaged]  # whatever the size
    assert 0.5 < np.median(shares) < 1.5


@pytest.mark.parametrize("label", range(10))
def test_the_ways_that_schools_teach_are_read_by_the_reader_that_ships(label):
    generator = np.random.default_rng(100 + label)
    reader = pretrained("mnist")
    framing = Framing.from_dict(reader.card.framing)
    hands = [school_hands.school_digit(label, generator) for _ in range(20)]
    points = np.concatenate([line for hand in hands for line in hand.lines])
    assert points.min() > 2 and points.max() < 26  # the pen has room
    covers = [draw(hand, Pen(float(generator.uniform(1, 4))), 5.0, generator) for hand in hands]
    frames = np.stack([set_glyph(cover, framing, (28, 28, 1)) for cover in covers])
    assert np.mean(reader.predict(frames).argmax(1) == label) >= 0.95


def test_a_hand_repeats_with_its_seed():
    first, again = (school_hands.school_digit(7, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.lines, again.lines, strict=True))
    assert np.array_equal(first.distance, again.distance)


def test_the_date_in_the_card_can_be_set(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert make_pretrained.date_of_source() == "1970-01-02T00:00:00+00:00"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert make_pretrained.date_of_source() == ""


@pytest.mark.parametrize("make", [make for _, make in no_digits.NO_DIGITS])
def test_each_kind_of_no_digit_is_a_frame_and_repeats_with_its_seed(digits, framing, make):
    first, again = (
        [make(digits, framing, generator) for _ in range(5)]
        for generator in (np.random.default_rng(4), np.random.default_rng(4))
    )
    assert all(frame.shape == (28, 28, 1) and frame.dtype == np.uint8 for frame in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_the_others_are_one_class_more_and_only_learnt_from(digits):
    labels, split = np.arange(60) % 10, np.full(60, TRAIN, np.uint8)
    split[40:50], split[50:] = VALIDATION, 2
    data = Dataset(
        "plotted", digits[..., None], labels, split, tuple("0123456789"), Rows("plotted", 60)
    )
    variants, others = digits[:7, ..., None], digits[7:12, ..., None]
    learnt = make_pretrained.with_others(data, variants, labels[:7], others)
    assert learnt.class_names[-1] == "none"
    assert len(learnt.train) == 40 + 7 + 5 and len(learnt.validation) == 10
    assert not len(learnt.test)  # test images are not even there
    assert learnt.train.counts()[-1] == 5 and learnt.validation.counts()[-1] == 0


@pytest.mark.slow
def test_two_makings_are_one_file(digits, monkeypatch):
    """Not only the weights: the date is given, and everything else is of the data and the seed."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    labels, split = np.arange(60) % 10, np.full(60, TRAIN, np.uint8)
    split[40:] = VALIDATION
    data = Dataset(
        "plotted", digits[..., None], labels, split, tuple("0123456789"), Rows("plotted", 60)
    )
    recipe = replace(make_pretrained.DIGITS, epochs=2, batch_size=32)
    files = []
    for _ in range(2):
        pens, written = make_pretrained.pen_digits(data.train, 1, 0)
        others = make_pretrained.no_digits(data.train, 50, 0)
        content = make_pretrained.make(data, pens, written, others, recipe)
        files.append(make_pretrained.settle_threshold(content, [(data.validation.images, 0.1)]))
    assert files[0] == files[1]


def test_noise_blanks_and_letters_are_measured_on_what_was_not_learnt_from():
    noise, blank = make_pretrained.noise(40), make_pretrained.blank()
    assert noise.shape == (40, 28, 28, 1) and blank.shape == (512, 28, 28, 1)
    assert (blank[:256].std((1, 2, 3)) == 0).all()
    assert not set(no_digits.LETTERS) & set("0123456789lIOoZzSsBbgqGDJ")


def test_reading_is_counted_by_glyphs_lines_and_texts():
    results = [
        reading.Result("a", "string", "12\n34", "12\n35", 1.0),
        reading.Result("b", "single", "7", "?", 3.0),
        reading.Result("c", "single", "7", "7", 2.0),
    ]
    row = reading.summary("three", results)
    assert (row["glyphs"]["value"], row["glyphs"]["n"]) == (4 / 6, 6)
    assert (row["lines"]["value"], row["lines"]["n"]) == (2 / 4, 4)
    assert (row["texts"]["value"], row["texts"]["n"]) == (1 / 3, 3)
    assert row["refused"] == 1 and row["milliseconds"] == 2.0
    assert "three | 66.7 (" in reading.as_table([row])


@pytest.mark.parametrize(
    ("first", "second", "count"), [("", "", 0), ("12", "", 2), ("123", "13", 1), ("71", "17", 2)]
)
def test_edits_are_the_fewest_that_do(first, second, count):
    assert reading.edits(first, second) == reading.edits(second, first) == count
