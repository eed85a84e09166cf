"""`Explanation`: what in the input spoke for an answer, and what against it."""

import base64
import json
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import ExplanationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from ts_sdk.explain.methods import Form, Method
    from ts_sdk.explain.tasks import Target, Task

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_PAGES = (".html", ".htm")
_GRID = 64
"""Longest side of a map in compact JSON."""
_LEVELS = 127
_CHANNELS_FIRST = 3


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model answered as it did.

    Attributes:
        attributions: What each value of the input adds to the target's score, above 0 for it and
            below 0 against it: ``(C, H, W)`` of a picture, ``(T,)`` of a text's tokens, else of the
            input's shape; float32. Of a model with several inputs, the first one's.
        more_attributions: Those of its other inputs.
        method: How they were found.
        target: What they are for.
        task: What the model answers.
        prediction: What the handler answered.
        form: What the model is made of.
        baseline: What stands for an input that says nothing.
        seconds: How long it took.
        delta: By how much the attributions' sum misses the change of the score from the baseline
            to the input; None where the method promises no sum.
        infidelity: How badly they foretell what small changes of the input do, 0 at best; None
            where it was not asked for.
        sensitivity: By how much of their length they change when the input hardly does; None where
            it was not asked for.
        note: What else there is to know, such as that half precision was explained in float32.
        words: What the tokens stand for.
        picture: The input as the model sees it, mode RGB.
        region: Of a segmentation, ``(H, W)`` of its size: True for the pixels over which the
            target's score is summed.
    """

    attributions: "NDArray[np.float32]"
    method: "Method"
    target: "Target"
    task: "Task"
    prediction: Any
    form: "Form"
    baseline: str
    seconds: float
    delta: float | None = None
    infidelity: float | None = None
    sensitivity: float | None = None
    note: str | None = None
    words: Sequence[str] | None = None
    picture: "Image.Image | None" = None
    more_attributions: "tuple[NDArray[np.float32], ...]" = ()
    region: "NDArray[np.bool_] | None" = None

    @property
    def map(self) -> "NDArray[np.float32]":
        """The attributions without channels: ``(H, W)`` of a picture, else as they are."""
        if self.words is None and self.attributions.ndim == _CHANNELS_FIRST:
            summed: NDArray[np.float32] = self.attributions.sum(0)
            return summed
        return self.attributions

    def draw(self) -> "Image.Image":
        """The picture beside the map of its attributions, or the tokens marked, as an image.

        Raises:
            ExplanationError: The input is neither a picture nor a text.
        """
        from ts_sdk.explain.picture import draw_map, draw_words

        if self.words is not None:
            return draw_words(self)
        if self.map.ndim != 2:  # noqa: PLR2004 - rows and columns
            raise ExplanationError(
                f"attributions of shape {self.attributions.shape} are no picture: save them as "
                ".json, or read them from .attributions"
            )
        return draw_map(self)

    def to_json(self, *, compact: bool = False) -> str:
        """The explanation as a JSON object.

        Args:
            compact: Whether the attributions are a map of at most 64 x 64 in steps of 1/127 of the
                largest, as base64 of zlib of int8, in place of nested lists of all of them.
        """
        facts: dict[str, Any] = {
            "method": str(self.method),
            "target": {"index": self.target.index, "name": self.target.name},
            "score": self.target.score,
            "form": str(self.form),
            "baseline": self.baseline,
            "seconds": round(self.seconds, 3),
        }
        optional = {
            "box": self.target.box,
            "region": None if self.region is None else extent_of(self.region),
            "delta": self.delta,
            "infidelity": self.infidelity,
            "sensitivity": self.sensitivity,
            "note": self.note,
            "words": None if self.words is None else list(self.words),
        }
        facts |= {key: value for key, value in optional.items() if value is not None}
        facts["attributions"] = self._compact() if compact else self.attributions.tolist()
        return json.dumps(facts, ensure_ascii=False)

    def save(self, path: str | Path) -> Path:
        """Write the explanation, as the name's suffix says.

        Args:
            path: ``.png``, ``.jpg`` or ``.webp`` draws it; ``.html`` is a page that marks the words
                of a text or shows the picture; ``.json`` holds all of it.

        Raises:
            ExplanationError: There is no such kind, or it cannot be drawn.
            OSError: It cannot be written; what was there is left.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in (*_PICTURES, *_PAGES, ".json"):
            raise ExplanationError(
                f"an explanation cannot be saved as {target.name}: the name must end in "
                f"{', '.join((*_PICTURES, *_PAGES, '.json'))}"
            )
        draft = target.with_name(f".{secrets.token_hex(4)}{suffix}")
        try:
            self._write(draft, suffix)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    def _write(self, path: Path, suffix: str) -> None:
        if suffix in _PICTURES:
            self.draw().save(path)
        elif suffix in _PAGES:
            from ts_sdk.explain.page import page_of

            path.write_text(page_of(self), encoding="utf-8")
        else:
            path.write_text(self.to_json(), encoding="utf-8")

    def __repr__(self) -> str:
        return f"<Explanation of {self.target.name!r} by {self.method}, {self.attributions.shape}>"

    def _compact(self) -> dict[str, Any]:
        """The map, in fewer values and coarser steps; see `to_json`."""
        import numpy as np

        grid = self.map
        if grid.ndim == 2:  # noqa: PLR2004 - rows and columns
            for axis in (0, 1):
                starts = np.arange(min(grid.shape[axis], _GRID)) * grid.shape[axis]
                starts = starts // min(grid.shape[axis], _GRID)
                grid = np.add.reduceat(grid, starts, axis=axis)
        largest = float(np.abs(grid).max(initial=0))
        steps = np.round(grid * (_LEVELS / largest if largest else 0)).astype(np.int8)
        packed = base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode()
        return {"shape": list(steps.shape), "step": largest / _LEVELS, "int8": packed}


def extent_of(region: "NDArray[np.bool_]") -> dict[str, Any]:
    """The box around *region*, in the pixels of what the model answers, and how many it has."""
    down, across = region.nonzero()
    box = [int(across.min()), int(down.min()), int(across.max()) + 1, int(down.max()) + 1]
    return {"box": box, "pixels": len(down)}
