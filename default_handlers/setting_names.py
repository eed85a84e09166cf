"""Names in the `handler:` section that are no settings, and what was meant by them."""

import difflib
from collections.abc import Sequence

OF_EVERY_HANDLER = frozenset({"onnx_runtime", "profile"})
"""Settings that the SDK itself reads, whatever the handler."""

_CLOSE = 0.75
"""How alike two names must be, of 1, for one to pass as a misspelling of the other."""
_PACKAGE = __name__.partition(".")[0]
_MEANT = {
    "topk": ("max_boxes",),
    "top_k": ("topk", "max_boxes"),
    "max_boxes": ("topk",),
    "max_detections": ("max_boxes",),
    "iou": ("nms",),
    "iou_threshold": ("nms",),
    "nms_threshold": ("nms",),
    "confidence": ("threshold",),
    "score_threshold": ("threshold",),
    "image_size": ("resize",),
    "input_size": ("resize",),
    "normalize": ("mean",),
    "labels": ("classes",),
    "max_len": ("max_length",),
    "max_seq_length": ("max_length",),
    "max_tokens": ("max_length",),
}
"""Names under which a setting is looked for that are not like its own."""


def owner_of(handler: object) -> str | None:
    """What a default handler is called, to which nobody has added; None for any other.

    A subclass of a user's own may read settings of any name.
    """
    package, _, module = type(handler).__module__.rpartition(".")
    return module if package == _PACKAGE else None


def misspelt(name: str, known: Sequence[str]) -> str | None:
    """Which of the *known* settings *name* looks like a misspelling of; None for none."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
    return near[0] if near and not _has_more_words(name, near[0]) else None


def meant_by(name: str, known: Sequence[str]) -> str | None:
    """Which of the *known* settings is most likely meant by *name*, which is none; or None."""
    meant = next((each for each in _MEANT.get(name, ()) if each in known), None)
    contained = [each for each in known if _has_more_words(name, each)]
    alike = difflib.get_close_matches(name, known, n=1)
    return meant or misspelt(name, known) or next(iter([*contained, *alike]), None)


def _has_more_words(name: str, known: str) -> bool:
    """Whether *name* is *known* and a word more, as ``iou_threshold`` is to ``threshold``."""
    return name.startswith(f"{known}_") or name.endswith(f"_{known}")
