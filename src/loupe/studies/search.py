"""A `Search`: what `tune` has found, and what that means in words."""

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from loupe.examination.paired import SIGNIFICANT, Difference
from loupe.examination.wording import percent
from loupe.recipes.recipe import Recipe
from loupe.runs.command import train_command
from loupe.studies.space import Space
from loupe.studies.trials import Trial, best_of, ranked

STUDY_FILE, BEST_FILE, BASE_FILE, RESULT_FILE, PAGE_FILE = (
    "study.json",
    "best.toml",
    "base.toml",
    "result.json",
    "tune.html",
)
STUDIES = Path("studies")  # where studies go unless told otherwise


@dataclass(frozen=True)
class Reading:
    """The accuracy of one model on the images that were kept from the search.

    Attributes:
        accuracy: share of them that it reads rightly.
        low: lower end of its 95 % interval (Wilson).
        high: upper end.
        n: how many they are.
    """

    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Final:
    """One of the best trials, trained again with other seeds.

    Attributes:
        number: of the trial.
        accuracy: mean on the images that chose it.
        seeds: how often it was trained again.
    """

    number: int
    accuracy: float
    seeds: int


@dataclass(frozen=True, eq=False)
class Search:
    """What a search has found so far.

    Attributes:
        folder: of the study.
        space: what was searched.
        data: name, fingerprint and counts of the images and how they were read, as in `study.json`.
        base: the recipe that the best one has to beat, as trial; not one of the study's trials.
        base_recipe: the same as a recipe, settled for the data.
        trials: in the order in which they began.
        importance: share of the differences that each setting explains; empty if too few.
        best_kept: a model of the best trial on the images that were kept from the search.
        difference: the best recipe less the base on these images, both trained again with other
            seeds; None if there was no time for it.
        confirmed: mean readings of these models, the base's first.
        confirmed_seconds: how long they were trained, mean, the base first.
        pairs: how often each was trained.
        finals: the best trials, trained again; empty if there was no time for it.
        interrupted: whether Ctrl-C ended it.
    """

    folder: Path
    space: Space
    data: dict[str, Any]
    base: Trial
    base_recipe: Recipe
    trials: tuple[Trial, ...] = ()
    importance: dict[str, float] = field(default_factory=dict)
    best_kept: Reading | None = None
    difference: Difference | None = None
    confirmed: tuple[Reading, ...] = ()
    pairs: int = 0
    confirmed_seconds: tuple[float, ...] = ()
    finals: tuple[Final, ...] = ()
    interrupted: bool = False

    @property
    def best(self) -> Trial | None:
        """The best finished trial; where the best were trained again, the best of these."""
        if not self.finals:
            return best_of(self.trials)
        winner = max(self.finals, key=lambda final: final.accuracy).number
        return next(trial for trial in self.trials if trial.number == winner)

    @property
    def optimism(self) -> float | None:
        """How far the best figure, which was chosen for being high, exceeds the kept images'."""
        if self.best is None or self.best_kept is None:
            return None
        return self.best.accuracy - self.best_kept.accuracy

    @property
    def best_recipe(self) -> Recipe | None:
        """The best trial's recipe, for training on all images: named after the data."""
        if self.best is None:
            return None
        found = self.space.recipe(self.best.chosen, self.base_recipe)
        return replace(found, name=f"{plain(self.data['name'])}-tuned")

    @property
    def is_better(self) -> bool | None:
        """Whether the best recipe is really better than the base; None if that was not measured."""
        if self.difference is None:
            return None
        return self.difference.value > 0 and self.difference.p < SIGNIFICANT

    @property
    def recipe_file(self) -> Path | None:
        """The recipe to use: the best trial's, but the base's where that is not really beaten."""
        if self.best is None:
            return None
        return self.folder / (BASE_FILE if self.is_better is False else BEST_FILE)

    @property
    def train_command(self) -> str:
        """The line that trains the recipe to use on all images, read as they were for the search.

        Empty where no trial was trained to its end.
        """
        file = self.recipe_file
        return train_command(self.data, file.as_posix()) if file else ""

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, for `result.json` and `--json`."""
        return {
            "folder": str(self.folder),
            "space": self.space.name,
            "data": self.data,
            "trials": [trial.to_dict() for trial in self.trials],
            "base": self.base.to_dict(),
            "best": self.best.number if self.best else None,
            "importance": self.importance,
            "finals": [asdict(each) for each in self.finals],
            "best_kept": asdict(self.best_kept) if self.best_kept else None,
            "optimism": self.optimism,
            "difference": asdict(self.difference) if self.difference else None,
            "confirmed": [asdict(each) for each in self.confirmed],
            "confirmed_seconds": list(self.confirmed_seconds),
            "pairs": self.pairs,
            "is_better": self.is_better,
            "recipe": str(self.recipe_file) if self.recipe_file else None,
            "command": self.train_command or None,
            "interrupted": self.interrupted,
        }


def plain(name: str) -> str:
    """Give a name that any file system takes.

    Example:
        >>> plain("openml:mnist_784")
        'openml-mnist_784'
    """
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "study"


def sentences(search: Search) -> list[str]:
    """Say what a search has found, and what to do with it, in plain sentences."""
    best, base = search.best, search.base
    if best is None:
        return [_nothing_found(search)]
    n = search.data["counts"]["validation"]
    taken = "is taken" if search.finals else "is the best"
    said = [
        f"{best.name} {taken} of {len(search.trials)} trials: {percent(best.accuracy)} on the "
        f"{n:,} validation images that chose it; {base.chosen['recipe']} has "
        f"{percent(base.accuracy)}."
    ]
    if search.finals:
        again = next(final for final in search.finals if final.number == best.number)
        count = len(search.finals)
        top = {trial.number for trial in ranked(search.trials)[:count]}
        which = "with" if top == {final.number for final in search.finals} else "of those with"
        said.append(
            f"The {count} {which} the best figures were trained {_times(again.seeds)} "
            f"with other seeds: then it has {percent(again.accuracy)}, and none of the others more."
        )
    if search.best_kept is not None and search.optimism is not None:
        kept = search.best_kept
        found = f"{abs(100 * search.optimism):.2f} points "
        found += "optimistic" if search.optimism > 0 else "below that, and not optimistic"
        if found.startswith("0.00"):
            found = "the same, and not optimistic"
        said.append(
            f"On {kept.n:,} images that were kept from the search it has "
            f"{percent(kept.accuracy)} ({percent(kept.low)} to {percent(kept.high)}): the best "
            f"figure is {found}."
        )
    said.append(_verdict(search))
    if search.confirmed_seconds:
        before, after = search.confirmed_seconds
        said.append(
            f"It was trained in {after:.3g} s, {base.chosen['recipe']} in {before:.3g} s"
            f"{' (means)' if search.pairs > 1 else ''}."
        )
    return said


def _nothing_found(search: Search) -> str:
    name = search.base.chosen["recipe"]
    if search.interrupted:
        return "No trial was trained to its end yet."
    if not search.base.is_finished:
        return (
            f"The time was over before {name} itself, which is to be beaten, was trained to its "
            "end. Give the study more minutes: it goes on."
        )
    return (
        "No trial was trained to its end. Give the study more minutes: it goes on; or begin one of "
        "a space whose recipes train faster."
    )


def _verdict(search: Search) -> str:
    found, base = search.difference, search.base.chosen["recipe"]
    if found is None:
        return (
            f"Whether it is really better than {base} was not measured: there was no time left to "
            "train both again with another seed. Give the study more minutes: it goes on."
        )
    test = "McNemar" if search.pairs == 1 else "signs exchanged at random"
    value, low, high = (100 * each for each in (found.value, found.low, found.high))
    certainty = f"p = {found.p:.2g} ({test})"
    figures = f"{value:+.2f} points ({low:+.2f} to {high:+.2f}), {certainty}"
    seeds = "another seed" if search.pairs == 1 else "other seeds"
    again = (
        f"Both trained {_times(search.pairs)} with {seeds}, and read on the {found.n:,} kept "
        "images: "
    )
    if search.is_better:
        return (
            f"{again}it is really better than {base}, by {value:.2f} points "
            f"({low:.2f} to {high:.2f}), {certainty}."
        )
    if found.value < 0 and found.p < SIGNIFICANT:
        return (
            f"{again}it is worse than {base}, by {-value:.2f} points ({-high:.2f} to {-low:.2f}), "
            f"{certainty}. Keep {base}."
        )
    return (
        f"{again}no real difference to {base} was found: {figures}. Keep {base}, or search longer."
    )


def _times(count: int) -> str:
    """Write how often something was done again."""
    return {1: "once more", 2: "twice more"}.get(count, f"{count} times more")
