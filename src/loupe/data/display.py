"""How a data set shows itself in a notebook: its counts, its classes, nine of its images."""

import base64
import html
import io

import numpy as np
from PIL import Image as Picture

from loupe.arrays import Image
from loupe.data.dataset import SPLITS, Dataset

_SIDE = 3  # images in a row, and rows
_LARGEST = 56  # pixels: larger images are shrunk, so that the page stays small
_CLASSES = 20  # names before it says "and 7 more"
_SEED = 0


def describe(dataset: Dataset) -> str:
    """Say in one line what is in a data set.

    Example:
        >>> none = Dataset("none", np.zeros((0, 8, 8, 1), np.uint8), np.zeros(0, np.int64),
        ...                np.zeros(0, np.uint8), ("cat", "dog"), ())
        >>> describe(none)
        'none: no images of 8x8x1, 2 classes (cat, dog)'
    """
    counts = np.bincount(dataset.split, minlength=len(SPLITS)).tolist()
    present = [f"{count:,} {name}" for name, count in zip(SPLITS, counts, strict=True) if count]
    names = dataset.class_names
    listed = ", ".join(names[:_CLASSES])
    more = f" and {len(names) - _CLASSES} more" if len(names) > _CLASSES else ""
    return (
        f"{dataset.name}: {', '.join(present) or 'no'} images of "
        f"{'x'.join(map(str, dataset.images.shape[1:]))}, {len(names)} "
        f"class{'' if len(names) == 1 else 'es'} ({listed}{more})"
    )


def dataset_html(dataset: Dataset) -> str:
    """Write a data set as HTML: its line, and a grid of random images with their classes."""
    generator = np.random.default_rng(_SEED)
    drawn = generator.permutation(len(dataset))[: _SIDE**2].tolist()
    cells = [_cell(dataset, position) for position in drawn]
    rows = "".join(
        f"<tr>{''.join(cells[start : start + _SIDE])}</tr>" for start in range(0, len(cells), _SIDE)
    )
    return f"<p>{html.escape(describe(dataset))}</p>" + (f"<table>{rows}</table>" if rows else "")


def _cell(dataset: Dataset, position: int) -> str:
    name = html.escape(dataset.class_names[dataset.labels[position]])
    return (
        f'<td style="text-align:center"><img alt="{name}" height="{_LARGEST}" '
        f'style="image-rendering:pixelated" src="{_data_uri(dataset.images[position])}">'
        f"<br>{name}</td>"
    )


def _data_uri(image: Image) -> str:
    picture = Picture.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    picture.thumbnail((_LARGEST, _LARGEST))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
