"""Checks of a data set before anything is trained on it: each finds one kind of fault.

A check is silent on clean data: MNIST, Fashion-MNIST and the embedded digits give no finding at
all. The thresholds below say how far they are from that.
"""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float64, Int64

from loupe.arrays import Images
from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset, require_dataset
from loupe.data.duplicates import duplicate_ids, equal_sets
from loupe.data.finding import Finding, Severity

# The splits as sentences name them.
_CALLED = ("training", "validation", "test")
_NAMED = 3  # sources, sets or classes that a message names before it says "and 7 more"
_MANY_DUPLICATES = 0.01  # of a split: from here on they weigh on its figures
_UNEVEN, _VERY_UNEVEN = 3, 10  # largest class by smallest; MNIST 1.24
_FEW_IMAGES = 20  # of a class in training
_SHARES_DIFFER = 0.1  # total variation between two splits' class shares; MNIST 0.008
_BRIGHTNESS_DIFFERS = 0.5  # standard deviations (Cohen's d, "medium"); MNIST 0.05
_BRIGHT = 128  # some pixel of a data set is this bright; MNIST 255
_OPPOSITE = -0.3  # correlation of two splits' mean images; MNIST 0.999


def check(dataset: Dataset) -> tuple[Finding, ...]:
    """Run all checks, in the order of `CHECKS`; empty when the data are clean.

    Raises:
        DataError: what was given is no `Dataset`.

    Example:
        >>> from loupe.data.dataset import Rows
        >>> images = np.arange(240, dtype=np.uint8).repeat(4).reshape(240, 2, 2, 1)
        >>> images[:, 0, 0] = 255
        >>> images[7] = 99  # one value only
        >>> labels, split = np.arange(240) % 3, np.zeros(240, np.uint8)
        >>> dataset = Dataset("grey", images, labels, split, ("a", "b", "c"), Rows("grey", 240))
        >>> [finding.message for finding in check(dataset)]
        ['1 image is blank, every pixel of one value: grey:7.']
    """
    require_dataset(dataset)
    return tuple(finding for find in CHECKS.values() for finding in find(dataset))


def unreadable(dataset: Dataset) -> list[Finding]:
    """Files that were left out because they could not be read."""
    faults = dataset.skipped
    if not faults:
        return []
    listed = _first(
        (f"{fault.source}: {fault.problem.rstrip('.')}" for fault in faults), len(faults)
    )
    verb, them = ("was", "it") if len(faults) == 1 else ("were", "them")
    message = f"{_counted(len(faults), 'file')} could not be read and {verb} left out: {listed}."
    advice = f"Mend or replace {them}. {faults[0].source}: {faults[0].advice}"
    return [_finding("unreadable", "warning", message, advice)]


def duplicates(dataset: Dataset) -> list[Finding]:
    """Equal images inside one split."""
    ids = duplicate_ids(dataset.images)
    findings = []
    for code, name in enumerate(_CALLED):
        inside = np.flatnonzero(dataset.split == code)
        sets = [inside[positions] for positions in equal_sets(ids[inside])]
        if not sets:
            continue
        indices = np.concatenate(sets)
        surplus = len(indices) - len(sets)
        listed = _first((_equals(dataset, positions) for positions in sets), len(sets))
        message = (
            f"{name.capitalize()} holds {_counted(surplus, 'image')} that "
            f"{'is' if surplus == 1 else 'are'} equal to another, of {len(inside):,}: {listed}."
        )
        severity: Severity = "warning" if surplus > _MANY_DUPLICATES * len(inside) else "note"
        advice = "They count twice. Keep one of each, unless they are meant to be there."
        findings.append(_finding("duplicates", severity, message, advice, indices))
    return findings


