"""A data set's summary and findings, as text and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from loupe.cli.screen import Screen
from loupe.data.dataset import Dataset
from loupe.data.finding import Finding
from loupe.data.summary import Summary


def print_summary(summary: Summary, screen: Screen) -> None:
    """Print images of each class and the pixels' statistics, split by split."""
    splits = list(summary.counts)
    rows = [
        (name, *(f"{summary.counts[split][label]:,}" for split in splits))
        for label, name in enumerate(summary.class_names)
    ]
    totals = ("all", *(f"{summary.counts[split].sum():,}" for split in splits))
    screen.say("")
    screen.table(("class", *(f" {split}" for split in splits)), [*rows, totals])
    pixels = [
        (
            split,
            f"{found.mean:.1f}",
            f"{found.std:.1f}",
            f"{found.min} to {found.max}",
            f"{found.background_fraction:.1%}",
        )
        for split, found in summary.pixels.items()
    ]
    screen.say("")
    screen.table(("pixels of", " mean", " std", " range", " background"), pixels)


def print_findings(findings: Sequence[Finding], screen: Screen) -> None:
    """Print what the checks found, with what to do about it."""
    screen.say("", "No findings." if not findings else "")
    for finding in findings:
        screen.say(f"{finding.severity}: {finding.message}", f"  {finding.suggestion}")


def is_sound(dataset: Dataset, findings: Sequence[Finding]) -> bool:
    """Whether training may start: no finding is an error and every file could be read."""
    return not dataset.skipped and all(finding.severity != "error" for finding in findings)


def as_json(dataset: Dataset, summary: Summary, findings: Sequence[Finding]) -> dict[str, Any]:
    """Give all of it as plain values."""
    return {
        **summary.to_dict(),
        "findings": [
            {
                "check": finding.check,
                "severity": finding.severity,
                "message": finding.message,
                "suggestion": finding.suggestion,
                "indices": finding.indices.tolist(),
                "scores": [round(score, 4) for score in finding.scores.tolist()],
                "sources": [dataset.sources[i] for i in finding.indices.tolist()],
            }
            for finding in findings
        ],
        "skipped": [asdict(fault) for fault in dataset.skipped],
    }
