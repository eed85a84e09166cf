"""`object_detector`: the objects in a picture, each with its box."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from default_handlers.detections import (
    above,
    all_numbers,
    as_detections,
    as_mapping,
    as_record,
    found_in,
)
from default_handlers.presets import WHOLE_PICTURE, Preset
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.timing import timed

_ANSWERS = {"torchserve": as_mapping, "records": as_record}
_SERVER_ERROR = 500
_REMARK = r".* always returns a \(Losses, Detections\) tuple in scripting"
_REMARKS = ("ignore", re.compile(_REMARK, re.IGNORECASE), UserWarning, None, 0)
"""An entry of `warnings.filters` for what torchvision's scripted detectors say once each."""


class ObjectDetector(VisionHandler):
    """Answers each picture with the objects in it.

    An answer is a list with ``{label: [x1, y1, x2, y2], "score": s}`` for each object, in the
    model's order, as TorchServe's; with the setting ``answers: records`` its items are ``{"label":
    …, "index": …, "score": …, "box": [x1, y1, x2, y2]}``. Boxes are in pixels of the upright
    picture, which the model is given in its own size, scaled to 0…1. Labels come from
    `index_to_name.json`; a class without a name has its number. Settings ``threshold``,
    ``answers`` and ``max_pixels``.

    The model is a detector of torchvision, or one that is called and answers like these: see
    `default_handlers.detections.found_in`. Pictures of equal size go through it together as a
    tensor ``(B, 3, H, W)``, or as a list where a scripted model asks for one. It would pad pictures
    of other sizes, and then a picture's answer would depend on its neighbours.

    Attributes:
        threshold: The least score that an object in the answer has.
        answers: The shape of the answers, ``"torchserve"`` or ``"records"``.
    """

    concurrent = True
    takes_pictures_only = True

    preset: Preset = WHOLE_PICTURE
    threshold: float = 0.5
    answers: str = "torchserve"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.threshold = settings.fraction("threshold", self.threshold)
        self.answers = settings.word("answers", self.answers, tuple(_ANSWERS))

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch, once for each size of picture in it.

        Returns:
            What the model answered; for pictures that differ in size, a list with a dict for each
            of them.
        """
        if not isinstance(data, list):
            return self._infer(data, *args, **kwargs)
        found: list[Any] = [None] * len(data)
        for rows in _rows_by_shape(data):
            output = self._infer(torch.stack([data[row] for row in rows]), *args, **kwargs)
            for row, each in zip(rows, found_in(output, len(rows)), strict=True):
                found[row] = each
        return found

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn what was found into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each picture whose boxes and scores are numbers; the others are rejected.

        Raises:
            HandlerContractError: The model did not answer as detectors do.
        """
        answer = _ANSWERS[self.answers]
        answers = []
        for index, found in enumerate(found_in(data)):
            kept = above(self.threshold, found)
            if not all_numbers(kept):
                self.reject(
                    index,
                    "the model's boxes or scores for this picture are NaN or infinite",
                    status=_SERVER_ERROR,
                )
            answers.append([answer(each, self.mapping) for each in as_detections(kept)])
        return answers

    def _infer(self, pictures: torch.Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        given: Any = pictures
        if _takes_list(self.model):
            _keep_remarks_out_of_the_log()
            given = list(pictures.to(self.device))
        # Not `VisionHandler.inference`, which takes a list for inputs that differ in size.
        return super(VisionHandler, self).inference(given, *args, **kwargs)


def _rows_by_shape(tensors: list[torch.Tensor]) -> Iterator[list[int]]:
    """The positions of the tensors of each shape."""
    rows: dict[torch.Size, list[int]] = {}
    for row, tensor in enumerate(tensors):
        rows.setdefault(tensor.shape, []).append(row)
    return iter(rows.values())


def _takes_list(model: object) -> bool:
    """Whether *model* is scripted with a list as its first argument.

    All others are given one tensor, as TorchServe gave it to them: torchvision's go through its
    first dimension as they would go through a list.
    """
    if not isinstance(model, torch.jit.ScriptModule):
        return False
    inputs = list(model.graph.inputs())
    return len(inputs) > 1 and inputs[1].type().kind() == "ListType"


def _keep_remarks_out_of_the_log() -> None:
    # For each call, and not around it: see `default_handlers.decoding`.
    if _REMARKS not in warnings.filters:
        warnings.filterwarnings("ignore", message=_REMARK, category=UserWarning)
