"""The `Finding`: one thing that a check or an examination noticed, with the images it is about."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing noticed about a data set.

    Attributes:
        check: name of the check that found it, as in `CHECKS`.
        severity: "error" (training makes no sense), "warning" (figures may mislead), "note".
        message: one sentence that says what was found, with counts.
        indices: positions of the images concerned, int64 `[m]`; empty when it is about none.
        scores: how bad each of them is, 0 (bad) to 1 (fine), float32 `[m]`.
        suggestion: what to do about it.
    """

    check: str
    severity: Severity
    message: str
    indices: Int64[np.ndarray, " m"]
    scores: Float32[np.ndarray, " m"]
    suggestion: str
