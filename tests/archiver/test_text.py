"""Which files count as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.text import HEAD_SIZE, is_text


@pytest.mark.parametrize(
    "head",
    [
        b"class Cat:\n\tpass\r\n",
        "für 猫\n".encode(),
        b"\xef\xbb\xbfwith a mark",
        b"\x1b[1mbold\x1b[0m",
    ],
)
def test_text_is_text(head):
    assert is_text(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"PK\x03\x04",
        b"\x08\x07\x12\x07pytorch",
        b"a\0b",
        b"\x80\x02}q\x00.",
        "für".encode("latin-1"),
        b"cut within a character \xe7\x8c",
    ],
)
def test_everything_else_is_not(head):
    assert not is_text(head)


@given(st.integers(0, 3))
def test_a_head_that_ends_within_a_character_is_still_text(shift):
    whole = ("x" * shift + "猫" * HEAD_SIZE).encode()
    assert is_text(whole[:HEAD_SIZE])


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=99))
def test_printable_text_in_any_script_is_text(text):
    assert is_text(text.encode())
