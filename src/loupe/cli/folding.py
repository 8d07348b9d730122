"""Folding the cells of a table so that it is as wide as the terminal."""

import re
from collections.abc import Sequence

GAP = 2  # spaces between columns
READABLE = 16  # characters: cells are not folded to less, as long as columns can be left out


def fitted_widths(
    names: Sequence[str], cells: Sequence[Sequence[str]], available: int, *, drops: bool
) -> dict[int, int]:
    """Choose the columns of a table that are shown, and their widths in characters.

    Args:
        names: of the columns; one without a name holds remarks, and is never left out.
        cells: those of each column.
        available: the width of the terminal.
        drops: leave the last named columns out rather than fold the first one.

    Example:
        >>> cells = [["runs/mnist-fast-1"], ["99.5 %"], ["10,000 test images"]]
        >>> fitted_widths(["run", "accuracy", "of"], cells, 80, drops=True)
        {0: 17, 1: 8, 2: 18}
        >>> fitted_widths(["run", "accuracy", "of"], cells, 40, drops=True)
        {0: 17, 1: 8}
    """
    whole = {
        i: max((_width(line) for text in (name, *cells[i]) for line in text.split("\n")), default=0)
        for i, name in enumerate(names)
        if name or any(cells[i])
    }
    least = {
        i: max(min(width, READABLE), *(_longest_piece(text) for text in (names[i], *cells[i])))
        for i, width in whole.items()
    }
    if drops:
        least[0] = whole[0]
        while _total(least) > available:
            last = max((i for i in least if i and names[i]), default=0)
            if not last:
                break
            del least[last], whole[last]
    widths = _narrowed(whole, least, available)
    return _narrowed(widths, dict.fromkeys(widths, 1), available)


def folded(text: str, width: int) -> list[str]:
    """Break a text into lines: at spaces and after hyphens, elsewhere only where it must be.

    Example:
        >>> folded("64C3-64C3-MP2-512N", 10)
        ['64C3-64C3-', 'MP2-512N']
    """
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in _pieces(paragraph, width):
            if line and _width(line + piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece if line else piece.lstrip()
        lines.append(line.rstrip())
    return lines


def _pieces(text: str, width: int) -> list[str]:
    """What stays together: words, parts of words that end with a hyphen, and spaces."""
    pieces = []
    for piece in re.findall(r"\s+|[^\s-]*-+|[^\s-]+", text):
        while _width(piece) > width and len(piece) > 1:
            end = max(1, next(n for n in range(len(piece)) if _width(piece[: n + 1]) > width))
            pieces.append(piece[:end])
            piece = piece[end:]
        pieces.append(piece)
    return pieces


def _longest_piece(text: str) -> int:
    return max((_width(piece) for piece in re.findall(r"[^\s-]*-+|[^\s-]+", text)), default=0)


def _narrowed(widths: dict[int, int], least: dict[int, int], available: int) -> dict[int, int]:
    """Take from the widest column that may give, again and again, until the table fits."""
    widths = dict(widths)
    while _total(widths) > available:
        wide = [i for i, width in widths.items() if width > least[i]]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _width(text: str) -> int:
    from rich.cells import cell_len  # some characters are two wide

    return cell_len(text)