def leaks(dataset: Dataset) -> list[Finding]:
    """Images of validation or test that are in an earlier split as well."""
    ids = duplicate_ids(dataset.images)
    findings = []
    for code in (VALIDATION, TEST):
        for earlier in range(code):
            there = np.flatnonzero(dataset.split == earlier)
            here = np.flatnonzero(dataset.split == code)
            here = here[np.isin(ids[here], ids[there])]
            if not len(here):
                continue
            known, first = np.unique(ids[there], return_index=True)
            partners = there[first[np.searchsorted(known, ids[here])]]
            pairs = np.stack([here, partners], axis=1)
            listed = _first((_equals(dataset, pair) for pair in pairs), len(pairs))
            total = np.count_nonzero(dataset.split == code)
            verb, them = ("is", "it") if len(here) == 1 else ("are", "them")
            message = (
                f"{len(here):,} of {total:,} {_CALLED[code]} images {verb} in "
                f"{_CALLED[earlier]} as well: {listed}."
            )
            advice = (
                f"Take {them} out of {_CALLED[earlier]}: figures on images that were learnt by "
                "heart are too good."
            )
            findings.append(_finding("leaks", "warning", message, advice, pairs.ravel()))
    return findings


def conflicting_labels(dataset: Dataset) -> list[Finding]:
    """Equal images with different labels."""
    sets = [
        positions
        for positions in equal_sets(duplicate_ids(dataset.images))
        if len(set(dataset.labels[positions])) > 1
    ]
    if not sets:
        return []
    listed = _first(
        (
            " = ".join(
                f"{dataset.sources[i]} ({dataset.class_names[dataset.labels[i]]})"
                for i in positions[:2]
            )
            for positions in (_differing_first(positions, dataset.labels) for positions in sets)
        ),
        len(sets),
    )
    message = f"{_counted(len(sets), 'image')} can be found under two labels or more: {listed}."
    advice = "Decide on one label for each and take out the others: at most one can be right."
    return [_finding("conflicting_labels", "warning", message, advice, np.concatenate(sets))]


def blank_images(dataset: Dataset) -> list[Finding]:
    """Images of one value only."""
    pixels = dataset.images.reshape(len(dataset), -1)
    if not pixels.size:
        return []
    blank = np.flatnonzero(pixels.min(axis=1) == pixels.max(axis=1))
    if not len(blank):
        return []
    listed = _first((dataset.sources[int(i)] for i in blank), len(blank))
    one = len(blank) == 1
    verb, them, they = ("is", "it", "it was") if one else ("are", "them", "they were")
    message = f"{_counted(len(blank), 'image')} {verb} blank, every pixel of one value: {listed}."
    advice = f"Take {them} out, or check how {they} written: nothing can be learnt from {them}."
    return [_finding("blank_images", "warning", message, advice, blank)]


def class_imbalance(dataset: Dataset) -> list[Finding]:
    """Classes of very different sizes in training."""
    counts = np.bincount(dataset.labels[dataset.split == TRAIN], minlength=len(dataset.class_names))
    if not counts.any():
        return []
    largest = int(counts.argmax())
    smallest = int(np.where(counts > 0, counts, counts[largest]).argmin())
    ratio = counts[largest] / counts[smallest]
    if ratio < _UNEVEN:
        return []
    names = dataset.class_names
    message = (
        f"Class '{names[largest]}' has {ratio:.3g} times as many training images as class "
        f"'{names[smallest]}': {counts[largest]:,} against {counts[smallest]:,}."
    )
    advice = (
        "Judge by recall and F1 of each class: accuracy hides the small ones. "
        "Collect more images of them."
    )
    severity: Severity = "warning" if ratio >= _VERY_UNEVEN else "note"
    return [_finding("class_imbalance", severity, message, advice)]


