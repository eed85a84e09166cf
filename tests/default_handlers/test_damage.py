"""The reason of a refusal comes from the file's own bytes."""

import zlib

import pytest
from picture_corpus import encoded, png, png_chunk, quartered

from default_handlers.damage import MOST_PIXELS_PER_BYTE, damage_in, wrong_png_checksum

PNG = encoded(quartered(), "PNG")


def test_a_whole_png_has_no_wrong_checksum():
    assert wrong_png_checksum(PNG) is None


def test_a_wrong_checksum_is_named_by_its_chunk():
    position = PNG.index(b"IDAT") + 10
    flipped = PNG[:position] + bytes([PNG[position] ^ 1]) + PNG[position + 1 :]
    assert wrong_png_checksum(flipped) == "IDAT"


def test_a_wrong_checksum_of_a_comment_is_no_damage():
    """Ancillary chunks are not needed for the pixels."""
    comment = png_chunk(b"tEXt", b"Comment\0hello")[:-1] + b"!"
    at = PNG.index(b"IDAT") - 4
    assert wrong_png_checksum(PNG[:at] + comment + PNG[at:]) is None


def test_what_stands_behind_the_last_chunk_is_not_looked_at():
    assert wrong_png_checksum(PNG + png_chunk(b"IDAT", b"x")[:-1] + b"!") is None


@pytest.mark.parametrize("length", range(0, PNG.index(b"IEND"), 7))
def test_a_png_cut_anywhere_has_no_wrong_checksum_but_ends_too_early(length):
    assert wrong_png_checksum(PNG[:length]) is None
    assert "too early" in damage_in("PNG", PNG[:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_a_whole_file_is_not_said_to_end_too_early(kind):
    assert damage_in(kind, encoded(quartered(), kind)) == "its data are damaged or incomplete"


def test_the_most_pixels_that_a_byte_can_hold_are_not_exceeded_by_the_emptiest_pictures():
    """The bounds must never refuse a true picture: these are as small as they get."""
    black = quartered(4000, 3000).point(lambda _: 0).convert("L")
    jpeg = encoded(black, "JPEG", quality=10, progressive=True, optimize=True)
    rows = (b"\0" + bytes(500)) * 3000
    emptiest = {"JPEG": jpeg, "PNG": png(4000, 3000, 1, 0, rows)}
    for kind, data in emptiest.items():
        assert len(data) * MOST_PIXELS_PER_BYTE[kind] > 4000 * 3000
    assert len(zlib.compress(rows, 9)) * MOST_PIXELS_PER_BYTE["PNG"] > 4000 * 3000
