"""Requests that no good client sends, and a server gets all the same."""

import io
import struct
import zlib
from typing import TYPE_CHECKING

from ts_sdk.rows import JSON, Request
from ts_sdk.testing.picture_files import encoded_picture, random_image
from ts_sdk.testing.requests import image_request, json_request, multipart_request, text_request
from ts_sdk.testing.sent_files import BINARY

if TYPE_CHECKING:
    from PIL import Image

TOO_DEEP = 100_000
"""Lists in lists that no JSON parser of Python's reads."""
_DEEP = 500
_LONG = 100_000
_DIGITS = 5_000
"""More than Python turns into an integer."""
_CLAIMED = 60_000
"""Pixels of a side that a small file claims to have."""
_JPEG, _PNG, _TEXT = "image/jpeg", "image/png", "text/plain"


def hostile_examples() -> dict[str, Request]:
    """One request of each kind that handlers stumble over, by a name that says what it is.

    A handler answers each, or refuses it with a status from 400 to 499; none may cost another
    request its answer.
    """
    return {
        **_empty_ones(),
        **_damaged_pictures(),
        **_odd_pictures(),
        **_wrongly_declared(),
        **_odd_texts(),
        **_odd_json(),
        **_odd_parts(),
        **_odd_headers(),
    }


def sent_as(content: bytes, content_type: str) -> Request:
    """The request whose body is *content*, whatever it is."""
    return Request.sent(content, content_type=content_type)