def tiny_classes(dataset: Dataset) -> list[Finding]:
    """Classes with too few training images to learn from."""
    training = dataset.split == TRAIN
    counts = np.bincount(dataset.labels[training], minlength=len(dataset.class_names))
    tiny = np.flatnonzero(counts < _FEW_IMAGES)
    if not (len(tiny) and training.any()):
        return []
    tiny = tiny[np.argsort(counts[tiny], kind="stable")]
    listed = _first(
        (f"'{dataset.class_names[label]}' has {counts[label]}" for label in tiny), len(tiny)
    )
    message = (
        f"{len(tiny)} of {len(counts)} classes {'has' if len(tiny) == 1 else 'have'} fewer than "
        f"{_FEW_IMAGES} training images: {listed}."
    )
    advice = "Collect more images of them, or leave these classes out."
    if len(tiny) == 1:
        advice = "Collect more images of it, or leave this class out."
    severity: Severity = "warning" if counts[tiny[0]] else "error"
    indices = np.flatnonzero(training & np.isin(dataset.labels, tiny))
    scores = counts[dataset.labels[indices]] / _FEW_IMAGES
    return [_finding("tiny_classes", severity, message, advice, indices, scores)]


def class_shares(dataset: Dataset) -> list[Finding]:
    """Splits whose classes have other shares than those of training."""
    training = np.bincount(
        dataset.labels[dataset.split == TRAIN], minlength=len(dataset.class_names)
    )
    findings = []
    for code in (VALIDATION, TEST):
        counts = np.bincount(dataset.labels[dataset.split == code], minlength=len(training))
        if not (training.any() and counts.any()):
            continue
        expected, found = training / training.sum(), counts / counts.sum()
        # What two samples of one population differ by: half the sum of mean absolute deviations.
        error = np.sqrt(expected * (1 - expected) * (1 / training.sum() + 1 / counts.sum()))
        chance = 0.5 * np.sqrt(2 / np.pi) * error.sum()
        if 0.5 * np.abs(found - expected).sum() <= max(_SHARES_DIFFER, 2 * chance):
            continue
        widest = np.argsort(-np.abs(found - expected), kind="stable")[:_NAMED]
        listed = "; ".join(
            f"'{dataset.class_names[label]}' {found[label]:.1%} against {expected[label]:.1%}"
            for label in widest
        )
        message = (
            f"The classes of {_CALLED[code]} have other shares than in training, most of all "
            f"{listed}."
        )
        advice = (
            "Accuracy there is that of another mix of classes: compare recall class by class, "
            "or split anew, stratified."
        )
        findings.append(_finding("class_shares", "warning", message, advice))
    return findings


def appearance(dataset: Dataset) -> list[Finding]:
    """Splits that are brighter or darker than training, or its negative."""
    brightness = dataset.images.reshape(len(dataset), -1).mean(axis=1)
    training = dataset.split == TRAIN
    findings = []
    for code in (VALIDATION, TEST):
        other = dataset.split == code
        if not (training.any() and other.any()):
            continue
        name = _CALLED[code]
        likeness = _correlation(_mean_image(dataset, training), _mean_image(dataset, other))
        means = f"mean brightness {brightness[other].mean():.0f} against "
        means += f"{brightness[training].mean():.0f} of 255"
        if likeness < _OPPOSITE:
            message = f"The images of {name} look like negatives of those of training: {means}."
            advice = "Invert one of the two, so that ink is light in both or dark in both."
            findings.append(_finding("appearance", "error", message, advice))
            continue
        effect, error = _effect_size(brightness, dataset.labels, training, other)
        if abs(effect) > max(_BRIGHTNESS_DIFFERS, 4 * error):
            message = (
                f"The images of {name} are {'brighter' if effect > 0 else 'darker'} than those "
                f"of training by {abs(effect):.2g} standard deviations: {means}."
            )
            advice = "Find out why: other scaling, another scanner, paper or camera."
            findings.append(_finding("appearance", "warning", message, advice))
    return findings


