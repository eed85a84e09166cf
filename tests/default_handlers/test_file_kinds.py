"""A sender is told what arrived in place of a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from default_handlers.file_kinds import describe


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "nothing: it is empty"),
        (b"  \n<HTML><body>", "an HTML page"),
        (b"\xef\xbb\xbf<!doctype HTML>", "an HTML page"),
        (b'[{"image": 1}]', "JSON text"),
        ("größer".encode(), "plain text"),
        (("é" * 300).encode(), "plain text"),
        (b"<svg/>", "an SVG drawing"),
        (b"%PDF-1.4", "a PDF document"),
        (b"\0\0\0\x1cftypmp42", "a video (MP4)"),
        (b"\0\0\0\x1cftypmif1", "a HEIF picture, which cannot be decoded here: send it as JPEG"),
        (b"\x00\x01\x02", "3 bytes of no known kind, starting with 00 01 02"),
        (b"\xff" * 2000, "2,000 bytes of no known kind, starting with ff ff ff ff ff ff ff ff"),
    ],
)
def test_what_arrived_is_named(data, kind):
    assert describe(data) == kind


def test_text_is_text_although_the_sample_ends_inside_of_a_character():
    assert describe(("x" + "é" * 300).encode()) == "plain text"


@given(st.binary(max_size=600))
def test_any_bytes_have_a_description(data):
    assert describe(data)
