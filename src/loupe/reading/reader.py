"""The reader: from a picture to text, through ink, page and framing, by any classifier."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from loupe.arrays import Image, Images
from loupe.classifier.classifier import Classifier
from loupe.errors import DataError, did_you_mean
from loupe.framing import Framing
from loupe.reading.bars import without_bars
from loupe.reading.crop import Crop, without_ground
from loupe.reading.edges import is_edge
from loupe.reading.ink import Ink, find_ink
from loupe.reading.looks import EXCHANGED, LOOKS, Look
from loupe.reading.page import MOST_DOUBTED, find_lines
from loupe.reading.pieces import Line, Ways, Weigh
from loupe.reading.reading import REFUSED, Glyph, Reading, text_of
from loupe.reading.setting import fit_frame, set_glyph

_DOUBTFUL = 1.0  # mean doubt of a reading from which the picture is looked at again
_SURE = 0.2  # mean doubt of a reading that is taken for another that was not doubted either
_REFUSAL = 2.0  # doubt about a refused glyph, at least: it is looked at again
_FINEST_THRESHOLD = 0.1  # of outliers, as a unit of how far one lies beyond it
_SMUDGE = 0.6  # of the glyphs' size: what is smaller and is refused is dirt
_RIM = 0.005  # of the picture's longer side: nearer to the border is at it
_MUCH_LESS = 0.5  # of the first reading's doubt: what another must stay below
_NO_BARS = "even bars around it left out"
LAYOUTS = ("auto", "single", "line", "page", "frame")


def read_picture(
    picture: Image, classifier: Classifier, layout: str = "auto", top: int = 3
) -> Reading:
    """Read a picture.

    Args:
        picture: uint8 `[h w c]`, as `open_picture` gives it.
        classifier: the model that reads each glyph.
        layout: "single" (all ink is one glyph), "line", "page", "auto" (any of these), or "frame":
            the picture is already as the training images are.
        top: how many guesses each glyph keeps.

    Raises:
        DataError: there is no such layout.
    """
    require_layout(layout)
    framing = _framing(json.dumps(classifier.card.framing))
    height, width = picture.shape[:2]
    if layout == "frame" or framing.kind == "none":
        frames = fit_frame(picture, classifier.image_shape)[np.newaxis]
        glyphs = glyphs_of([(0, 0, width, height)], [0], frames, classifier, top)
        return Reading(text_of(glyphs), glyphs, (width, height), "frame")
    return see_picture(picture, classifier, layout, top).reading


@dataclass(frozen=True, eq=False)
class Seen:
    """One look at a picture.

    Attributes:
        reading: what was read.
        ink: that was found.
        lines: the crops that it was taken for.
        part: what was looked at instead of the picture; None for the picture itself.
    """

    reading: Reading
    ink: Ink
    lines: tuple[Line, ...]
    part: Image | None = None


def see_picture(picture: Image, classifier: Classifier, layout: str = "auto", top: int = 3) -> Seen:
    """Read a picture by its ink, and give all that led to the reading; as of `read_picture`."""
    framing = _framing(json.dumps(classifier.card.framing))
    within = without_bars(picture)
    if within is None:
        return _see(picture, classifier, framing, layout, top)
    part, place = within
    seen = _see(part, classifier, framing, layout, top)
    return _placed(seen, part, place, picture.shape[1::-1], _NO_BARS)


def _see(picture: Image, classifier: Classifier, framing: Framing, layout: str, top: int) -> Seen:
    first = _look(picture, find_ink(picture), picture, classifier, framing, layout, top)
    glyphs = first.reading.glyphs
    if first.ink.is_blank or len(glyphs) > MOST_DOUBTED:
        return first
    doubt = _doubt(first.reading, classifier) if glyphs else _DOUBTFUL
    if not glyphs or doubt > _DOUBTFUL:
        return _looked_again(first, doubt, LOOKS, picture, classifier, framing, layout, top)
    if first.ink.polarity == "light on dark" and "shade" in first.ink.steps:
        # A shadow that is lighter than what lies around it is paper: more is written there.
        other = _looked_again(
            first, _SURE / _MUCH_LESS, (EXCHANGED,), picture, classifier, framing, layout, top
        )
        return other if len(other.reading.glyphs) > len(glyphs) else first
    return first


def require_layout(layout: str) -> None:
    """Refuse a layout that does not exist, with the nearest that does."""
    if layout not in LAYOUTS:
        raise DataError(
            f"There is no layout {layout!r}; expected {', '.join(LAYOUTS)}."
            f"{did_you_mean(layout, LAYOUTS)}"
        )


@lru_cache(maxsize=8)
def _framing(content: str) -> Framing:
    """Checking a framing takes a millisecond: once a model is enough."""
    return Framing.from_dict(json.loads(content))


def _look(
    picture: Image,
    ink: Ink,
    original: Image,
    classifier: Classifier,
    framing: Framing,
    layout: str,
    top: int,
) -> Seen:
    """Read the ink of a picture, which is the original or the same with its light evened out."""
    height, width = picture.shape[:2]
    found = find_lines(ink, layout, _by_doubt(classifier, framing))
    lines = _without_edges(found, original, ink.scale) if framing.kind == "glyph" else found
    crops = [crop for line in lines for crop in line]
    numbers = [number for number, line in enumerate(lines) for _ in line]
    frames = _frames(crops, framing, classifier.image_shape)
    boxes = [_in_picture(crop, ink.scale, (width, height)) for crop in crops]
    glyphs = glyphs_of(boxes, numbers, frames, classifier, top)
    kept = _without_smudges(glyphs, (width, height)) if layout == "auto" else glyphs
    notes = list(ink.notes)
    notes += ["edges of shadows left out"] * (lines != found)
    notes += ["smudges left out"] * (len(kept) != len(glyphs))
    reading = Reading(text_of(kept), kept, (width, height), _found(kept), tuple(notes))
    return Seen(reading, ink, lines)


def _without_edges(lines: tuple[Line, ...], picture: Image, scale: float) -> tuple[Line, ...]:
    """Leave out what is no stroke but where light changes; lines that held nothing else go."""
    size = (picture.shape[1], picture.shape[0])
    kept = [
        tuple(
            crop
            for crop in line
            if not is_edge(picture, _in_picture(crop, scale, size), crop.cover)
        )
        for line in lines
    ]
    return tuple(line for line in kept if line)


def _without_smudges(glyphs: tuple[Glyph, ...], size: tuple[int, int]) -> tuple[Glyph, ...]:
    """Leave out what is none of the classes and much smaller than what is, or cut by the border."""
    read = [glyph for glyph in glyphs if glyph.label != REFUSED]
    if len(read) in (0, len(glyphs)):
        return glyphs
    least = _SMUDGE * float(np.median([max(glyph.box[2:]) for glyph in read]))
    is_free = not all(_at_border(glyph, size) for glyph in read)
    kept = [
        glyph
        for glyph in glyphs
        if glyph.label != REFUSED
        or (max(glyph.box[2:]) >= least and not (is_free and _at_border(glyph, size)))
    ]
    lines = sorted({glyph.line for glyph in kept})
    return tuple(replace(glyph, line=lines.index(glyph.line)) for glyph in kept)


def _at_border(glyph: Glyph, size: tuple[int, int]) -> bool:
    left, top, width, height = glyph.box
    rim = _RIM * max(size)
    return min(left, top) < rim or left + width > size[0] - rim or top + height > size[1] - rim


def _looked_again(
    first: Seen,
    doubt: float,
    looks: Sequence[Look],
    picture: Image,
    classifier: Classifier,
    framing: Framing,
    layout: str,
    top: int,
) -> Seen:
    """Take the reading that leaves the least doubt, if it is much less than the first one's."""
    reading, best, least = first.reading, first, _MUCH_LESS * doubt
    fewest = _num_sure(first.reading, classifier)
    for look in looks:
        seen = look.look(picture, first.ink)
        if seen is None:
            continue
        part, place = seen
        original = picture[place[1] :, place[0] :][: part.shape[0], : part.shape[1]]
        ink = find_ink(part, look.shadows)
        again = _look(part, ink, original, classifier, framing, layout, top)
        doubt = _doubt(again.reading, classifier)
        if fewest > 1 and _num_sure(again.reading, classifier) < fewest:
            continue  # what is not seen is not doubted
        if again.reading.glyphs and doubt < least:
            best, least = _placed(again, part, place, reading.size, look.note), doubt
    return best


