import pytest

from loupe.classifier import pretrained as packaged
from loupe.classifier.pretrained import PRETRAINED, find_model, pretrained
from loupe.errors import ModelError
from loupe.framing import Framing

MOST_BYTES = 1_000_000
FRAMED = {"mnist": "glyph", "fashion-mnist": "frame"}


@pytest.mark.parametrize("name", PRETRAINED)
def test_each_model_that_ships_is_small_measured_and_refuses(name):
    classifier = pretrained(name)
    assert classifier.size_bytes <= MOST_BYTES
    assert classifier.image_shape == (28, 28, 1)
    assert len(classifier.class_names) == 10
    assert classifier.card.training_data["name"] == name
    assert classifier.card.evaluation["metrics"]["accuracy"]["value"] > 0.9
    assert classifier.card.outlier_threshold is not None
    assert Framing.from_dict(classifier.card.framing).kind == FRAMED[name]
    assert {"figures", "known_failures"} <= classifier.card.evaluation.keys()
    assert find_model(name) is classifier  # loaded once


def test_every_file_that_ships_is_listed():
    files = {path.name for path in packaged.FOLDER.glob("*.onnx")}
    assert files == {f"{name}.onnx" for name in PRETRAINED}


def test_a_model_that_does_not_ship_is_named_with_those_that_do():
    with pytest.raises(ModelError, match=r"'fashion_mnist'.*Did you mean 'fashion-mnist'\?"):
        pretrained("fashion_mnist")


def test_an_installation_without_its_models_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    pretrained.cache_clear()
    with pytest.raises(ModelError, match="is not whole"):
        find_model()
    pretrained.cache_clear()
