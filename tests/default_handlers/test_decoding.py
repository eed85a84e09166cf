"""Bytes become the pixels that were meant, or a sentence that says why not."""

import contextlib
import io
import threading
import warnings

import numpy as np
import picture_corpus
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_corpus import COLOURS, encoded, exif, quartered
from PIL import Image, ImageFile

from default_handlers.decoding import KINDS, as_picture, decode, decode_as_stored
from ts_sdk.errors import RequestError

ACCEPTED = picture_corpus.accepted()
REFUSED = picture_corpus.refused()
WHOLE = {kind: encoded(quartered(), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")}


def by_name(cases):
    return {"argvalues": cases, "ids": [case.name for case in cases]}


def quarters_of(pixels):
    """The colours in the middle of the four quarters of ``(H, W, 3)`` pixels."""
    height, width = pixels.shape[:2]
    rows, columns = (height // 4, height * 3 // 4), (width // 4, width * 3 // 4)
    return [tuple(pixels[row, column].tolist()) for row in rows for column in columns]


def apart(some, others):
    """The greatest difference between the levels of two pictures or colours."""
    return np.abs(np.asarray(some, int) - np.asarray(others, int)).max()


@pytest.mark.parametrize("case", **by_name(ACCEPTED))
def test_a_picture_has_its_colours_at_their_places(case):
    picture = decode(case.data)
    pixels = picture.pixels()
    assert (pixels.shape[1], pixels.shape[0]) == picture.size
    assert apart(quarters_of(pixels), case.quarters) <= case.tolerance


@pytest.mark.parametrize("case", **by_name(ACCEPTED))
def test_a_picture_decoded_as_it_is_stored_is_upright_too(case):
    image = decode_as_stored(case.data)
    assert image.size == decode(case.data).size
    if image.mode == "RGB":
        assert apart(quarters_of(np.asarray(image)), case.quarters) <= case.tolerance


@pytest.mark.parametrize("case", **by_name(REFUSED))
def test_what_is_no_whole_picture_is_refused_with_a_sentence_that_says_why(case):
    with pytest.raises(RequestError) as refusal:
        decode(case.data)
    assert case.words in refusal.value.message
    assert refusal.value.status == 400


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_named_is_decoded(kind):
    assert apart(quarters_of(decode(encoded(quartered(), kind)).pixels()), COLOURS) <= 12


@given(case=st.sampled_from(ACCEPTED), share=st.floats(0, 1))
def test_a_file_cut_anywhere_is_decoded_or_refused_and_nothing_else(case, share):
    _decoded_or_refused(case.data[: int(len(case.data) * share)])


@given(
    case=st.sampled_from(ACCEPTED),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=5),
)
def test_a_file_with_wrong_bytes_anywhere_is_decoded_or_refused_and_nothing_else(case, changes):
    data = bytearray(case.data)
    for place, byte in changes:
        data[int(len(data) * place)] = byte
    _decoded_or_refused(bytes(data))


def _decoded_or_refused(data):
    # A small limit, since a wrong byte in a header may ask for gigabytes.
    with contextlib.suppress(RequestError):
        decode(data, max_pixels=1_000_000).pixels()


def test_the_pixels_of_a_jpeg_are_those_of_pillow(photographs):
    """Libjpeg-turbo takes the short way, and answers the same to the last bit."""
    for path in photographs:
        data = encoded(Image.open(path).convert("RGB"), "JPEG", quality=90)
        picture = decode(data)
        assert isinstance(picture.stored, np.ndarray)
        assert apart(picture.stored, np.asarray(Image.open(io.BytesIO(data)))) == 0


def test_a_jpeg_with_wrong_bytes_among_its_pixels_is_what_pillow_makes_of_it():
    """Libjpeg-turbo's complaints are no verdict: pictures that Pillow decodes have an answer."""
    data = bytearray(encoded(quartered(640, 480), "JPEG", quality=90))
    middle = len(data) * 3 // 4
    data[middle : middle + 8] = b"\x12\x34\x56\x78" * 2
    with Image.open(io.BytesIO(bytes(data))) as image:
        expected = np.asarray(image)
    assert apart(decode(bytes(data)).pixels(), expected) == 0


def test_a_file_that_pillow_is_told_to_accept_cut_off_is_accepted(monkeypatch):
    """Handlers of old set this switch of Pillow's."""
    cut = encoded(quartered(640, 480), "JPEG")[:-600]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert quarters_of(decode(cut).pixels())[0] == pytest.approx((254, 0, 0), abs=3)


def test_the_limit_on_pixels_is_exact():
    data = encoded(quartered(), "PNG")
    assert decode(data, max_pixels=64 * 48).size == (64, 48)
    with pytest.raises(RequestError, match="64 x 48, 3,072 pixels; at most 3,071 are decoded"):
        decode(data, max_pixels=64 * 48 - 1)


def test_pillows_own_limit_is_neither_used_nor_changed(monkeypatch):
    """It belongs to the whole process: other code may rely on it."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(encoded(quartered(), "PNG")).size == (64, 48)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize(
    ("shorter_side_px", "decoded"),
    [
        (None, (600, 800)),
        (37, (75, 100)),
        (38, (150, 200)),
        (75, (150, 200)),
        (76, (300, 400)),
        (240, (300, 400)),
        (241, (600, 800)),
    ],
)
def test_a_jpeg_is_reduced_as_far_as_its_shorter_side_allows(shorter_side_px, decoded):
    """A half must leave 1.25 times what is wanted, a quarter and an eighth twice."""
    picture = decode(encoded(quartered(800, 600), "JPEG"), shorter_side_px=shorter_side_px)
    assert picture.stored.shape[:2] == decoded
    assert picture.size == (800, 600)


def test_a_turned_jpeg_is_reduced_too():
    data = encoded(quartered(800, 600), "JPEG", exif=exif(6))
    picture = decode(data, shorter_side_px=224)
    assert picture.stored.shape[:2] == (300, 400)
    assert picture.size == (600, 800)


def test_only_jpegs_are_reduced():
    picture = decode(encoded(quartered(800, 600), "PNG"), shorter_side_px=100)
    assert picture.pixels().shape == (600, 800, 3)


def test_a_jpeg_that_is_a_strip_can_be_cropped_without_making_all_of_it():
    """See `Picture.resized`: of an array all would be made, a hundred times as much."""
    strip = decode(encoded(Image.new("RGB", (2, 300), (9, 8, 7)), "JPEG"))
    assert isinstance(strip.stored, Image.Image)
    assert isinstance(decode(WHOLE["JPEG"]).stored, np.ndarray)


def test_a_dark_picture_of_16_bits_stays_dark():
    """Its greatest value may be anything; white is 65535."""
    dark = Image.fromarray(np.full((4, 4), 250, np.uint16))
    assert decode(encoded(dark, "PNG")).pixels().unique().tolist() == [1]


def test_a_pillow_image_is_taken_as_it_is():
    picture = as_picture(quartered().convert("P", palette=Image.Palette.ADAPTIVE))
    assert quarters_of(picture.pixels()) == list(COLOURS)


def test_a_pillow_image_of_a_file_that_is_cut_off_is_refused():
    image = Image.open(io.BytesIO(WHOLE["PNG"][:100]))
    with pytest.raises(RequestError, match="Pillow image cannot be read"):
        as_picture(image)


def test_remarks_of_pillow_reach_neither_the_log_nor_the_verdict():
    """A corrupt tag is worth a warning to Pillow; a picture that is whole has an answer."""
    tags = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0garbage"
    data = encoded(quartered(), "PNG", exif=tags)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert decode(data).orientation == 1
    assert caught == []


def test_the_filter_for_those_remarks_is_put_in_place_once():
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for _ in range(3):
            decode(WHOLE["JPEG"])
        assert len(warnings.filters) == 1


def test_warnings_of_others_still_arrive():
    decode(WHOLE["JPEG"])
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def test_pictures_are_decoded_in_several_threads_at_once():
    expected = {kind: decode(data).pixels() for kind, data in WHOLE.items()}
    wrong = []

    def work():
        wrong.extend(
            kind
            for _ in range(20)
            for kind, data in WHOLE.items()
            if apart(decode(data).pixels(), expected[kind])
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