def pixel_range(dataset: Dataset) -> list[Finding]:
    """Pixels that leave the upper half of their range empty, as 0/1 and 0..16 stored in bytes."""
    high = int(dataset.images.max(initial=0))
    if not 0 < high < _BRIGHT:
        return []
    message = f"Pixels use only {dataset.images.min()}..{high} of 255: no image has a brighter one."
    advice = (
        f"If {high} is meant to be white, multiply the pixels by 255 / {high} before saving them: "
        "the model would take photos, which do reach 255, for something else."
    )
    return [_finding("pixel_range", "warning", message, advice)]


CHECKS: dict[str, Callable[[Dataset], list[Finding]]] = {
    "unreadable": unreadable,
    "duplicates": duplicates,
    "leaks": leaks,
    "conflicting_labels": conflicting_labels,
    "blank_images": blank_images,
    "pixel_range": pixel_range,
    "class_imbalance": class_imbalance,
    "tiny_classes": tiny_classes,
    "class_shares": class_shares,
    "appearance": appearance,
}


def _finding(
    name: str,
    severity: Severity,
    message: str,
    suggestion: str,
    indices: Int64[np.ndarray, " m"] | None = None,
    scores: Float64[np.ndarray, " m"] | None = None,
) -> Finding:
    """A finding about these images, surely bad unless scores say otherwise."""
    positions = np.zeros(0, np.int64) if indices is None else indices
    sure = np.zeros(len(positions), np.float32)
    given = sure if scores is None else scores.astype(np.float32)
    return Finding(name, severity, message, positions, given, suggestion)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _first(names: Iterable[str], count: int) -> str:
    """The first few names, and how many more there are."""
    named = [name for name, _ in zip(names, range(_NAMED), strict=False)]
    more = f" and {count - len(named):,} more" if count > len(named) else ""
    return "; ".join(named) + more


def _equals(dataset: Dataset, positions: Int64[np.ndarray, " m"]) -> str:
    more = f" and {len(positions) - 2} more" if len(positions) > 2 else ""
    return " = ".join(dataset.sources[i] for i in positions[:2]) + more


def _differing_first(
    positions: Int64[np.ndarray, " m"], labels: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " m"]:
    """One image of each label first."""
    _, first = np.unique(labels[positions], return_index=True)
    return np.concatenate([positions[np.sort(first)], np.delete(positions, first)])


def _mean_image(dataset: Dataset, chosen: np.ndarray) -> Float64[np.ndarray, " p"]:
    """The mean of up to 5,000 of the chosen images, evenly spaced."""
    positions = np.flatnonzero(chosen)
    images: Images = dataset.images[positions[:: -(-len(positions) // 5000)]]
    mean: Float64[np.ndarray, " p"] = images.reshape(len(images), -1).mean(axis=0)
    return mean


def _correlation(first: Float64[np.ndarray, " p"], second: Float64[np.ndarray, " p"]) -> float:
    """Pearson's correlation; 0 where one of the two is flat."""
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / scale if scale > 0 else 0.0


def _effect_size(
    values: Float64[np.ndarray, " n"],
    labels: Int64[np.ndarray, " n"],
    training: np.ndarray,
    other: np.ndarray,
) -> tuple[float, float]:
    """Cohen's d of the values in two splits, and its standard error.

    Both are taken relative to the mean of their class in training: 1s have less ink than 8s, and a
    split with more 1s is no darker for that.
    """
    counts = np.bincount(labels[training], minlength=int(labels.max()) + 1)
    sums = np.bincount(labels[training], values[training], minlength=len(counts))
    other = other & (counts[labels] > 0)
    if not other.any():
        return 0.0, 0.0
    relative = values - (sums / np.maximum(counts, 1))[labels]
    here, there = relative[other], relative[training]
    pooled = np.sqrt((here.var() * len(here) + there.var() * len(there)) / (len(here) + len(there)))
    difference = float(here.mean() - there.mean())
    error = float(np.sqrt(1 / len(here) + 1 / len(there)))
    # A grey level is the least that counts: data of equal brightness would divide by nothing.
    return difference / max(float(pooled), 1.0), error
