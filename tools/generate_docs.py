"""Write the generated parts of the pages again, and the table of what the recipes reached.

    python tools/generate_docs.py

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; a test fails when one is out of
date. The table of what was reached comes from benchmarks/results/*.jsonl and nowhere else.
"""

import ast
import contextlib
import io
import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from loupe.cli import main as loupe_command
from loupe.data.public import PUBLIC
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.named import NAMED
from loupe.recipes.recipe import Recipe
from measuring import rows
from presets import is_of_now, newest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "loupe"
MEASURED = SOURCE / "recipes" / "measured.json"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VERBS = (
    "predict",
    "train",
    "tune",
    "check",
    "evaluate",
    "examine",
    "compare",
    "ladder",
    "learn-curve",
    "stress",
    "report",
    "export",
    "generate",
    "recipes",
    "runs",
)

_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write every file that is out of date."""
    MEASURED.write_text(measured_json(), encoding="utf-8")
    for page in PAGES:
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


def renewed(text: str) -> str:
    """Give a page with its generated parts as they should be."""
    return _PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}", text)


def modules() -> str:
    """List every module with the first line of its docstring, room by room."""
    lines = []
    for room in sorted({path.parent for path in SOURCE.rglob("*.py")}):
        name = "loupe" if room == SOURCE else f"loupe/{room.relative_to(SOURCE).as_posix()}"
        lines += [f"\n**{name}/** {_first_line(room / '__init__.py')}\n"]
        paths = sorted(path for path in room.glob("*.py") if path.name != "__init__.py")
        lines += [f"- `{path.name}`: {_first_line(path)}" for path in paths]
    return "\n".join(lines).strip()


def settings() -> str:
    """List the settings of a recipe with their defaults and meanings."""
    return "\n".join(_settings_table(Recipe, ""))


def augmentation() -> str:
    """List the settings of augmentation likewise."""
    return "\n".join(_settings_table(Augmentation, "augmentation."))


def _networks(recipe: Recipe) -> str:
    networks = recipe.networks or ((recipe.network,) if recipe.network else ())
    return ", ".join(f"`{network}`" for network in networks) or "(none)"


def recipes() -> str:
    """List the recipes by name."""
    lines = [
        "| recipe | network | optimizer | epochs | batch | validation |",
        "|---|---|---|--:|--:|--:|",
    ]
    lines += [
        f"| `{recipe.name}` | {_networks(recipe)} "
        f"| {recipe.optimizer} | {recipe.epochs} | {recipe.batch_size} | {recipe.validation:.3g} |"
        for recipe in NAMED.values()
    ]
    return "\n".join(lines)


def measured() -> str:
    """Write what the recipes reached as a table."""
    content = json.loads(measured_json())
    if not content["results"]:
        return "Not measured yet: `benchmarks/` holds the scripts."
    lines = [
        "| recipe | data | test accuracy | seeds | training | whole process | parameters |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for recipe, results in content["results"].items():
        for row in results:
            spread = "" if row["std"] is None else f" ± {100 * row['std']:.2f}"
            accuracy = f"{100 * row['accuracy']:.2f}{spread} %"
            seconds = f"{_in_seconds(row['training_seconds'])} | {_in_seconds(row['seconds'])}"
            lines.append(
                f"| `{recipe}` | {row['data']} | {accuracy} | {row['n']} | {seconds} "
                f"| {row['parameters']:,} |"
            )
    return "\n".join(lines) + (
        f"\n\nMeans and standard deviations over seeds, measured on {content['machine']}, "
        f"{content['date']}; the whole process is `loupe train` from a cold start, evaluation and "
        "report included. Where no seconds stand, the machine had other work."
    )


def _in_seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def public_sets() -> str:
    """List the public data sets that `read` knows by name."""
    lines = ["| name | classes | licence |", "|---|--:|---|"]
    lines += [
        f"| `{entry.name}` | {len(entry.class_names)} | {entry.licence} |"
        for entry in PUBLIC.values()
    ]
    return "\n".join(lines)


def verbs() -> str:
    """Print what each verb says of itself."""
    return "\n\n".join(f"```text\n$ loupe {verb} --help\n{_help(verb)}\n```" for verb in VERBS)


PARTS: dict[str, Callable[[], str]] = {
    "modules": modules,
    "settings": settings,
    "augmentation": augmentation,
    "recipes": recipes,
    "measured": measured,
    "public-sets": public_sets,
    "verbs": verbs,
}


def measured_json() -> str:
    """Sum up the rows of the benchmarks: means over seeds, on the machine that has most rows."""
    rows = sorted(_rows(), key=lambda row: row["date"])
    if not rows:
        return json.dumps({"machine": "", "date": "", "results": {}}) + "\n"
    machine = Counter(row["machine"] for row in rows).most_common(1)[0][0]
    groups: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["machine"] == machine and row["recipe"] in NAMED:
            groups[row["recipe"]][row["data"]].append(row)
    results = {
        name: [_summary(data, found) for data, found in groups[name].items()]
        for name in NAMED
        if name in groups
    }
    date = max(row["date"] for row in rows if row["machine"] == machine)
    content = {"machine": machine, "date": date, "results": results}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _rows() -> Iterator[dict[str, Any]]:
    """Give the rows of presets and tutorials in one form."""
    for row in newest(rows("presets")):
        if is_of_now(row):
            yield _row(row["recipe"], row, row, row["training_seconds"])
    for row in rows("tutorials"):
        if row.get("epochs"):  # cut short, for its seconds
            continue
        yield _row(row["name"], row, row["loupe"], row["loupe"]["fit_seconds"])


def _row(
    recipe: str, row: dict[str, Any], figures: dict[str, Any], training: float
) -> dict[str, Any]:
    machine = row["machine"]
    return {
        "recipe": recipe,
        "data": row["data"],
        "date": row["date"],
        "machine": f"{machine['processor']}, {machine['cores']} cores",
        "accuracy": figures["accuracy"] / 100,
        "timed": row.get("timed", True),
        "training_seconds": training,
        "seconds": figures["seconds"],
        "parameters": figures["parameters"],
    }


def _summary(data: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    accuracies = [row["accuracy"] for row in rows]
    timed = [row for row in rows if row["timed"]]  # the machine had nothing else to do
    return {
        "data": data,
        "accuracy": round(mean(accuracies), 5),
        "std": round(stdev(accuracies), 5) if len(rows) > 1 else None,
        "n": len(rows),
        "training_seconds": _mean([row["training_seconds"] for row in timed]),
        "seconds": _mean([row["seconds"] for row in timed]),
        "parameters": rows[-1]["parameters"],
    }


def _mean(seconds: Sequence[float]) -> float | None:
    return round(mean(seconds), 2) if seconds else None


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n\n")[0].replace("\n", " ")


def _settings_table(kind: type, prefix: str) -> Iterator[str]:
    meanings = _attributes(kind.__doc__ or "")
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    defaults = kind(name="mine") if kind is Recipe else kind()
    for field in fields(kind):
        default = getattr(defaults, field.name)
        if field.name in ("name", "augmentation", "variants"):
            shown = ""
        else:
            shown = f"`{round(default, 4) if isinstance(default, float) else default!r}`"
        yield f"| `{prefix}{field.name}` | {shown} | {meanings[field.name]} |"


def _attributes(docstring: str) -> dict[str, str]:
    """Read the `Attributes:` of a docstring: name and text, continuation lines joined."""
    found: dict[str, str] = {}
    for line in docstring.partition("Attributes:\n")[2].splitlines():
        text = line.strip()
        name, colon, rest = text.partition(": ")
        if line.startswith(" " * 8) and not line.startswith(" " * 9) and colon:
            found[name] = rest
        elif text and found:
            found[next(reversed(found))] += f" {text}"
    return {name: text[0].upper() + text[1:] for name, text in found.items()}


def _help(verb: str) -> str:
    os.environ["COLUMNS"] = "80"  # as on a plain terminal, wherever this runs
    with contextlib.redirect_stdout(io.StringIO()) as out:
        loupe_command([verb, "--help"])
    return out.getvalue().rstrip()


if __name__ == "__main__":
    main()
