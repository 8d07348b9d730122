"""How a reading shows itself in a notebook: its text, and each glyph as the model saw it."""

import base64
import html
import io

from PIL import Image as Pillow

from loupe.arrays import Image
from loupe.reading.reading import Glyph, Reading

_HEIGHT = 56  # CSS pixels of a frame
_MOST = 50  # glyphs that are shown


def reading_html(reading: Reading) -> str:
    """Write a reading as HTML; all text in it is escaped."""
    text = html.escape(reading.text) or "<i>nothing was found</i>"
    cells = "".join(map(_cell, reading.glyphs[:_MOST]))
    more = len(reading.glyphs) - _MOST
    rest = f"<p>and {more:,} glyphs more</p>" if more > 0 else ""
    notes = f"<p>{html.escape('; '.join(reading.notes))}</p>" if reading.notes else ""
    return f'<pre style="font-size:1.5em">{text}</pre><div>{cells}</div>{rest}{notes}'


def _cell(glyph: Glyph) -> str:
    guesses = "<br>".join(f"{html.escape(name)} {sure:.1%}" for name, sure in glyph.guesses)
    return (
        '<div style="display:inline-block;margin:0 1em 1em 0;vertical-align:top">'
        f'<img alt="{html.escape(glyph.label)}" height="{_HEIGHT}" '
        f'style="image-rendering:pixelated" src="{_data_uri(glyph.frame)}">'
        f"<br><b>{html.escape(glyph.label)}</b><br><small>{guesses}</small></div>"
    )


def _data_uri(frame: Image) -> str:
    content = io.BytesIO()
    Pillow.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
