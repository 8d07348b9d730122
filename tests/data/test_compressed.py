import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.data.compressed import gunzip, refuse_bomb, unpacked_head
from loupe.errors import DataError


@settings(max_examples=25)
@given(st.lists(st.binary(max_size=80), min_size=1, max_size=4), st.integers(1, 100))
def test_members_are_one_content_and_its_head_is_its_head(members, count):
    packed = b"".join(map(gzip.compress, members))
    content = b"".join(members)
    assert gunzip(packed, len(content), "any") == content
    assert unpacked_head(packed, count) == content[:count]


@settings(max_examples=25)
@given(st.binary(min_size=1, max_size=80), st.integers(-40, 40).filter(bool))
def test_any_other_length_than_promised_is_refused(content, more):
    with pytest.raises(DataError, match="promises"):
        gunzip(gzip.compress(content), max(0, len(content) + more), "any")


@settings(max_examples=25)
@given(st.binary(min_size=1, max_size=200), st.data())
def test_content_that_is_cut_anywhere_is_refused(content, data):
    packed = gzip.compress(content)
    end = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(DataError):
        gunzip(packed[:end], len(content), "any")


def test_more_than_deflate_can_pack_is_a_lie():
    with pytest.raises(DataError, match="cannot hold"):
        refuse_bomb("any", 1000, 2_000_000)
    refuse_bomb("any", 1000, 1_000_000)


def test_gigabytes_out_of_little_are_a_bomb_and_mnist_is_none():
    with pytest.raises(DataError, match="decompression bomb"):
        refuse_bomb("any", 10_000_000, 2_000_000_000)
    refuse_bomb("any", 9_719_438, 47_040_016)