def _num_sure(reading: Reading, classifier: Classifier) -> int:
    """How many glyphs are read without doubt."""
    return sum(
        glyph.label != REFUSED and _doubt(replace(reading, glyphs=(glyph,)), classifier) < _SURE
        for glyph in reading.glyphs
    )


def _placed(
    seen: Seen, part: Image, place: tuple[int, int], size: tuple[int, int], note: str
) -> Seen:
    """Tell what was seen in a part as something seen in the picture that it is of."""
    glyphs = tuple(_moved(glyph, place) for glyph in seen.reading.glyphs)
    notes = (note, *seen.reading.notes)
    reading = replace(seen.reading, glyphs=glyphs, size=size, notes=notes)
    return replace(seen, reading=reading, part=part if seen.part is None else seen.part)


def _moved(glyph: Glyph, place: tuple[int, int]) -> Glyph:
    left, top, width, height = glyph.box
    return replace(glyph, box=(left + place[0], top + place[1], width, height))


def _doubt(reading: Reading, classifier: Classifier) -> float:
    """The classifier's doubt about a reading, larger glyphs counting more; 0 without any."""
    if not reading.glyphs:
        return 0.0
    outlier = np.array([glyph.outlier for glyph in reading.glyphs])
    best = np.array([glyph.guesses[0][1] for glyph in reading.glyphs])
    areas = np.array([glyph.box[2] * glyph.box[3] for glyph in reading.glyphs], np.float64)
    refused = np.array([glyph.label == REFUSED for glyph in reading.glyphs])
    doubts = np.maximum(_doubts(outlier, best, classifier), _REFUSAL * refused)
    return float(np.average(doubts, weights=areas))


