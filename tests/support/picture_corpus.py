"""Pictures of every kind, whole and hostile, each with what is expected of it.

All of them show the same thing, so that a wrong turn or a wrong colour is seen: a red quarter top
left, a green one top right, a blue one bottom left and a white one bottom right.
"""

import io
import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 64, 48
Colour = tuple[int, int, int]
Quarters = tuple[Colour, Colour, Colour, Colour]
"""The colours of the quarters: top left, top right, bottom left, bottom right."""

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
COLOURS: Quarters = (RED, GREEN, BLUE, WHITE)
GREYS: Quarters = ((76,) * 3, (150,) * 3, (29,) * 3, (255,) * 3)
BLACK_AND_WHITE: Quarters = ((0,) * 3, (255,) * 3, (0,) * 3, (255,) * 3)
TURNED: dict[int, Quarters] = {
    1: (RED, GREEN, BLUE, WHITE),
    2: (GREEN, RED, WHITE, BLUE),
    3: (WHITE, BLUE, GREEN, RED),
    4: (BLUE, WHITE, RED, GREEN),
    5: (RED, BLUE, GREEN, WHITE),
    6: (BLUE, RED, WHITE, GREEN),
    7: (WHITE, GREEN, BLUE, RED),
    8: (GREEN, WHITE, RED, BLUE),
}
"""EXIF orientation → what is seen when a file that stores `COLOURS` says that it has it."""


@dataclass(frozen=True)
class Accepted:
    """A file that must be decoded to these colours."""

    name: str
    data: bytes
    quarters: Quarters
    tolerance: int = 0


@dataclass(frozen=True)
class Refused:
    """A file that must be refused with a sentence that holds these words."""

    name: str
    data: bytes
    words: str


