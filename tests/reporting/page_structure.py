"""Reads a page as a screen reader would: headings, anchors, tables, names of pictures."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Table:
    captioned: bool = False
    unscoped: list[str] = field(default_factory=list)


BLOCKS = {"td", "th", "dt", "dd", "li", "p", "small", "summary", "h1", "h2", "h3", "caption"}


class Page(HTMLParser):
    """What a page holds, gathered while it is read."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.nameless_pictures: list[str] = []
        self.tables: list[Table] = []
        self.text = ""
        self._silent = 0
        self.feed(str(content))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag in BLOCKS:
            self.text += " "
        if tag in ("style", "script"):
            self._silent += 1
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append(int(tag[1:]))
        if "id" in given:
            self.ids.append(given["id"] or "")
        for key in ("href", "src", "action", "data", "poster"):
            address = given.get(key) or ""
            (self.anchors if address.startswith("#") else self.addresses).append(address)
        pictured = tag in ("svg", "img") or "im" in (given.get("class") or "").split()
        if pictured and not given.get("aria-label") and given.get("aria-hidden") != "true":
            self.nameless_pictures.append(str(given))
        if tag == "table":
            self.tables.append(Table())
        if tag == "caption":
            self.tables[-1].captioned = True
        if tag == "th" and "scope" not in given:
            self.tables[-1].unscoped.append(str(given))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data


def words_of(content: str) -> str:
    """The page's text with single spaces."""
    return " ".join(Page(content).text.split())