def _doubts(outlier: np.ndarray, best: np.ndarray, classifier: Classifier) -> np.ndarray:
    """The doubt about each glyph: -log of its probability, and up to 3 more if it is strange."""
    threshold = classifier.card.outlier_threshold
    strange = np.zeros_like(outlier)
    if threshold is not None:  # log-odds have thresholds of either sign, or near 0
        strange = np.maximum(outlier - threshold, 0) / max(abs(threshold), _FINEST_THRESHOLD)
    doubts: np.ndarray = np.minimum(strange, 3) - np.log(np.maximum(best, 1e-6))
    return doubts


def _by_doubt(classifier: Classifier, framing: Framing) -> Weigh:
    """Weigh ways to see the same ink by how much the classifier doubts each."""

    def weigh(ways: Ways) -> list[list[float]]:
        crops = [crop for way in ways for crops in way for crop in crops]
        if not crops:
            return [[] for _ in ways]
        output = classifier.examine(_frames(crops, framing, classifier.image_shape))
        best = output.probabilities.max(axis=1)
        threshold = classifier.card.outlier_threshold
        refused = output.outlier > (np.inf if threshold is None else threshold)
        doubts = _doubts(output.outlier, best, classifier)
        doubts = iter(np.maximum(doubts, _REFUSAL * refused).tolist())
        return [[_cost(crops, [next(doubts) for _ in crops]) for crops in way] for way in ways]

    return weigh


def _cost(crops: Sequence[Crop], doubts: Sequence[float]) -> float:
    """The doubt about glyphs together: about the worst of them, and about flat ones."""
    highest = max(crop.box[3] for crop in crops)
    unlikely = [
        max(0.0, crop.box[2] / crop.box[3] - 1.1) + max(0.0, 0.7 - crop.box[3] / highest)
        for crop in crops
    ]
    return max(doubt + 2 * more for doubt, more in zip(doubts, unlikely, strict=True))


def _frames(crops: Sequence[Crop], framing: Framing, shape: tuple[int, int, int]) -> Images:
    frames = [set_glyph(without_ground(crop.cover), framing, shape) for crop in crops]
    return np.stack(frames) if frames else np.empty((0, *shape), np.uint8)


def glyphs_of(
    boxes: Sequence[tuple[int, int, int, int]],
    lines: Sequence[int],
    frames: Images,
    classifier: Classifier,
    top: int,
) -> tuple[Glyph, ...]:
    """Say what each frame holds.

    Args:
        boxes: of each glyph in its picture.
        lines: in which each stands.
        frames: what the model sees of each.
        classifier: the model.
        top: how many guesses each keeps.
    """
    output = classifier.examine(frames)
    threshold = classifier.card.outlier_threshold
    names = classifier.class_names
    glyphs = []
    for i, probabilities in enumerate(output.probabilities):
        best = np.argsort(-probabilities, kind="stable")[:top]
        outlier = float(output.outlier[i])
        refused = threshold is not None and outlier > threshold
        glyphs.append(
            Glyph(
                boxes[i],
                REFUSED if refused else names[best[0]],
                tuple((names[k], float(probabilities[k])) for k in best),
                outlier,
                frames[i],
                lines[i],
            )
        )
    return tuple(glyphs)


def _in_picture(crop: Crop, scale: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A crop's box in pixels of the picture; very narrow pictures are reduced unevenly."""
    left, top, width, height = (round(side / scale) for side in crop.box)
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    return left, top, max(1, min(width, size[0] - left)), max(1, min(height, size[1] - top))


def _found(glyphs: Sequence[Glyph]) -> str:
    if any(glyph.line > 0 for glyph in glyphs):
        return "page"
    return "single" if len(glyphs) <= 1 else "line"
