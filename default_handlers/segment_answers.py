"""The answers of a segmenter: nested lists, records, or a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from default_handlers import rle
from default_handlers.class_maps import NO_CLASS, ClassMap
from default_handlers.labels import label_of
from default_handlers.mask_files import as_text, class_map_png

Names = Mapping[str, str] | None
"""Class number as text → class name; None without names."""

_FOREGROUND = 1


def as_nested_lists(found: ClassMap) -> list[Any]:
    """TorchServe's answer: class number and probability of each pixel, ``H x W x 2``."""
    if found.probabilities is None:
        raise ValueError("this answer needs the probabilities")
    sure = found.probabilities
    if found.is_foreground:
        sure = np.where(found.numbers == _FOREGROUND, sure, 1 - sure)
        sure = np.where(found.numbers == NO_CLASS, np.float32(0), sure)
    pixels: list[Any] = np.stack([found.numbers.astype(np.float32), sure], axis=2).tolist()
    return pixels


def as_record(found: ClassMap, names: Names, masks: str) -> dict[str, Any]:
    """``{"size": …, "classes": […]}``, where the mask is, too.

    Args:
        found: The class of each pixel.
        names: The classes' names.
        masks: ``"png"`` for one file of all classes, base64 in ``"mask"``; ``"rle"`` for a mask of
            each class, in its ``"mask"``; ``"none"``.

    Returns:
        ``size`` is height and width. ``classes`` are those that there are, the largest first:
        ``{"label": …, "index": …, "share": …}``, where share is that of all pixels. A model of one
        class has the foreground there, or nothing.
    """
    numbers, counts = np.unique(found.numbers, return_counts=True)
    left_out = {NO_CLASS, 0} if found.is_foreground else {NO_CLASS}
    shares = {
        number: count / found.numbers.size
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        if number not in left_out
    }
    classes: list[dict[str, Any]] = [
        {"label": label_of(number, names), "index": number, "share": share}
        for number, share in sorted(shares.items(), key=lambda each: -each[1])
    ]
    record: dict[str, Any] = {"size": list(found.numbers.shape), "classes": classes}
    if masks == "png":
        record["mask"] = as_text(class_map_png(found))
    elif masks == "rle":
        encoded = rle.encode_classes(found.numbers)
        for each in classes:
            each["mask"] = encoded[each["index"]]
    return record
