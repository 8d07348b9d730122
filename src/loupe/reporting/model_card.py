"""The model card: a README.md as Hugging Face shows it beside a model, made of what was measured.

Its front matter is YAML whose texts are written as JSON strings, which YAML reads as they are.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loupe.classifier.card import Card
from loupe.classifier.classifier import Classifier
from loupe.framing import Framing
from loupe.reporting.words import NARROW, count, interval, listed, of, percent, size

# The names under which Hugging Face has the public sets.
HUB_DATASETS = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
HUB_METRICS = ("accuracy", "precision", "recall", "f1")  # those that it knows by these names
SPLIT_NOUNS = {"train": "training image", "validation": "validation image", "test": "test image"}
MOST_CLASSES = 30  # that the text lists


def model_card(classifier: Classifier, name: str, evaluation: Mapping[str, Any] | None) -> str:
    """Write the card of a model.

    Args:
        classifier: the model.
        name: what it is called.
        evaluation: content of its run's evaluation.json; figures on validation images are in the
            model file itself.

    Returns:
        Markdown with YAML front matter. The licence is left for the model's owner to choose.
    """
    card = classifier.card
    measured = [each for each in (evaluation, card.evaluation) if each and each.get("metrics")]
    if len(measured) == 2 and measured[0].get("split") == measured[1].get("split"):
        measured = measured[:1]
    parts = [
        "---",
        *_front_matter(card, name, measured),
        "---",
        "",
        f"# {_text(name)}",
        "",
        _what_it_is(classifier),
        *_section("How to use it", _how_to_use(classifier)),
        *_section("Training data", _training_data(card)),
        *_section("Framing", _framing(Framing.from_dict(card.framing))),
        *_section("Figures", _figures(measured)),
        *_beyond(card.evaluation.get("figures", {})),
        *_section("Limits", _limits(card, measured)),
    ]
    return "\n".join(parts).replace(NARROW, " ") + "\n"


def _front_matter(card: Card, name: str, measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    data = str(card.training_data.get("name", ""))
    yield "# license: choose one, as in `license: mit`, and put it here"
    yield "library_name: onnx"
    yield "pipeline_tag: image-classification"
    yield "tags:"
    yield from (f"  - {tag}" for tag in ("onnx", "image-classification", "loupe"))
    if data in HUB_DATASETS:
        yield "datasets:"
        yield f"  - {HUB_DATASETS[data]}"
    if not measured:
        return
    yield "metrics:"
    yield from (f"  - {metric}" for metric in HUB_METRICS if metric in measured[0]["metrics"])
    yield "model-index:"
    yield f"  - name: {_quoted(name)}"
    yield "    results:"
    for evaluation in measured:
        yield "      - task:"
        yield "          type: image-classification"
        yield "        dataset:"
        yield f"          name: {_quoted(_data_of(evaluation, data))}"
        yield f"          type: {_quoted(HUB_DATASETS.get(data, data) or 'unknown')}"
        yield f"          split: {_quoted(evaluation['split'])}"
        yield "        metrics:"
        for metric, figure in _finite(evaluation):
            low, high = f"{figure['low']:.4f}", f"{figure['high']:.4f}"
            said = f"{metric}, n = {evaluation['n']}, 95 % interval {low} to {high}"
            yield f"          - type: {metric}"
            yield f"            value: {figure['value']:.6g}"
            yield f"            name: {_quoted(said)}"


def _what_it_is(classifier: Classifier) -> str:
    height, width, channels = classifier.image_shape
    names = classifier.class_names
    shown = listed([_code(name) for name in names[:MOST_CLASSES]])
    more = f" and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    return (
        f"It tells {of(len(names), 'class', 'classes')} apart: {shown}{more}. It looks at "
        f"{'grey' if channels == 1 else 'RGB'} images of {width} x {height} pixels. `model.onnx` "
        f"({size(classifier.size_bytes)}) takes raw pixels and gives probabilities; "
        f"everything in between is in the file. Made with Loupe {classifier.version}."
    )


def _how_to_use(classifier: Classifier) -> Iterator[str]:
    shape = " ".join(map(str, classifier.image_shape))
    yield "```python"
    yield "import loupe"
    yield 'reading = loupe.predict("photo.jpg", model="model.onnx")'
    yield "print(reading.text)"
    yield "```"
    yield ""
    yield (
        f"Without Loupe, any ONNX Runtime will do: input `images`, uint8 `[n {shape}]`, framed as "
        "below; outputs `probabilities`, `features` and `outlier`. Class names, framing and the "
        "threshold of `outlier` are JSON in the file's metadata, under `loupe.card`."
    )


def _training_data(card: Card) -> Iterator[str]:
    data, recipe = card.training_data, card.recipe
    counts = data.get("counts", {})
    parts = [
        of(total, SPLIT_NOUNS[split]) if split in SPLIT_NOUNS else f"{count(total)} {split}"
        for split, number in counts.items()
        if (total := sum(number) if isinstance(number, list) else number)
    ]
    yield f"- Data: {_code(str(data.get('name', 'unknown')))}, {listed(parts) or 'not counted'}"
    if data.get("fingerprint"):
        yield f"- Fingerprint of the data (SHA-256): `{data['fingerprint']}`"
    if recipe:
        network = recipe.get("network") or "logistic regression"
        yield (
            f"- Recipe: {_code(str(recipe.get('name', '')))}, network `{network}`, "
            f"{of(recipe.get('members', 1), 'network')}, {of(recipe.get('epochs', 0), 'epoch')}, "
            f"seed {recipe.get('seed')}"
        )
    yield f"- Created: {card.created}"


def _framing(framing: Framing) -> Iterator[str]:
    if framing.kind == "none":
        yield "The training images are pictures without a plain background: others are only fitted."
        return
    yield (
        "How the objects sit in the training images, measured. Loupe sets every picture like this "
        "before it is classified; other programs have to do it themselves."
    )
    yield ""
    yield f"- {framing.polarity.capitalize()}, background {', '.join(map(str, framing.background))}"
    yield (
        f"- Longer side of the objects {framing.longer_side:g} pixels, in {framing.width} x "
        f"{framing.height}"
    )
    if framing.centring != "none":
        where = {"mass": "Centre of mass", "box": "Middle of the box"}[framing.centring]
        yield f"- {where} at {framing.centre[1]:g}, {framing.centre[0]:g} (x, y)"
    if framing.kind == "glyph":
        low, high = framing.stroke_width_range
        yield (
            f"- Strokes {framing.stroke_width:g} pixels wide, nine in ten from {low:g} to {high:g}"
        )


def _figures(measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not measured:
        yield "None: it was trained without validation images, and not measured on test images."
        return
    yield "| metric | images | value | 95 % interval | by |"
    yield "|---|---|--:|---|---|"
    for evaluation in measured:
        n = evaluation["n"]
        for metric, figure in _finite(evaluation):
            low, high = figure["low"], figure["high"]
            value, bounds = f"{figure['value']:.4f}", f"{low:.4f} to {high:.4f}"
            if metric in (*HUB_METRICS, "top_3_accuracy"):
                value, bounds = percent(figure["value"], n), interval(low, high, n)
            yield (
                f"| {metric} | {count(n)} {evaluation['split']} | {value} | {bounds} "
                f"| {figure['interval']} |"
            )


def _beyond(figures: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """What else its makers measured and wrote into the card, as what share of noise it refuses."""
    if not figures:
        return
    yield ""
    yield "| also measured | of | share | 95 % interval |"
    yield "|---|--:|--:|---|"
    for name, figure in figures.items():
        n = int(figure["n"])
        bounds = interval(figure["low"], figure["high"], n)
        yield f"| {_text(name)} | {count(n)} | {percent(figure['value'], n)} | {bounds} |"


def _limits(card: Card, measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    splits = {each["split"]: each for each in measured}
    yield (
        "- The figures are of images like the training images. How well it reads photos and scans "
        "depends on how they are framed, and is not among them."
    )
    if "test" not in splits:
        yield "- It was not measured on test images" + (
            ": choices were made on the validation images, so expect a little less."
            if splits
            else ", and nothing is known of how good it is."
        )
    elif splits["test"].get("looks_at_test", 1) > 1:
        looks = splits["test"]["looks_at_test"]
        yield f"- Its test images were looked at {looks} times: each look flatters a little more."
    if card.outlier_threshold is None:
        yield (
            "- It refuses nothing: without validation images there is no threshold, so that it "
            "gives one of its classes to whatever it is shown."
        )
    else:
        yield (
            f"- An `outlier` over {card.outlier_threshold:.4g} means: none of my classes. It does "
            "not catch everything that is none."
        )
    if not card.training_data.get("counts", {}).get("validation"):
        yield "- No validation images were kept, so its probabilities are not calibrated."
    if card.evaluation.get("known_failures"):
        yield f"- Known failures: {_text(card.evaluation['known_failures'])}"
    yield "- It knows nothing of who wrote or made the images, and of no other classes."


def _section(title: str, lines: Iterator[str]) -> list[str]:
    return ["", f"## {title}", "", *lines]


def _finite(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The metrics that came out as numbers."""
    for metric, figure in evaluation["metrics"].items():
        if all(
            isinstance(figure[end], (int, float)) and math.isfinite(figure[end])
            for end in ("value", "low", "high")
        ):
            yield metric, figure


def _data_of(evaluation: Mapping[str, Any], trained_on: str) -> str:
    return str(evaluation.get("data") or trained_on or "unknown")


def _quoted(text: str) -> str:
    return json.dumps(text)


def _code(text: str) -> str:
    """Text that Markdown shows as it is."""
    return f"`{_text(text)}`"


def _text(text: str) -> str:
    """One line without the marks that would end or begin something."""
    return " ".join(text.replace("`", "'").replace("|", "/").replace("<", "(").split())
