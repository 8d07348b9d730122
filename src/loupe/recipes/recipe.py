"""The `Recipe`: everything that decides a run, validated, in TOML and in Python."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tomli_w
from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from loupe.errors import NotationError, RecipeError, did_you_mean
from loupe.recipes.augmentation import Augmentation, Number, Whole
from loupe.recipes.notation import parse

Activation = Literal[
    "relu", "leaky_relu", "prelu", "elu", "maxout", "sigmoid", "tanh", "gelu", "silu"
]
Optimizer = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop", "muon"]
Schedule = Literal["constant", "linear", "cosine", "exponential"]
Precision = Literal["auto", "float32", "bf16"]
Device = Literal["auto", "cpu", "cuda"]
Initialization = Literal["glorot", "kaiming", "identity"]
Head = Literal["softmax", "one-vs-rest", "one-vs-one"]
Balance = Literal["none", "weights", "under-sample", "over-sample"]
Kind = Literal["objects", "tiny", "few", "table"]
Variants = dict[Kind, dict[str, Any]]

Count = Annotated[Whole, Field(ge=1)]
Fraction = Annotated[Number, Field(ge=0, lt=1)]
Positive = Annotated[Number, Field(gt=0)]
Flag = Annotated[bool, Field(strict=True)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Recipe:
    """Everything that decides a run, apart from the data.

    Attributes:
        name: names the run folder.
        network: the layers, in the notation of `loupe.recipes.notation`.
        activation: what follows each convolution and dense layer.
        initialization: "glorot" as Keras does, "kaiming" as PyTorch does, "identity": kaiming, but
            3x3 convolutions start as identities (Jordan 2024, arXiv:2404.00498).
        head: "softmax" is one network for all classes; "one-vs-rest" one for each class, which says
            whether an image is of it; "one-vs-one" one for each pair of classes, which sees images
            of these two only. Binary networks are trained together.
        balance: how training makes up for rare classes; validation and test images keep their
            frequencies. "weights" weighs losses; "under-sample" draws as few images of each class
            as the rarest has, anew in each round; "over-sample" repeats images up to the most
            frequent class. With binary networks it goes by the two sides of each. Epochs become
            shorter or longer accordingly.
        members: networks in the committee; their probabilities are averaged in the model file.
        networks: different ones for the members, in turn, in place of `network`; where `members` is
            1, there is a member for each of them.
        epochs: passes over the training images.
        batch_size: images in one optimizer step.
        optimizer: "muon" turns the gradients of convolutions into orthogonal steps and leaves the
            rest to AdamW (Jordan et al. 2024).
        learning_rate: the highest that the schedule reaches.
        muon_learning_rate: the same for the convolutions under "muon", relative to their norm.
        momentum: decay of the mean gradient (the first beta of Adam).
        beta_2: decay of the mean squared gradient (adam, adamw, rmsprop).
        schedule: how the learning rate falls after the warm-up: "linear" and "cosine" to zero.
        warmup: fraction of all steps in which the learning rate rises.
        weight_decay: per step and unit of learning rate, on weights only.
        label_smoothing: fraction of each label that is spread over all classes.
        ema: decay of the average of weights over steps that is evaluated and exported; 0: none.
        focus: fraction of the training images, those with the highest loss when last seen, that a
            round takes; 1: all of them. The number of steps in an epoch stays the same.
        focus_from: the epoch, from 1, at which that begins.
        augmentation: how training images are varied.
        validation: fraction of the training images kept for validation; 0: train on all of them,
            and do without early stopping, temperature and a checked outlier threshold.
        patience: epochs without a better validation accuracy before stopping, with the weights of
            the best epoch; 0: never stop early.
        keep: weights of the "last" epoch, or of the "best" one on validation.
        test_shifts: also average the prediction over the image shifted by a pixel down right, and
            up left.
        test_mirror: also average over the mirrored image; refused where mirrored images do not keep
            their label.
        seed: of everything random in training, the validation split included.
        precision: "auto" computes convolutions in bf16 where the processor does so natively.
        device: "auto" takes a GPU where there is one.
        minutes: time budget; turned into epochs once, after a timed warm-up.
        variants: settings that replace the above where the data set is of a kind: "objects" may
            be mirrored (clothes), "tiny" is under 16 pixels wide or high, "few" has under 10,000
            training images, "table" is one pixel high. Later kinds overrule earlier ones.
    """

    name: str
    network: str = ""
    activation: Activation = "relu"
    initialization: Initialization = "kaiming"
    head: Head = "softmax"
    balance: Balance = "none"
    members: Annotated[Whole, Field(ge=1, le=100)] = 1
    networks: tuple[str, ...] = ()
    epochs: Count = 10
    batch_size: Count = 256
    optimizer: Optimizer = "adamw"
    learning_rate: Positive = 1e-3
    muon_learning_rate: Positive = 0.1
    momentum: Fraction = 0.9
    beta_2: Fraction = 0.999
    schedule: Schedule = "constant"
    warmup: Fraction = 0.0
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    label_smoothing: Fraction = 0.0
    ema: Fraction = 0.0
    focus: Annotated[Number, Field(gt=0, le=1)] = 1.0
    focus_from: Count = 2
    augmentation: Augmentation = Augmentation()
    validation: Fraction = 1 / 12
    patience: Annotated[Whole, Field(ge=0)] = 0
    keep: Literal["last", "best"] = "last"
    test_shifts: Flag = False
    test_mirror: Flag = False
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0
    precision: Precision = "auto"
    device: Device = "auto"
    minutes: Positive | None = None
    variants: Variants = field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not name or set(name) & set('/\\:*?"<>|') or name.startswith("."):
            raise ValueError("must be usable as a folder's name")
        return name

    @field_validator("network")
    @classmethod
    def _is_readable(cls, network: str) -> str:
        return str(parse(network))

    @field_validator("networks")
    @classmethod
    def _are_readable(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(parse(network)) for network in networks)

    @model_validator(mode="after")
    def _has_a_member_for_each_network(self) -> "Recipe":
        if len(self.networks) > self.members:
            raise ValueError(
                f"{len(self.networks)} networks are listed for {self.members} members: give at "
                "least as many members, or leave members at 1 for one of each"
            )
        return self

    def network_of(self, member: int) -> str:
        """The network of one member, counted from 0.

        Example:
            >>> mixed = from_dict({"name": "mixed", "networks": ["300N", "8C3-MP2"], "members": 3})
            >>> [mixed.network_of(member) for member in range(3)]
            ['300N', '8C3-MP2', '300N']
        """
        return self.networks[member % len(self.networks)] if self.networks else self.network


KEYS = tuple(key.name for key in fields(Recipe))
_ADAPTER = TypeAdapter(Recipe)


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Give a recipe as plain values, without what is not set."""
    values = _ADAPTER.dump_python(recipe)
    return {key: value for key, value in values.items() if value not in (None, {}, ())}


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """Make a recipe of plain values; "augmentation" and "variants" are tables in it.

    Raises:
        RecipeError: a key is unknown (the nearest is suggested) or a value is impossible.

    Example:
        >>> from_dict({"name": "mine", "network": "300N-100N"}).optimizer
        'adamw'
        >>> from_dict({"name": "mine", "epoch": 3})
        Traceback (most recent call last):
        ...
        loupe.errors.RecipeError: recipe 'mine': 'epoch' is no setting. Did you mean 'epochs'?
    """
    values = dict(values)
    if values.get("members", 1) == 1 and isinstance(values.get("networks"), (list, tuple)):
        values["members"] = max(1, len(values["networks"]))
    try:
        recipe = _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise RecipeError(_explain(error, str(values.get("name", "?")))) from error
    for kind, overrides in recipe.variants.items():  # they are settings too: refuse slips now
        _refuse_unsettable(recipe.name, kind, overrides)
        try:
            changed(replace(recipe, variants={}), overrides)
        except RecipeError as error:
            raise RecipeError(f"{error}\nThat is in variants.{kind}.") from error
    return recipe


