"""Commands, and what they leave behind."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

QUICK = ("--recipe", "logistic", "--epochs", "1")  # trains in a tenth of a second


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of the output."""
        return json.loads(self.out.splitlines()[-1])


Loupe = Callable[..., Result]
