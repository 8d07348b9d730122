"""The catalogue of public data sets that `read` knows by name.

To add one, write its entry: addresses, checksums, class names, licence.
"""

import numpy as np

from loupe.data.dataset import Split
from loupe.data.download import PublicFile
from loupe.data.public_set import PublicSet

DIGITS = tuple("0123456789")
UPPER_CASE = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
LOWER_CASE = tuple("abcdefghijklmnopqrstuvwxyz")
# Lower-case letters that EMNIST keeps apart from their capitals in its merged sets.
UNMERGED_LOWER_CASE = tuple("abdefghnqrt")


def _scikit_learn_digits() -> tuple[np.ndarray, np.ndarray]:
    """Read the digits that scikit-learn brings, their 17 grey values spread over 0..255."""
    from sklearn.datasets import load_digits  # 0.8 s to import

    digits = load_digits()
    return np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target


def _idx_files(
    folder: str,
    mirrors: tuple[str, ...],
    *,
    sha256: tuple[str, ...] = (),
    md5: tuple[str, ...] = (),
) -> dict[str, PublicFile]:
    """Describe four files that are named as MNIST's, with checksums in the order of the roles."""
    known = {
        "train_images": ("train-images-idx3-ubyte.gz", (60_000, 28, 28)),
        "train_labels": ("train-labels-idx1-ubyte.gz", (60_000,)),
        "test_images": ("t10k-images-idx3-ubyte.gz", (10_000, 28, 28)),
        "test_labels": ("t10k-labels-idx1-ubyte.gz", (10_000,)),
    }
    return {
        role: PublicFile(
            name,
            (folder,),
            shape,
            tuple(mirror + name for mirror in mirrors),
            sha256=sha256[position] if sha256 else "",
            md5=md5[position] if md5 else "",
        )
        for position, (role, (name, shape)) in enumerate(known.items())
    }


def _qmnist_file(name: str, shape: tuple[int, ...], *, sha256: str = "", md5: str) -> PublicFile:
    address = f"https://raw.githubusercontent.com/facebookresearch/qmnist/master/{name}"
    return PublicFile(name, ("qmnist", "mnist"), shape, (address,), sha256, md5)


def _emnist(part: str, class_names: tuple[str, ...], first_label: int = 0) -> PublicSet:
    """Describe one of EMNIST's sets, which share an archive of half a gigabyte."""
    name = f"emnist-{part}"
    files = {
        f"{split}_{kind}": PublicFile(
            f"{name}-{split}-{kind}-{suffix}-ubyte.gz",
            ("emnist", name),
            shape,
            (
                "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
                "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            ),
            md5="58c8d27c78d21e728a6bc7b3cc06412e",
            archive="gzip.zip",
        )
        for split in ("train", "test")
        for kind, suffix, shape in (("images", "idx3", (-1, 28, 28)), ("labels", "idx1", (-1,)))
    }
    return PublicSet(
        name,
        "public domain (NIST)",
        class_names,
        files,
        transposed=True,
        first_label=first_label,
    )


_WRITERS: dict[Split, PublicFile] = {
    "train": _qmnist_file(
        "qmnist-train-labels-idx2-int.gz",
        (60_000, 8),
        sha256="bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5",
        md5="0058f8dd561b90ffdd0f734c6a30e5e4",
    ),
    "test": _qmnist_file(
        "qmnist-test-labels-idx2-int.gz",
        (60_000, 8),
        sha256="92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd",
        md5="5b5b05890a5e13444e108efe57b788aa",
    ),
}

_SETS = (
    PublicSet("digits", "CC BY 4.0 (UCI)", DIGITS, embedded=_scikit_learn_digits),
    PublicSet(
        "mnist",
        "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
        DIGITS,
        _idx_files(
            "mnist",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            sha256=(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        writers=_WRITERS,
    ),
    PublicSet(
        "fashion-mnist",
        "MIT (Zalando SE)",
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        _idx_files(
            "fashion-mnist",
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            ),
            sha256=(
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        mirrors=True,
    ),
    PublicSet(
        "kmnist",
        "CC BY-SA 4.0 (CODH)",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        _idx_files(
            "kmnist",
            ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
            md5=(
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ),
    ),
    PublicSet(
        "qmnist",
        "BSD (Yadav and Bottou)",
        DIGITS,
        {
            "train_images": _qmnist_file(
                "qmnist-train-images-idx3-ubyte.gz",
                (60_000, 28, 28),
                md5="ed72d4157d28c017586c42bc6afe6370",
            ),
            "train_labels": _WRITERS["train"],
            "test_images": _qmnist_file(
                "qmnist-test-images-idx3-ubyte.gz",
                (60_000, 28, 28),
                md5="1394631089c404de565df7b7aeaf9412",
            ),
            "test_labels": _WRITERS["test"],
        },
    ),
    _emnist("letters", UPPER_CASE, first_label=1),  # each letter's two cases are one class
    _emnist("balanced", DIGITS + UPPER_CASE + UNMERGED_LOWER_CASE),
    _emnist("digits", DIGITS),
    _emnist("byclass", DIGITS + UPPER_CASE + LOWER_CASE),
    _emnist("bymerge", DIGITS + UPPER_CASE + UNMERGED_LOWER_CASE),
)
PUBLIC: dict[str, PublicSet] = {entry.name: entry for entry in _SETS}
