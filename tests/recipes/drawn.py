"""Networks and recipes as hypothesis draws them, before they are made.

Hypothesis draws plain values and the test makes the objects of them: the type checks at their
making draw random numbers, which a strategy must not.
"""

import hypothesis.strategies as st

from loupe.recipes import notation

small = st.integers(1, 9)
suffixes = st.lists(st.sampled_from(["b", "p2", "p3"]), max_size=3).map(tuple)
convolutions = st.tuples(
    st.just("Conv"), st.integers(1, 512), small, st.booleans(), small, suffixes
).filter(lambda layer: layer[3] or layer[2] % 2)  # an even kernel has no same padding
dense = st.tuples(st.just("Dense"), st.integers(1, 65_536), st.sampled_from([(), ("b",)]))
plain = st.one_of(
    convolutions,
    dense,
    st.tuples(st.just("Pool"), st.sampled_from(["max", "average"]), small, small),
    st.tuples(st.just("Dropout"), st.floats(0, 1, exclude_max=True)),
    st.just(("GlobalPool",)),
    st.just(("Norm",)),
)


def _blocks(layers):
    """Residual blocks: they end in a convolution or a dense layer."""
    bodies = st.tuples(st.lists(layers, max_size=2), convolutions | dense)
    return bodies.map(lambda body: ("Residual", (*body[0], body[1])))


networks = st.lists(st.recursive(plain, _blocks, max_leaves=6), max_size=6)


def made(network):
    """The `Network` that was drawn."""
    return notation.Network(tuple(map(_layer, network)))


def _layer(drawn):
    kind, *settings = drawn
    if kind == "Residual":
        return notation.Residual(tuple(map(_layer, settings[0])))
    return getattr(notation, kind)(*settings)


fractions = st.floats(0, 1, exclude_max=True)
rates = st.floats(1e-6, 1e6)
augmentations = st.fixed_dictionaries(
    {},
    optional={
        "rotation": st.floats(0, 180),
        "scale": fractions,
        "shear": st.floats(0, 1),
        "shift": st.floats(0, 5),
        "elastic": st.floats(0, 5),
        "thickness": st.floats(0, 1),
        "erasing": st.integers(0, 28),
        "erasing_probability": st.floats(0, 1),
        "noise": st.floats(0, 1),
        "flip": st.sampled_from(["auto", "horizontal", "none"]),
    },
)
recipes = st.fixed_dictionaries(
    {"name": st.text("abcäß -_09.", min_size=1).filter(lambda name: not name.startswith("."))},
    optional={
        "network": st.sampled_from(["", "300N-DO.5", "8C3v/2p2b-R(8C3b)-GAP"]),
        "activation": st.sampled_from(["relu", "prelu", "maxout", "silu"]),
        "head": st.sampled_from(["softmax", "one-vs-rest", "one-vs-one"]),
        "balance": st.sampled_from(["none", "weights", "under-sample", "over-sample"]),
        "members": st.integers(1, 100),
        "epochs": st.integers(1, 10_000),
        "optimizer": st.sampled_from(["sgd", "adamw", "muon"]),
        "learning_rate": rates,
        "momentum": fractions,
        "weight_decay": st.floats(0, 1),
        "ema": fractions,
        "augmentation": augmentations,
        "validation": fractions,
        "test_shifts": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
        "minutes": rates,
        "variants": st.dictionaries(
            st.sampled_from(["objects", "tiny", "few"]),
            st.fixed_dictionaries(
                {}, optional={"epochs": st.integers(1, 99), "augmentation": augmentations}
            ),
        ),
    },
)
