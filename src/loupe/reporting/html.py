"""From values to pages: templates in which everything is escaped, and pages that load nothing."""

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from loupe.reporting import words
from loupe.reporting.sheets import COLUMNS, Sheet, draw

PAGE_BYTES = 5_000_000  # at most: it is sent by mail and opened on telephones
FRAME_BYTES = 100_000  # of it for style, script, and what stands above the sections
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a page.

    Attributes:
        name: anchor of the section in the page.
        title: one or two words, for the navigation.
        headline: what the section found, as a sentence.
        html: its content; made by `render`, so that all text in it is escaped.
        sheets: the images that its content draws.
    """

    name: str
    title: str
    headline: str
    html: Markup
    sheets: tuple[Sheet, ...] = ()


def render(template: str, **values: Any) -> Markup:
    """Fill a template of this package; every value is escaped unless it is `Markup`.

    Example:
        >>> "a &lt;script&gt;" in render("notes.html.j2", notes=["a <script>"])
        True
    """
    # Safe to mark: the template has escaped every value.
    return Markup(_environment().get_template(template).render(**values))


def page(template: str, sections: Sequence[Section], **values: Any) -> str:
    """Fill a whole page: its sections, their images, style and script, and a policy for browsers.

    The content security policy refuses every request and every script but the page's own, so that
    a class name that slipped through the escaping could still do nothing.
    """
    sheets = {sheet.name: sheet for section in sections for sheet in section.sheets}
    num_words_bytes = sum(len(section.html.encode()) for section in sections)
    drawn = draw(tuple(sheets.values()), PAGE_BYTES - FRAME_BYTES - num_words_bytes)
    script = render("page.js.j2")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return str(
        render(
            template,
            sections=sections,
            style=render("page.css.j2"),
            sheets=drawn.css,
            loss=drawn.loss,
            script=script,
            policy=(
                f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
                f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
            ),
            **values,
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["COLUMNS"] = COLUMNS
    for filter_ in (words.percent, words.interval, words.count, words.short_count, words.of,
                    words.share,
        words.duration, words.size, words.listed, words.ordinal):  # fmt: skip
        environment.filters[filter_.__name__] = filter_
    return environment
