"""Handlers that need no code: what an archive names instead of a handler file.

Nothing is imported before it is used, so that looking at an archive loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from default_handlers.image_classifier import ImageClassifier
    from default_handlers.image_segmenter import ImageSegmenter
    from default_handlers.object_detector import ObjectDetector
    from default_handlers.presets import ImagePreset
    from default_handlers.text import TextHandler
    from default_handlers.text_classifier import TextClassifier
    from default_handlers.vision import VisionHandler

_HOMES = {
    "ImageClassifier": "image_classifier",
    "ImagePreset": "presets",
    "ImageSegmenter": "image_segmenter",
    "ObjectDetector": "object_detector",
    "TextClassifier": "text_classifier",
    "TextHandler": "text",
    "VisionHandler": "vision",
}

__all__ = [
    "ImageClassifier",
    "ImagePreset",
    "ImageSegmenter",
    "ObjectDetector",
    "TextClassifier",
    "TextHandler",
    "VisionHandler",
]


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