def png_that_claims(width: int, height: int) -> bytes:
    """A small PNG whose header says that it has so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def nested_json(depth: int) -> bytes:
    """Lists in lists."""
    return b"[" * depth + b"]" * depth


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def _empty_ones() -> dict[str, Request]:
    return {
        "no parts at all": Request({}),
        "an empty body": sent_as(b"", BINARY),
        "an empty text": sent_as(b"", _TEXT),
        "an empty body sent as JSON": sent_as(b"", JSON),
        "an empty picture": sent_as(b"", _JPEG),
        "null": json_request(None),
        "an empty object": json_request({}),
        "an empty list": json_request([]),
    }


def _damaged_pictures() -> dict[str, Request]:
    jpeg, _ = encoded_picture(_small(), "jpeg")
    png, _ = encoded_picture(_small(), "png")
    middle = len(png) // 2
    flipped = png[:middle] + bytes([png[middle] ^ 0xFF]) + png[middle + 1 :]
    gif = b"GIF89a" + struct.pack("<HHBBB", 0xFFFF, 0xFFFF, 0x80, 0, 0) + bytes(6)
    return {
        "half of a JPEG": sent_as(jpeg[: len(jpeg) // 2], _JPEG),
        "the first bytes of a JPEG": sent_as(jpeg[:4], _JPEG),
        "half of a PNG": sent_as(png[:middle], _PNG),
        "a PNG with a wrong byte": sent_as(flipped, _PNG),
        "a PNG that claims billions of pixels": sent_as(png_that_claims(_CLAIMED, _CLAIMED), _PNG),
        "a PNG without pixels": sent_as(png_that_claims(0, 0), _PNG),
        "a GIF that claims billions of pixels": sent_as(gif, "image/gif"),
        "bytes that are no picture": sent_as(bytes(range(256)), _JPEG),
    }


def _odd_pictures() -> dict[str, Request]:
    from PIL import Image

    return {
        "a picture of one pixel": image_request(Image.new("RGB", (1, 1)), format="png"),
        "a picture of one row": image_request(Image.new("RGB", (3_000, 1)), format="png"),
        "a picture of one column": image_request(Image.new("L", (1, 3_000)), format="png"),
        "a transparent picture": image_request(Image.new("RGBA", (8, 8)), format="png"),
        "a black and white picture": image_request(Image.new("1", (8, 8)), format="png"),
        "a picture of 16 bits": image_request(Image.new("I;16", (8, 8), 40_000), format="png"),
        "a picture in CMYK": image_request(Image.new("CMYK", (8, 8))),
        "an animation": sent_as(_animation(), "image/gif"),
    }


def _wrongly_declared() -> dict[str, Request]:
    jpeg, _ = encoded_picture(_small(), "jpeg")
    return {
        "a picture sent as text": sent_as(jpeg, _TEXT),
        "a picture sent as JSON": sent_as(jpeg, JSON),
        "a picture of an unknown content type": sent_as(jpeg, "x-a/x-b"),
        "a picture without a content type": sent_as(jpeg, ""),
        "a text sent as a picture": sent_as(b"a cat", _JPEG),
        "JSON sent as a picture": sent_as(b'{"data": 1}', _PNG),
        "JSON sent as text": sent_as(b'{"data": 1}', _TEXT),
    }


def _odd_texts() -> dict[str, Request]:
    return {
        "a text that is no UTF-8": sent_as(b"caf\xe9 \xff\xfe", _TEXT),
        "a text in UTF-16": text_request("a cat", charset="utf-16"),
        "a text of blanks": text_request(" \t\r\n "),
        "a text with a null character": text_request("a\0cat"),
        "a text in many scripts": text_request("猫 קאַץ قط 😺 e\u0301 \u202eabc"),
        "a very long word": text_request("a" * _LONG),
        "a very long text": text_request("a cat " * (_LONG // 6)),
        "half of a surrogate pair": sent_as(b'"\\ud83d"', JSON),
        "text that is no base64": text_request("this is no picture!"),
    }


def _odd_json() -> dict[str, Request]:
    return {
        "broken JSON": sent_as(b'{"data": [1, 2', JSON),
        "deeply nested JSON": sent_as(nested_json(_DEEP), JSON),
        "JSON nested too deeply to be read": sent_as(nested_json(TOO_DEEP), JSON),
        "NaN and infinity": sent_as(b"[NaN, Infinity, -Infinity]", JSON),
        "a number beyond all floats": sent_as(b"[1e999, -1e999]", JSON),
        "an integer of 400 digits": sent_as(b"[1" + b"0" * 400 + b"]", JSON),
        "an integer of too many digits": sent_as(b"[1" + b"0" * _DIGITS + b"]", JSON),
        "lists of different lengths": json_request([[1, 2], [3]]),
        "a list of texts": json_request(["a", "b"]),
        "numbers and null": json_request([1.0, None]),
        "true": json_request(True),
        "a number": json_request(1),
        "a name twice": sent_as(b'{"data": 1, "data": [2]}', JSON),
        "no instances": json_request({"instances": []}),
    }


def _odd_parts() -> dict[str, Request]:
    return {
        "only a target": multipart_request({"target": "1"}),
        "a part of an unexpected name": multipart_request({"unexpected": b"\x00\x01"}),
        "a part without a name": multipart_request({"": "1"}),
        "an object in the part data": json_request({"data": {"a": 1}}),
        "null in the part data": json_request({"data": None}),
        "an empty file": multipart_request({"data": (b"", _JPEG)}),
        "a target that is no class": multipart_request(
            {"data": _small(), "target": "no such class"}
        ),
    }


def _odd_headers() -> dict[str, Request]:
    jpeg = _small()
    return {
        "an empty header": image_request(jpeg, headers={"explain": ""}),
        "a header that is neither true nor false": image_request(
            jpeg, headers={"explain": "maybe", "describe": "no"}
        ),
        "a very long header": image_request(jpeg, headers={"X-Long": "a" * 8_000}),
        "a header named as the body": image_request(jpeg, headers={"body": "mine"}),
        "a sequence that was never begun": image_request(
            jpeg, headers={"ts_request_sequence_id": "-1"}
        ),
    }


def _small() -> "Image.Image":
    return random_image((48, 32))


def _animation() -> bytes:
    first, second = random_image((16, 16), 1), random_image((16, 16), 2)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=[second])
    return file.getvalue()
