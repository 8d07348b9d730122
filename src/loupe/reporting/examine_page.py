"""The page of `loupe examine`: every suspicious image with its evidence, verdict by verdict."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loupe import __version__
from loupe.data.fixes import DROP
from loupe.examination.labels import VERDICTS, LabelExamination, Suspect, Verdict
from loupe.examination.mistakes import CAUTION_ON_TEST
from loupe.files import write_text
from loupe.reporting.html import Section, page, render
from loupe.reporting.samples import MOST_TILES, Tile, Wall, rectangle
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import Figure, count, of

MOST_CARDS = 150  # of a verdict
OPEN_CARDS = 24  # before the fold
SHOWN_NEAR = 5  # nearest training images on a card

TITLES: dict[Verdict, str] = {
    "label suspect": "Labels",
    "not a valid image": "No valid image",
    "ambiguous": "Ambiguous",
    "model weak here": "Model weak",
}


@dataclass(frozen=True)
class Neighbour:
    """A training image on a card: its place on the sheet, and its label."""

    position: int
    label: str
    source: str


@dataclass(frozen=True)
class Card:
    """A suspect on the page: its place on the sheet of suspects, its neighbours and twins."""

    position: int
    suspect: Suspect
    near: tuple[Neighbour, ...]
    twins: tuple[Neighbour, ...]


class _Shelf:
    """Collects images for a sheet; each is on it once."""

    def __init__(self) -> None:
        self.place: dict[int, int] = {}

    def put(self, index: int) -> int:
        """Give the place of an image on the sheet."""
        return self.place.setdefault(index, len(self.place))

    def sheet(self, name: str, images: np.ndarray) -> Sheet:
        """Give the sheet."""
        return Sheet(name, images[np.array(list(self.place), np.int64)])


def write_examine_page(found: LabelExamination, path: Path, fixes: Path | None = None) -> Path:
    """Write what an examination of labels found as one HTML file under 5 MB.

    Args:
        found: the examination.
        path: where to write it.
        fixes: the fixes file that was written with it, to be named on the page.

    Returns:
        Where it was written.
    """
    suspects, near = _Shelf(), _Shelf()
    cards = _cards(found, suspects, near)
    wanted = _wants(found, suspects)
    drawn = (
        suspects.sheet("suspects", found.dataset.images),
        near.sheet("near", found.references.images),
    )
    sections = [
        *(_verdict(found, verdict, cards[verdict]) for verdict in VERDICTS if cards[verdict]),
        wanted,
        _next_step(found, fixes),
    ]
    first = sections[0]
    sections[0] = Section(first.name, first.title, first.headline, first.html, drawn)
    content = page(
        "examine.html.j2",
        sections,
        version=__version__,
        name=found.dataset.name,
        split=_split(found),
        sentence=_sentence(found),
        method=_method(found),
        cautions=_cautions(found),
        figures=_figures(found),
        wall=_wall(found, cards),
    )
    write_text(path, content)
    return path


def _cards(found: LabelExamination, suspects: _Shelf, near: _Shelf) -> dict[Verdict, list[Card]]:
    cards: dict[Verdict, list[Card]] = defaultdict(list)
    for suspect in found.suspects:
        if len(cards[suspect.verdict]) < MOST_CARDS:
            shown, twins = (
                tuple(Neighbour(near.put(one.index), one.label, one.source) for one in beside)
                for beside in (suspect.nearest[:SHOWN_NEAR], suspect.twins[:SHOWN_NEAR])
            )
            cards[suspect.verdict].append(Card(suspects.put(suspect.index), suspect, shown, twins))
    return cards


def _verdict(found: LabelExamination, verdict: Verdict, cards: list[Card]) -> Section:
    seen, advice = VERDICTS[verdict]
    total = found.counts[verdict]
    html = render(
        "section_suspects.html.j2",
        cards=cards,
        first=OPEN_CARDS if len(cards) > OPEN_CARDS else len(cards),
        total=total,
        seen=seen[0].upper() + seen[1:],
        advice=advice,
        drop=DROP,
        num_votes=found.evidence.nearest.shape[1],
    )
    headline = {
        "label suspect": f"{of(total, 'label')} that the evidence contradicts",
        "not a valid image": f"{of(total, 'image')} that may show nothing of their class",
        "ambiguous": f"{of(total, 'image')} that could be either of two",
        "model weak here": f"{of(total, 'image')} whose label seems right, and the model wrong",
    }[verdict]
    return Section(verdict.replace(" ", "-"), TITLES[verdict], headline, html)


def _wants(found: LabelExamination, suspects: _Shelf) -> Section:
    names = found.dataset.class_names
    rows = [
        (
            want,
            [
                Neighbour(
                    suspects.put(index),
                    names[found.evidence.labels[index]],
                    found.dataset.sources[index],
                )
                for index in want.shown
            ],
        )
        for want in found.wants
    ]
    html = render("section_wants.html.j2", rows=rows)
    headline = "Where more images, or a rule for labelling, would help most"
    return Section("next", "Collect next", headline if rows else "No class stands out", html)


def _next_step(found: LabelExamination, fixes: Path | None) -> Section:
    """Say what to do with the fixes file."""
    proposals = len(found.fixes)
    html = render(
        "section_fixes.html.j2",
        path=str(fixes) if fixes else "fixes.csv",
        proposals=proposals,
        is_test=found.split == "test",
        origin=found.dataset.origin or found.dataset.name,
        rows=found.fixes[:5],
    )
    headline = f"{of(proposals, 'change')} proposed, none made"
    return Section("fixes", "Fixes", headline, html)


def _sentence(found: LabelExamination) -> str:
    """What was found; of networks that read too little, that they cannot find it."""
    if found.caution:
        return f"These networks read too little to judge the labels of {found.dataset.name}"
    return found.sentence.removesuffix(".")


def _cautions(found: LabelExamination) -> list[tuple[str, str]]:
    """What to know before all else, the gravest first: how grave it is, and the words."""
    said = [("warning", found.caution), ("note", CAUTION_ON_TEST * (found.split == "test"))]
    return [(severity, caution) for severity, caution in said if caution]


def _method(found: LabelExamination) -> str:
    """How the labels were examined, in a sentence."""
    if found.split == "test":
        return (
            f"{of(found.num_networks, 'network')} that learnt from training images only read each "
            "test image from several sides"
        )
    return (
        f"Each image was read by a network that had never learnt from it: {found.folds} networks "
        f"of the recipe {found.recipe}, each trained without its share"
    )


def _split(found: LabelExamination) -> str:
    return "test" if found.split == "test" else "training and validation"


def _figures(found: LabelExamination) -> list[Figure]:
    figures = [
        Figure(verdict.capitalize(), count(number), _detail(verdict))
        for verdict, number in found.counts.items()
    ]
    if found.caution:  # counted from what these networks read
        return figures
    detail = f"wrong labels of {count(len(found))}, by confident learning"
    return [*figures, Figure("Estimate", count(found.estimate), detail)]


def _detail(verdict: Verdict) -> str:
    return {
        "label suspect": "another class is proposed",
        "not a valid image": "to be dropped, if you agree",
        "ambiguous": "look whether you can tell",
        "model weak here": "collect more like these",
    }[verdict]


def _wall(found: LabelExamination, cards: dict[Verdict, list[Card]]) -> Wall:
    """Lay out the most suspicious images, whatever their verdict."""
    every = sorted((card for some in cards.values() for card in some), key=_rank)[:MOST_TILES]
    columns, kept = rectangle(len(every)) if every else (1, 0)
    tiles = [
        Tile(
            card.position,
            f"labelled {card.suspect.label}, read as {card.suspect.guesses[0][0]}",
            f"mistake-{card.position}",
        )
        for card in every[:kept]
    ]
    return Wall("suspects", tiles, columns, "The most suspicious")


def _rank(card: Card) -> int:
    return card.suspect.rank
