import gzip
import hashlib
import json

import numpy as np
import pytest
from mirrors import closed_mirror

from loupe.data import openml
from loupe.data.read import read
from loupe.errors import DataError


def keep(cache, path: str, content: bytes) -> None:
    """Put an answer of OpenML's into the cache, as scikit-learn keeps it."""
    file = cache / "openml" / "openml.org" / f"{path}.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(content))


def keep_data_set(cache, name, images, labels, versions=1) -> None:
    columns = [f"pixel{i}" for i in range(images[0].size)]
    rows = [",".join(map(str, [*i.ravel(), y])) for i, y in zip(images, labels, strict=True)]
    classes = ",".join(sorted(set(labels)))
    arff = "\n".join(
        [f"@RELATION {name}", *(f"@ATTRIBUTE {column} REAL" for column in columns)]
        + [f"@ATTRIBUTE class {{{classes}}}", "@DATA", *rows, ""]
    ).encode()
    found = [
        {"did": 77, "name": name, "version": n + 1, "status": "active"} for n in range(versions)
    ]
    no = dict.fromkeys(("is_target", "is_ignore", "is_row_identifier"), "false")
    no["number_of_missing_values"] = "0"
    features = [
        {"index": str(i), "name": column, "data_type": "numeric", **no}
        for i, column in enumerate(columns)
    ]
    features.append(
        {"index": str(len(columns)), "name": "class", "data_type": "nominal", **no}
        | {"is_target": "true", "nominal_value": sorted(set(labels))}
    )
    described = {
        "id": "77",
        "name": name,
        "version": "1",
        "format": "ARFF",
        "status": "active",
        "description": "small",
        "md5_checksum": hashlib.md5(arff).hexdigest(),
        "url": "https://www.openml.org/data/v1/download/77/small.arff",
    }
    quality = [{"name": "NumberOfInstances", "value": str(float(len(images)))}]
    api = "api/v1/json/data"
    search = f"{api}/list/data_name/{name}/limit/2//status/active/"
    keep(cache, search, json.dumps({"data": {"dataset": found}}).encode())
    keep(cache, f"{api}/77", json.dumps({"data_set_description": described}).encode())
    keep(cache, f"{api}/features/77", json.dumps({"data_features": {"feature": features}}).encode())
    keep(
        cache, f"{api}/qualities/77", json.dumps({"data_qualities": {"quality": quality}}).encode()
    )
    keep(cache, "data/v1/download/77/small.arff", arff)


def test_a_data_set_of_pixels_is_read(private_cache, letters):
    keep_data_set(private_cache, "letters_36", *letters)
    dataset = read("openml:letters_36")
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert dataset.class_names == ("10", "a", "b")
    assert (dataset.name, dataset.origin) == ("letters_36", "openml:letters_36")
    assert len(dataset.test) == 6


def test_the_published_order_of_training_and_test_is_kept(private_cache, letters, monkeypatch):
    monkeypatch.setattr(openml, "TRAINING_ROWS", {"letters_36": 21})
    keep_data_set(private_cache, "letters_36", *letters)
    dataset = read("openml:letters_36")
    assert dataset.split.tolist() == [0] * 21 + [2] * 9


def test_what_openml_warns_of_becomes_a_note(private_cache, letters):
    keep_data_set(private_cache, "letters_36", *letters, versions=2)
    assert "Multiple active versions" in read("openml:letters_36").notes[0]


def test_without_a_network_the_error_says_so(monkeypatch):
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers proxies of other tests
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", closed_mirror())
    with pytest.raises(DataError, match="openml:mnist_784 could not be read: .*refused"):
        read("openml:mnist_784")


def test_a_name_that_leads_elsewhere_is_refused():
    with pytest.raises(DataError, match="is no name on openml.org"):
        read("openml:../../etc")