def changed(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """Copy a recipe with some settings replaced; dotted keys reach into its tables.

    Example:
        >>> base = from_dict({"name": "mine"})
        >>> changed(base, {"epochs": 3, "augmentation.rotation": 5}).augmentation.rotation
        5.0
    """
    values = to_dict(recipe)
    if "network" in overrides:
        values.pop("networks", None)  # one for all members replaces one for each
    several = values.get("networks", ())
    if overrides.get("members") == 1 and "networks" not in overrides and len(several) > 1:
        raise RecipeError(
            f"recipe '{recipe.name}': members = 1, but its members have {len(several)} networks. "
            f"Say which one with network: {' or '.join(several)}."
        )
    for key, value in overrides.items():
        table, dot, inner = key.partition(".")
        if dot:
            values[table] = _with_inner(recipe.name, key, values.get(table, {}), inner, value)
        elif key == "augmentation" and isinstance(value, Mapping):
            values[key] = {**values[key], **value}
        else:
            values[key] = value
    return from_dict(values)


def _with_inner(name: str, key: str, table: Any, inner: str, value: Any) -> dict[str, Any]:
    """Copy a table with one of its settings replaced; those of a kind of data have one more dot."""
    if not isinstance(table, Mapping):
        outer = key.removesuffix(f".{inner}")
        raise RecipeError(f"recipe '{name}': '{key}' is no setting: '{outer}' is no table.")
    kind, dot, rest = inner.partition(".")
    if dot and key == f"variants.{inner}":
        return {**table, kind: _with_inner(name, key, table.get(kind, {}), rest, value)}
    return {**table, inner: value}


def nearest_setting(key: str) -> str:
    """Say which setting a key may have meant; empty when none is near.

    Example:
        >>> nearest_setting("epoch"), nearest_setting("rotation")
        (" Did you mean 'epochs'?", " Did you mean 'augmentation.rotation'?")
    """
    table, _, inner = key.rpartition(".")
    known = {field.name: f"augmentation.{field.name}" for field in fields(Augmentation)}
    if not table:
        known |= {name: name for name in KEYS}
    near = difflib.get_close_matches(inner, known, n=1)
    return f" Did you mean '{known[near[0]]}'?" if near else ""


def to_toml(recipe: Recipe) -> str:
    """Write a recipe as TOML, every setting spelt out."""
    return tomli_w.dumps(to_dict(recipe))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file; its name is the file's where it states none.

    Raises:
        RecipeError: the file is missing, no TOML, or holds a wrong setting.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"The recipe file {path} does not exist.") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not a readable TOML file: {error}.") from error
    return from_dict({"name": path.stem, **values})


