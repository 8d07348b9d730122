"""What `loupe tune` finds in a given time, and whether it is really better than its base.

    python benchmarks/tuning.py --data fashion-mnist [--space small] [--base fast] [--minutes 20]
                                [--trials N] [--study DIR] [--no-slower]

One row a study goes to results/tuning.jsonl: trials by outcome, the best figure, how optimistic it
was, and the paired difference to the base on images that the search has not seen. A study that was
killed goes on with the same command. No test image is looked at.
"""

import argparse
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import loupe
from loupe.studies.search import sentences
from loupe.studies.space import find_space
from loupe.studies.tuning import tune
from measuring import append


def main() -> None:
    """Search once, and add the row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--space", default="small")
    parser.add_argument("--base", help="recipe to start from and to beat, in place of the space's")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--no-slower", action="store_true")
    parser.add_argument("--untimed", action="store_true", help="the machine has other work")
    arguments = parser.parse_args()
    space = find_space(arguments.space)
    if arguments.base:
        named = loupe.recipe(arguments.base)
        space = replace(space, base=named, name=f"{space.name}-{named.name}")
    began = time.perf_counter()
    search = tune(
        loupe.read(arguments.data),
        space,
        minutes=arguments.minutes,
        trials=arguments.trials,
        out=arguments.study,
        no_slower=arguments.no_slower,
        watch=lambda trial: print(
            trial.name, trial.outcome, trial.accuracy, f"{trial.seconds:.1f} s", flush=True
        ),
    )
    print(*sentences(search), sep="\n")
    best = search.best
    row = {
        "data": arguments.data,
        "space": search.space.name,
        "base": search.base.chosen["recipe"],
        "no_slower": arguments.no_slower,
        "timed": not arguments.untimed,
        "wall_seconds": round(time.perf_counter() - began, 1),
        "counts": search.data["counts"],
        "trials": dict(Counter(trial.outcome for trial in search.trials)),
        "base_accuracy": search.base.accuracy,
        "base_seconds": search.base.seconds,
        "best": None if best is None else best.to_dict(),
        "best_kept": asdict(search.best_kept) if search.best_kept else None,
        "optimism": search.optimism,
        "finals": [asdict(each) for each in search.finals],
        "pairs": search.pairs,
        "confirmed_seconds": search.confirmed_seconds,
        "difference": asdict(search.difference) if search.difference else None,
        "is_better": search.is_better,
        "importance": search.importance,
    }
    append("tuning", row)


if __name__ == "__main__":
    main()
