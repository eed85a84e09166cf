"""Answers of the default handlers, read back to be drawn."""

import base64
import io
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from default_handlers import rle
from default_handlers.class_maps import NO_CLASS
from default_handlers.decoding import as_picture, decode
from default_handlers.drawing.canvas import stacked
from default_handlers.drawing.objects import Drawn
from default_handlers.drawing.regions import Region
from default_handlers.inputs import input_of, sent_in
from default_handlers.labels import label_of
from default_handlers.mask_files import NO_CLASS_OF_8_BITS, NO_CLASS_OF_16_BITS
from ts_sdk.errors import RequestError

Names = Mapping[str, str] | None
"""Class number as text → class name; None without names."""

_NUMBER_BEHIND = re.compile(r" \((\d+)\)$")
_BACKGROUNDS = frozenset({"0", "background", "__background__", "bg", "none", "unlabeled", "void"})
_SOME_COLOURS = 1000
_FOREGROUND = 1
_WHITE = 255


def draw_each(
    answer: Any,  # noqa: ANN401 - what the handler answered
    given: Any,  # noqa: ANN401 - what was sent
    draw: Callable[[Any, Image.Image], Image.Image],
    max_pixels: int | None,
) -> Image.Image:
    """The answer to one request, drawn on its picture; on several pictures, one below the other.

    Args:
        answer: The answer.
        given: The request's row, or the value itself.
        draw: Draws an answer on one picture of mode RGB.
        max_pixels: Most pixels that a picture may have, None for any number.

    Raises:
        RequestError: The request holds no picture.
    """
    sent = sent_in(given)
    pictures = [_picture_in(value, max_pixels) for value in sent.values]
    answers = [answer] if sent.names is None else answer
    drawn = [draw(each, picture) for each, picture in zip(answers, pictures, strict=True)]
    return stacked(drawn)


def ranked_in(answer: Any) -> list[tuple[str, float]]:  # noqa: ANN401 - as above
    """Label and probability of each class in the answer of a classifier."""
    if isinstance(answer, Mapping):
        return [(str(label), float(probability)) for label, probability in answer.items()]
    return [(str(each["label"]), float(each["probability"])) for each in answer]


def objects_in(answer: Sequence[Mapping[str, Any]], names: Names) -> list[Drawn]:
    """The objects in the answer of a detector."""
    return [_object(each, names) for each in answer]


def regions_in(
    answer: Any,  # noqa: ANN401 - as above
    names: Names,
    mask_threshold: float,
    place: Callable[[NDArray[np.int16]], NDArray[np.int16]],
) -> tuple[list[Region], NDArray[np.bool_] | None]:
    """The classes in the answer of a segmenter, and what the model did not see.

    Args:
        answer: Nested lists, a record, or a file.
        names: The classes' names.
        mask_threshold: The least probability of the foreground, where the model knows no more.
        place: Puts a class map where it belongs in the picture, with `NO_CLASS` around it.
    """
    record = answer if isinstance(answer, Mapping) else {}
    numbers, is_foreground = _numbers_in(answer, mask_threshold)
    if numbers is None:
        return [_region(each, None) for each in record["classes"]], None
    numbers = place(numbers)
    found = record.get("classes") or _classes_in(numbers, names, is_foreground=is_foreground)
    regions = [_region(each, numbers == each["index"]) for each in found]
    return regions, numbers == NO_CLASS


def _picture_in(value: Any, max_pixels: int | None) -> Image.Image:  # noqa: ANN401 - as above
    given = input_of(value)
    if isinstance(given, bytes):
        picture = decode(given, max_pixels=max_pixels)
    elif isinstance(given, Image.Image):
        picture = as_picture(given)
    else:
        raise RequestError("an answer is drawn on a picture, and this request holds a tensor")
    return Image.fromarray(picture.pixels().contiguous().numpy())


def _object(found: Mapping[str, Any], names: Names) -> Drawn:
    if "box" in found and "label" in found:
        mask = found.get("mask")
        decoded = None if mask is None else _mask_in(mask)
        return Drawn(found["label"], found["index"], found["score"], found["box"], decoded)
    label, box = next((label, box) for label, box in found.items() if label != "score")
    return Drawn(label, _number_of(label, names), found["score"], box)


def _number_of(label: str, names: Names) -> int:
    """The class that *label* stands for; where that cannot be told, a number of its own."""
    numbers = {name: number for number, name in (names or {}).items()}
    behind = _NUMBER_BEHIND.search(label)
    told = numbers.get(label) or (behind[1] if behind else label)
    return int(told) if told.isdecimal() else zlib.crc32(label.encode()) % _SOME_COLOURS


def _mask_in(mask: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - as above
    if isinstance(mask, Mapping):
        return rle.decode(mask)
    inside: NDArray[np.bool_] = np.asarray(_opened(base64.b64decode(mask))) > 0
    return inside


def _numbers_in(
    answer: Any,  # noqa: ANN401 - as above
    mask_threshold: float,
) -> tuple[NDArray[np.int16] | None, bool]:
    """The class map ``(H, W)`` that an answer holds, and whether it is of a single class."""
    if isinstance(answer, bytes | bytearray):
        return _numbers_of_file(bytes(answer), mask_threshold)
    if not isinstance(answer, Mapping):
        return np.asarray(answer, np.float32)[..., 0].astype(np.int16), False
    if isinstance(answer.get("mask"), str):
        return _numbers_of_file(base64.b64decode(answer["mask"]), mask_threshold)
    masks = {each["index"]: each["mask"] for each in answer["classes"] if "mask" in each}
    if not masks:
        return None, False
    numbers = np.full(answer["size"], NO_CLASS if len(masks) > 1 else 0, np.int16)
    for index, mask in masks.items():
        numbers[rle.decode(mask)] = index
    return numbers, False


def _numbers_of_file(file: bytes, mask_threshold: float) -> tuple[NDArray[np.int16], bool]:
    image = _opened(file)
    values = np.asarray(image).astype(np.int32)
    if image.mode == "L":
        return (values >= mask_threshold * _WHITE).astype(np.int16), True
    none = NO_CLASS_OF_8_BITS if image.mode == "P" else NO_CLASS_OF_16_BITS
    return np.where(values == none, NO_CLASS, values).astype(np.int16), False


def _opened(file: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    image.load()
    return image


def _classes_in(
    numbers: NDArray[np.int16], names: Names, *, is_foreground: bool
) -> list[dict[str, Any]]:
    """As the classes of a record."""
    found, counts = np.unique(numbers, return_counts=True)
    pairs = sorted(zip(counts.tolist(), found.tolist(), strict=True), reverse=True)
    return [
        {"label": label_of(number, names), "index": number, "share": count / numbers.size}
        for count, number in pairs
        if number != NO_CLASS and (number == _FOREGROUND or not is_foreground)
    ]


def _region(found: Mapping[str, Any], mask: NDArray[np.bool_] | None) -> Region:
    label, number = str(found["label"]), int(found["index"])
    is_background = number == 0 and label.lower() in _BACKGROUNDS
    return Region(label, number, float(found["share"]), mask, is_background)
