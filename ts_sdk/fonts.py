"""Fonts that have the letters of a text, as far as there are any on this machine."""

import functools
import unicodedata

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_OTHERS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "WenQuanYi Micro Hei.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "arial.ttf",
    "msyh.ttc",
    "msgothic.ttc",
    "malgun.ttf",
)
"""Where letters that Pillow's own font does not have are looked for: it has those of English. The
usual names on Linux, macOS and Windows; Pillow knows the folders."""
_NO_LETTER = "\U0010ffff"
_USUAL_SIZE = 14
_SURROGATES = range(0xD800, 0xE000)
_STAND_IN = "\ufffd"


def drawable(text: str) -> str:
    """*text* without what has no shape, such as control characters and marks of direction."""
    return "".join(
        _STAND_IN if ord(each) in _SURROGATES else each
        for each in text
        if each.isprintable() or ord(each) in _SURROGATES
    )


def fitting(text: str, font: Font) -> tuple[str, Font]:
    """*text*, and a font as large as *font* which has its letters: *font* itself, where it does.

    Where there is no such font, letters lose their accents, or are boxes.
    """
    fonts = [font] if text.isascii() else [font, *_others(getattr(font, "size", _USUAL_SIZE))]
    for each in fonts:
        if all(_has(each, letter) for letter in text):
            return text, each
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    if len(plain) == len(text):
        return plain, font
    return text, max(fonts, key=lambda each: sum(_has(each, letter) for letter in text))


@functools.lru_cache(maxsize=64)
def _others(size: float) -> list[Font]:
    """Those of the other fonts that are there."""
    found: list[Font] = []
    for name in _OTHERS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return found


@functools.lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    return letter.isascii() or bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER))