# What cannot depend on the kind of data: it names the run or is decided before the data is read.
FIXED = ("name", "variants", "seed", "device", "minutes")


def _refuse_unsettable(name: str, kind: str, overrides: Mapping[str, Any]) -> None:
    for key in overrides:
        if key.partition(".")[0] in FIXED:
            raise RecipeError(f"recipe '{name}': variants.{kind} cannot change '{key}'.")


def _explain(error: ValidationError, name: str) -> str:
    """Say what is wrong with each setting, in words."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"] if part != "Recipe")
        if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            lines.append(f"'{key}' is no setting.{nearest_setting(key)}")
        elif problem["loc"][-1:] == ("[key]",):
            kinds = get_args(Kind)
            lines.append(
                f"'{key.removesuffix('.[key]')}' is no kind of data: expected one of "
                f"{', '.join(kinds)}.{did_you_mean(str(problem['input']), kinds)}"
            )
        else:
            said = problem["msg"].removeprefix("Value error, ")
            given = problem["input"]
            points_at_it = isinstance(problem.get("ctx", {}).get("error"), NotationError)
            lines.append(
                said
                if points_at_it or not key
                else f"{key} = {given!r} cannot be: {said[0].lower()}{said[1:]}."
            )
    return f"recipe '{name}': " + "\n".join(lines)
