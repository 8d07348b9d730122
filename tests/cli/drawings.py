"""Pictures of digits for the tests to read: drawn with a pen of one width on uneven paper."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from loupe.classifier import pretrained


def draw_page(path: Path, *lines: str, pen: int = 6) -> Path:
    """Write lines of text as blue ink on paper that is darker to the right."""
    height, width = 40 + 110 * len(lines), 80 + 60 * max(map(len, lines), default=1)
    page = np.full((height, width, 3), 235, np.float32) - np.linspace(0, 40, width)[:, None]
    page = np.ascontiguousarray(page.astype(np.uint8))
    for number, line in enumerate(lines):
        place = (40, 100 + 110 * number)
        colour = (110, 50, 40)  # in the order of OpenCV: blue, green, red
        cv2.putText(page, line, place, cv2.FONT_HERSHEY_SIMPLEX, 2.5, colour, pen, cv2.LINE_AA)
    assert cv2.imwrite(str(path), page)
    return path


def require_packaged() -> None:
    """Skip a test where the source tree has no packaged models yet."""
    if not (pretrained.FOLDER / "mnist.onnx").exists():
        pytest.skip("make the packaged models first: python tools/make_pretrained.py")
