from loupe.recipes.named import NAMED
from loupe.reporting.network_drawing import layer_blocks


def test_the_line_starts_with_the_image_and_ends_with_the_classes() -> None:
    blocks = layer_blocks("20C5-MP2-100N", (28, 28, 3), 47)
    assert [block.token for block in blocks] == ["image", "20C5", "MP2", "100N", "output"]
    assert blocks[0].shape == "28 × 28 × 3"
    assert blocks[-1].shape == "47"


def test_every_named_network_can_be_drawn() -> None:
    assert NAMED
    for named in NAMED.values():
        assert layer_blocks(named.network, (28, 28, 1), 10)