def quartered(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """The picture that all files show."""
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = slice(0, height // 2), slice(0, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    pixels[top, left], pixels[top, right] = RED, GREEN
    pixels[bottom, left], pixels[bottom, right] = BLUE, WHITE
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: object) -> Image.Exif:
    """EXIF with nothing but an orientation."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png_chunk(kind: bytes, contents: bytes) -> bytes:
    """One chunk of a PNG with its checksum."""
    checksum = zlib.crc32(kind + contents)
    return struct.pack(">I", len(contents)) + kind + contents + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG, also of kinds that Pillow does not write; *rows* with a filter byte each."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def accepted() -> list[Accepted]:
    """Files that people send, and must have an answer for."""
    return [*_kinds(), *_modes(), *_animations(), *_turned(), *_odd_but_whole()]


def _kinds() -> list[Accepted]:
    image = quartered()
    kinds = {
        "jpeg": encoded(image, "JPEG", quality=95),
        "progressive jpeg": encoded(image, "JPEG", quality=95, progressive=True),
        "jpeg without subsampling": encoded(image, "JPEG", quality=95, subsampling=0),
        "jpeg of two pictures (mpo)": encoded(
            image, "MPO", quality=95, save_all=True, append_images=[image.rotate(180)]
        ),
        "png": encoded(image, "PNG"),
        "bmp": encoded(image, "BMP"),
        "tiff": encoded(image, "TIFF"),
        "tiff with lzw": encoded(image, "TIFF", compression="tiff_lzw"),
        "ppm": encoded(image, "PPM"),
        "webp": encoded(image, "WEBP", lossless=True),
        "webp with loss": encoded(image, "WEBP", quality=95),
        "gif": encoded(image, "GIF"),
        "jpeg 2000": encoded(image, "JPEG2000"),
        "avif": encoded(image, "AVIF", quality=95),
    }
    return [Accepted(name, data, COLOURS, tolerance=12) for name, data in kinds.items()]


def _modes() -> list[Accepted]:
    image = quartered()
    half_seen = image.copy()
    half_seen.putalpha(Image.linear_gradient("L").resize(image.size))
    grey, greys16 = image.convert("L"), _greys16()
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    colours16 = _rows(np.asarray(image).astype(">u2") * 257)
    yes_and_no = grey.point(lambda value: 255 * (value > 100)).convert("1")
    cmyk = image.convert("CMYK")
    return [
        Accepted("grey jpeg", encoded(grey, "JPEG", quality=95), GREYS, 3),
        Accepted("grey png", encoded(grey, "PNG"), GREYS),
        Accepted("grey with alpha", encoded(half_seen.convert("LA"), "PNG"), GREYS),
        Accepted("colour with alpha", encoded(half_seen, "PNG"), COLOURS),
        Accepted("palette", encoded(palette, "PNG"), COLOURS),
        Accepted("palette, one transparent", encoded(palette, "PNG", transparency=0), COLOURS),
        Accepted(
            "palette, each with alpha", encoded(palette, "PNG", transparency=bytes(8)), COLOURS
        ),
        Accepted("cmyk jpeg", encoded(cmyk, "JPEG", quality=95), COLOURS, 4),
        Accepted("ycck jpeg", _ycck(), COLOURS, 4),
        Accepted("cmyk tiff", encoded(cmyk, "TIFF"), COLOURS),
        Accepted("lab tiff", encoded(image.convert("LAB"), "TIFF"), COLOURS, 24),
        Accepted("one bit", encoded(yes_and_no, "PNG"), BLACK_AND_WHITE),
        Accepted("16-bit grey png", encoded(Image.fromarray(greys16), "PNG"), GREYS),
        Accepted("16-bit grey tiff", encoded(Image.fromarray(greys16), "TIFF"), GREYS),
        Accepted("16-bit colour png", png(WIDTH, HEIGHT, 16, 2, colours16), COLOURS),
        Accepted("32-bit tiff", _tiff(greys16.astype(np.int32)), GREYS),
        Accepted("32-bit tiff of 8-bit values", _tiff(np.asarray(grey).astype(np.int32)), GREYS),
        Accepted("float tiff of 0 to 1", _tiff(np.asarray(grey, np.float32) / 255), GREYS),
        Accepted("float tiff of 0 to 255", _tiff(np.asarray(grey, np.float32)), GREYS),
        Accepted(
            "float tiff of any range", _tiff(np.asarray(grey) * 9e6 - 29 * 9e6), _STRETCHED, 1
        ),
    ]


_STRETCHED: Quarters = tuple((round((grey - 29) / 226 * 255),) * 3 for grey in (76, 150, 29, 255))  # type: ignore[assignment]
"""What the greys become when the darkest is made black."""


def _greys16() -> np.ndarray:
    return np.asarray(quartered().convert("L")).astype(np.uint16) * 257


def _tiff(values: np.ndarray) -> bytes:
    is_float = values.dtype.kind == "f"
    return encoded(Image.fromarray(values.astype(np.float32) if is_float else values), "TIFF")


def _rows(values: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in values)


def _ycck() -> bytes:
    """A CMYK JPEG whose colours are stored as luma and chroma, which Pillow cannot write.

    Adobe stores inks inverted. Pillow inverts these bands as if they were inks, so the file holds
    Y, Cb and Cr of the picture's complement, which are its inks; the Adobe marker then says so.
    """
    luma, blue, red = quartered().convert("YCbCr").split()
    black_ink = Image.new("L", luma.size, 0)
    bands = Image.merge("CMYK", (luma, blue, red, black_ink))
    data = bytearray(encoded(bands, "JPEG", quality=95))
    transform = data.index(b"Adobe") + 11
    data[transform] = 2
    return bytes(data)


def _animations() -> list[Accepted]:
    first = quartered()
    rest = [first.rotate(180), Image.new("RGB", first.size, (9, 9, 9))]
    frames = {"save_all": True, "append_images": rest, "duration": 40}
    return [
        Accepted("animated gif", encoded(first, "GIF", **frames), COLOURS),
        Accepted("animated webp", encoded(first, "WEBP", lossless=True, **frames), COLOURS),
        Accepted("animated png", encoded(first, "PNG", **frames), COLOURS),
        Accepted("tiff of pages", encoded(first, "TIFF", **frames), COLOURS),
    ]


def _turned() -> list[Accepted]:
    image = quartered()
    kinds: dict[str, dict[str, object]] = {
        "JPEG": {"quality": 95},
        "PNG": {},
        "WEBP": {"lossless": True},
        "TIFF": {},
    }
    return [
        Accepted(
            f"{kind.lower()} with orientation {orientation}",
            encoded(image, kind, exif=exif(orientation), **options),
            quarters,
            tolerance=3,
        )
        for kind, options in kinds.items()
        for orientation, quarters in TURNED.items()
    ]


def _odd_but_whole() -> list[Accepted]:
    image = quartered()
    broken_tags = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0garbage"
    jpeg = encoded(image, "JPEG", quality=95)
    return [
        Accepted("broken exif", encoded(image, "JPEG", quality=95, exif=broken_tags), COLOURS, 3),
        Accepted("orientation 9", encoded(image, "JPEG", quality=95, exif=exif(9)), COLOURS, 3),
        Accepted("orientation 0", encoded(image, "JPEG", quality=95, exif=exif(0)), COLOURS, 3),
        Accepted("jpeg with more behind it", jpeg + b"and then some", COLOURS, 3),
        Accepted("png with more behind it", encoded(image, "PNG") + b"and then some", COLOURS),
        Accepted("1 x 1", encoded(Image.new("RGB", (1, 1), RED), "PNG"), (RED,) * 4),
        Accepted("1 x 5000", encoded(quartered(2, 5000), "PNG"), COLOURS),
        Accepted("5000 x 2 jpeg", encoded(Image.new("RGB", (5000, 2), RED), "JPEG"), (RED,) * 4, 3),
    ]


def refused() -> list[Refused]:
    """Files that must be refused, each for its own reason."""
    return [*_cut_off(), *_damaged(), *_liars(), *_no_pictures()]


def _cut_off() -> list[Refused]:
    image = quartered()
    cuts = []
    for kind, shares in {
        "JPEG": (0.1, 0.5, 0.9, 0.99),
        "PNG": (0.1, 0.3, 0.6),
        "GIF": (0.1, 0.5, 0.9),
        "WEBP": (0.5, 0.9),
        "BMP": (0.1, 0.9),
    }.items():
        data = encoded(image, kind)
        cuts += [
            Refused(
                f"{kind.lower()} cut at {share:.0%}", data[: int(len(data) * share)], "too early"
            )
            for share in shares
        ]
    for kind in ("TIFF", "AVIF", "JPEG2000", "PPM"):
        data = encoded(image, kind)
        cuts.append(Refused(f"{kind.lower()} cut at 50%", data[: len(data) // 2], "incomplete"))
    return cuts


def _damaged() -> list[Refused]:
    whole = encoded(quartered(), "PNG")
    return [
        Refused("png with a wrong byte", _flipped(whole, whole.index(b"IDAT") + 12), "of its IDAT"),
        Refused(
            "png with a wrong checksum", _flipped(whole, whole.index(b"IEND") - 5), "of its IDAT"
        ),
        Refused("png with a wrong header", _flipped(whole, 19), "of its IHDR"),
        Refused("gif without frames", b"GIF89a\x40\0\x30\0\0\0\0;", "header of the GIF"),
        Refused("jpeg of no height", _jpeg_claiming(WIDTH, 0), "header of the JPEG"),
        Refused("float tiff with NaN", _tiff(np.full((4, 4), np.nan)), "NaN"),
        Refused("float tiff with infinity", _tiff(np.full((4, 4), np.inf)), "NaN or infinite"),
    ]


def _liars() -> list[Refused]:
    nothing = zlib.compress(bytes(100))
    return [
        Refused("png bomb", png(30_000, 30_000, 8, 2, bytes(90_000)), "900,000,000 pixels"),
        Refused("png that claims too much", png(12_000, 9_000, 8, 2, nothing), "cannot hold"),
        Refused("jpeg that claims 65000 x 65000", _jpeg_claiming(65_000, 65_000), "at most"),
        Refused("jpeg that claims too much", _jpeg_claiming(9_000, 9_000), "cannot hold"),
        Refused("gif bomb", b"GIF89a" + b"\xff" * 4 + encoded(quartered(), "GIF")[10:], "65535"),
        Refused("webp bomb", _webp_claiming(16_384, 16_384), "header of the WEBP"),
    ]


def _no_pictures() -> list[Refused]:
    return [
        Refused("nothing", b"", "it is empty"),
        Refused(
            "html named .jpg", b"\n<!DOCTYPE html><html><body>404</body></html>", "an HTML page"
        ),
        Refused("json", json.dumps({"image": "cat.jpg"}).encode(), "JSON text"),
        Refused("text", b"Python, or any other text", "plain text"),
        Refused("base64 as bytes", b"/9j/4AAQSkZJRgABAQAAAQABAAD", "plain text"),
        Refused("svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        Refused("xml", b'<?xml version="1.0"?><a/>', "an XML document"),
        Refused("pdf", b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        Refused("zip", b"PK\x03\x04" + bytes(30), "a ZIP archive"),
        Refused("gzip", b"\x1f\x8b\x08" + bytes(30), "gzip-compressed data"),
        Refused("video", b"\0\0\0\x20ftypisom" + bytes(30), "a video (MP4)"),
        Refused("heic", b"\0\0\0\x18ftypheic" + bytes(30), "send it as JPEG"),
        Refused("postscript", encoded(quartered(), "EPS"), "a PostScript document"),
        Refused("noise", bytes(range(128, 256)), "starting with 80 81 82"),
        Refused("one byte", b"\xff", "1 bytes of no known kind"),
    ]


def _flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = encoded(quartered(), "JPEG")
    size = data.index(b"\xff\xc0") + 5
    return data[:size] + struct.pack(">HH", height, width) + data[size + 4 :]


def _webp_claiming(width: int, height: int) -> bytes:
    """An extended WebP with a canvas of this size and no picture on it."""
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", len(canvas)) + canvas
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
