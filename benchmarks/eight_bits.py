"""What 8 bits a value cost: classifiers on floating point beside the same on 256 levels.

    python benchmarks/eight_bits.py

`LoupeClassifier` rounds what it is given to 256 levels between the ends of the training range: one
range for images, one a column for tables. Here scikit-learn's classifiers read the same folds with
and without that rounding, so that nothing else differs. Of tables also with one range for all
columns. Rows go to results/eight_bits.jsonl; what is there for a data set is not run again.
"""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from loupe.data.levels import measure_levels, to_levels
from measuring import append, rows

Data = tuple[np.ndarray, np.ndarray]
FOLDS = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)


def main() -> None:
    """Measure what is missing."""
    done = {(row["data"], row["classifier"]) for row in rows("eight_bits")}
    for name, (values, labels) in data_sets().items():
        is_table = not name.startswith("digits")
        for kind in (LogisticRegression(max_iter=2000), SVC()):
            if (name, type(kind).__name__) not in done:
                row = measured(values, labels, kind, is_table)
                append("eight_bits", {"data": name, "classifier": type(kind).__name__, **row})
                print(name, type(kind).__name__, row)


def data_sets() -> dict[str, Data]:
    """Images, tables as they come, standardised ones, and columns with long tails."""
    sets: dict[str, Data] = {"digits": load_digits(return_X_y=True)}
    for load in (load_iris, load_wine, load_breast_cancer):
        values, labels = load(return_X_y=True)
        name = load.__name__.removeprefix("load_")
        sets[name] = values, labels
        sets[f"{name}, standardised"] = StandardScaler().fit_transform(values), labels
    values, labels = make_classification(1500, 20, n_informative=8, n_classes=4, random_state=0)
    sets["made"] = values, labels
    sets["made, long tails"] = np.sinh(2 * values), labels  # a few values hundreds of times as far
    return sets


def measured(
    values: np.ndarray, labels: np.ndarray, kind: ClassifierMixin, is_table: bool
) -> dict[str, object]:
    """Read every fold with and without rounding; means over folds, and guesses that differ."""
    ways = {"float": None, "levels": is_table} | ({"one range": False} if is_table else {})
    right: dict[str, list[float]] = {way: [] for way in ways}
    differ: dict[str, list[float]] = {way: [] for way in ways}
    for train, test in FOLDS.split(values, labels):
        exact = None
        for way, each_column in ways.items():
            learnt, asked = rounded(values[train], values[test], each_column)
            model = make_pipeline(StandardScaler(), kind).fit(learnt, labels[train])
            guesses = model.predict(asked)
            exact = guesses if exact is None else exact
            right[way].append(float((guesses == labels[test]).mean()))
            differ[way].append(float((guesses != exact).mean()))
    gaps = 100 * (np.array(right["levels"]) - np.array(right["float"]))
    return {
        "n": len(labels),
        "folds": len(gaps),
        "accuracy": {way: round(100 * float(np.mean(found)), 3) for way, found in right.items()},
        "guesses_that_differ": {
            way: round(100 * float(np.mean(d)), 3) for way, d in differ.items()
        },
        "points_by_levels": round(float(gaps.mean()), 3),
        "std_over_folds": round(float(gaps.std(ddof=1)), 3),
    }


def rounded(
    train: np.ndarray, test: np.ndarray, each_column: bool | None
) -> tuple[np.ndarray, ...]:
    """Give both as they are, or as levels of the training range."""
    if each_column is None:
        return train, test
    learnt, asked = (part[:, np.newaxis, :, np.newaxis] for part in (train, test))
    levels = measure_levels(learnt, each_column=each_column)
    shape = (-1, train.shape[1])
    return tuple(to_levels(p, levels).reshape(shape).astype(float) for p in (learnt, asked))


if __name__ == "__main__":
    main()
