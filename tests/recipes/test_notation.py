import drawn
import pytest
from hypothesis import given, settings

from loupe.errors import NotationError
from loupe.recipes.notation import Conv, Dense, Dropout, Network, Pool, Residual, parse

EXAMPLES = [
    "",
    "300N-100N",
    "256N-128N-64N-32N",
    "512N",
    "64C3-64C3-MP2-128C3-256C3v-MP2-512N-DO.5-256N-DO.5",
    "64C3v-64C3v-MP2-BN-128C3v-128C3v-MP2-BN-256C3v-MP2-BN-512N",
    "16C5v/2b-32C3p2b-64C3b-64C3p2b",
    "64C3b",
    "64C3p2b",
    "AP2-GAP",
    "MP3/2",
    "BN-DO.5",
    "R(64C3b-64C3b)",
    "R(R(64C3)-DO.25-300N)-300Nb",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_prints_as_it_was_written(text):
    assert str(parse(text)) == text


@settings(max_examples=200, deadline=None)
@given(drawn.networks)
def test_a_network_reads_back_from_what_it_prints(drawn_network):
    network = drawn.made(drawn_network)
    assert parse(str(network)) == network


def test_a_token_says_what_its_layer_is():
    assert parse("64C5v/2p2b").layers == (Conv(64, 5, True, 2, ("p2", "b")),)
    assert parse("300Nb").layers == (Dense(300, ("b",)),)
    assert parse("AP3/2").layers == (Pool("average", 3, 2),)
    assert parse("R(8C3)").layers == (Residual((Conv(8, 3),)),)


def test_suffixes_keep_their_order():
    assert parse("8C3bp2").layers[0].suffixes == ("b", "p2")
    assert parse("8C3bp2") != parse("8C3p2b")


def test_what_goes_without_saying_may_be_said():
    assert parse("64C3/1-MP2/2-DO0.5") == parse("64C3-MP2-DO.5")


def test_blank_text_is_logistic_regression():
    assert parse("") == parse("  ") == Network(())


@pytest.mark.parametrize("rate", [0.5, 0.25, 1e-5, 0.123456789, 0.9999999, 0.0])
def test_a_dropout_rate_keeps_all_its_digits(rate):
    assert parse(str(Dropout(rate))).layers == (Dropout(rate),)


@pytest.mark.parametrize(
    ("text", "token", "why"),
    [
        ("64C3-64X3-MP2", "64X3", "is no layer"),
        ("64C3-MP", "MP", "is no layer"),
        ("64C3 -MP2", "64C3 ", "is no layer"),
        ("64c3", "64c3", "is no layer"),
        ("DO1.5", "DO1.5", "is no layer"),
        ("MP2-DO.99999999999999999999", "DO.99999999999999999999", "is no layer"),
        ("64C3-0N", "0N", "holds 0"),
        ("64C3/0", "64C3/0", "holds 0"),
        ("64C3p0", "64C3p0", "holds 0"),
        ("70000N", "70000N", "expected 1 to 65536"),
        ("9" * 5000 + "N", "9" * 5000 + "N", "expected 1 to 65536"),
        ("64C3-64C2", "64C2", "even kernel"),
        ("8C3-R(8C3-MP2)", "R(8C3-MP2)", "must end with a convolution"),
        ("8C3-R(8C3", "R(8C3", "never closed"),
        ("8C3)-8C3", ")-8C3", "never opened"),
        ("8C3(8C3)", "(8C3)", "only R( does"),
        ("R(8C3)8C3", "8C3", "without a '-'"),
        ("R(8C3(3))", "(3))", "only R( does"),
    ],
)
def test_an_error_points_at_the_token(text, token, why):
    with pytest.raises(NotationError) as caught:
        parse(text)
    assert caught.value.position == text.rindex(token)
    assert f"'{token}' " in str(caught.value) and why in str(caught.value)
    notation, carets = str(caught.value).splitlines()[1:3]
    assert notation.strip() == text
    assert carets.index("^") - 4 == text.rindex(token) and carets.count("^") == len(token)


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("64C3--MP2", 4, "'--' has no layer in between"),
        ("64C3-", 4, "'-' has nothing after it"),
        ("64C3-R(8C3-)-GAP", 10, "'-' has nothing after it"),
        ("64C3-)", 4, "'-' has nothing after it"),
        ("-64C3", 0, "'-' has nothing before it"),
        ("64C3-R(-8C3)", 7, "'-' has nothing before it"),
        ("-", 0, "'-' has nothing before it"),
        ("64C3-R()", 5, r"'R\(' opens a block without layers"),
        ("R(", 0, r"'R\(' opens a block without layers"),
        (")", 0, r"'\)' closes a block that was never opened"),
        ("64C3-(8C3)", 5, r"'\(8C3\)' opens a block, but only R\( does"),
    ],
)
def test_an_error_points_at_where_a_layer_is_missing(text, position, why):
    with pytest.raises(NotationError, match=why) as caught:
        parse(text)
    assert caught.value.position == position


def test_blocks_without_end_are_refused_and_not_followed_to_the_bottom():
    with pytest.raises(NotationError, match="more than 20 blocks"):
        parse("R(" * 5000)


@settings(max_examples=50, deadline=None)
@given(drawn.networks.filter(bool))
def test_an_error_points_into_any_network(drawn_network):
    *before, last = map(str, drawn.made(drawn_network).layers)
    start = "-".join([*before, ""])
    with pytest.raises(NotationError) as caught:
        parse(f"{start}?{last}")
    assert caught.value.position == len(start)
