import pytest
from hypothesis import given
from hypothesis import strategies as st

from loupe.data.labels import natural_order
from loupe.data.layout import Tree, arrange
from loupe.errors import DataError

NUMBERED = st.lists(
    st.one_of(st.integers(0, 99999).map("{:05d}".format), st.integers(0, 999).map(str)),
    min_size=1,
    unique=True,
)


@given(NUMBERED)
def test_files_come_in_natural_order_however_their_numbers_are_written(names):
    layout = arrange(Tree({"": [], "a": names, "b": ["1"]}), "data")
    assert layout.paths == [f"a/{name}" for name in natural_order(names)] + ["b/1"]


@given(st.permutations(["train", "test", "val"]), st.permutations(["cat", "dog", "eel"]))
def test_labels_follow_names_whatever_order_folders_are_listed_in(splits, classes):
    files = {"": []}
    for split in splits:
        files[split] = []
        files |= {f"{split}/{name}": ["1.png"] for name in classes}
    layout = arrange(Tree(files), "data")
    assert layout.class_names == ("cat", "dog", "eel")
    assert layout.paths == [
        f"{split}/{name}/1.png" for split in ("train", "val", "test") for name in layout.class_names
    ]
    assert layout.labels.tolist() == [0, 1, 2] * 3
    assert layout.split.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_many_missing_classes_are_listed_shortly():
    names = [f"class {i}" for i in range(50)]
    files = {"": [], "train": [], "test": [], "test/class 0": ["1"]}
    files |= {f"train/{name}": ["1"] for name in names}
    with pytest.raises(DataError, match="'class 1', 'class 2', 'class 3' and 46 more"):
        arrange(Tree(files), "data")
