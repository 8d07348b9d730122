"""The card: what a model file says about itself, as JSON in its metadata."""

import json
from dataclasses import asdict, field, fields
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from loupe.errors import ModelError

CARD_KEY = "loupe.card"
VERSION_KEY = "loupe.version"


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class Card:
    """What a model file says about itself.

    Attributes:
        class_names: names of the columns of the probabilities.
        image_shape: height, width, channels of the images that it takes.
        framing: how the training objects sit in their images (`loupe.framing.Framing`).
        outlier_threshold: an `outlier` output above it means "none of my classes"; None where no
            validation images were kept to set it.
        recipe: every setting of the run.
        training_data: name, fingerprint and counts of what it was trained on.
        evaluation: figures on validation images, each with n and an interval.
        created: when, in UTC, ISO 8601.
        certainty: thresholds for abstention and prediction sets
            (`loupe.examination.certainty.Thresholds`); empty without validation images.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    framing: dict[str, Any]
    outlier_threshold: float | None
    recipe: dict[str, Any]
    training_data: dict[str, Any]
    evaluation: dict[str, Any]
    created: str
    certainty: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the card as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_card(text: str, path: str) -> Card:
    """Read a card from a model file's metadata.

    Raises:
        ModelError: it is no card, or lacks a field.
    """
    try:
        return TypeAdapter(Card).validate_json(text)
    except ValidationError as error:
        places = [".".join(map(str, problem["loc"])) for problem in error.errors()]
        faulty = ", ".join(place or "its beginning" for place in places)
        known = ", ".join(field.name for field in fields(Card))
        raise ModelError(
            f"{path}: its card is not readable at: {faulty}. Expected a JSON object "
            f"with {known}. Export the model again with this version of Loupe."
        ) from error
