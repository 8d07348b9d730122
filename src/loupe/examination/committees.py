"""What a committee gains over one of its members, on the same images.

A committee is compared with its mean member: what one network of the kind does on average, not the
luckiest of them. Image by image, whether the committee is right less the share of the members that
are: the mean of these differences is the gain, and drawing the images again gives its interval,
which is paired and so much narrower than that of either accuracy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from loupe.arrays import Labels
from loupe.examination.intervals import bootstrap_mean


@dataclass(frozen=True)
class CommitteeGain:
    """How much better a committee reads some images than one of its members.

    Attributes:
        n: images.
        accuracy: of the committee.
        members: accuracy of each member alone.
        value: accuracy of the committee less the mean of the members'.
        low: lower end of the 95 % interval of `value` (paired bootstrap over the images).
        high: upper end.
    """

    n: int
    accuracy: float
    members: tuple[float, ...]
    value: float
    low: float
    high: float

    @property
    def mean_member(self) -> float:
        """Accuracy of one member, on average."""
        return sum(self.members) / len(self.members)

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON types, as the card holds them."""
        return asdict(self) | {"members": list(self.members), "interval": "bootstrap"}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CommitteeGain":
        """Take what `to_dict` gave."""
        plain = {key: content[key] for key in ("n", "accuracy", "value", "low", "high")}
        return cls(members=tuple(content["members"]), **plain)


def committee_gain(
    labels: Labels, guesses: Labels, of_members: Int64[np.ndarray, "m n"]
) -> CommitteeGain:
    """Measure the gain of a committee.

    Args:
        labels: of images that no member was trained on.
        guesses: of the committee.
        of_members: of each member alone, on the same views of the images.

    Example:
        >>> labels = np.array([0, 1, 1, 0])
        >>> found = committee_gain(labels, labels, np.array([[0, 1, 0, 0], [1, 1, 1, 0]]))
        >>> found.accuracy, found.members, found.value
        (1.0, (0.75, 0.75), 0.25)
    """
    right = of_members == labels
    differences = (guesses == labels) - right.mean(axis=0)
    interval = bootstrap_mean(differences)
    return CommitteeGain(
        n=len(labels),
        accuracy=float((guesses == labels).mean()),
        members=tuple(right.mean(axis=1).tolist()),
        value=float(differences.mean()),
        low=interval.low,
        high=interval.high,
    )
