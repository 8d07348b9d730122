"""Whiskers of differences: a figure and its interval on a scale with zero in the middle."""

from markupsafe import Markup


def difference_whisker(value: float, low: float, high: float, reach: float) -> Markup:
    """Draw a difference and its interval on a scale from `-reach` to `reach`, for a table's cell.

    Example:
        >>> 'x1="50.0%"' in difference_whisker(0.01, 0.0, 0.02, 0.02)
        True
    """

    def place(share: float) -> str:
        return f"{50 + 50 * share / (reach or 1.0):.1f}%"

    is_clear = low > 0 or high < 0
    return Markup(
        '<svg class="whisker{}" width="100%" height="12" aria-hidden="true">'
        '<line class="scale" x1="0" x2="100%" y1="6" y2="6"/>'
        '<line class="zero" x1="50%" x2="50%" y1="0" y2="12"/>'
        '<line class="span" x1="{}" x2="{}" y1="6" y2="6"/>'
        '<circle cx="{}" cy="6" r="3.5"/></svg>'
    ).format("" if is_clear else " unclear", place(low), place(high), place(value))
