"""Decode with OpenCV, ask a Mask R-CNN, answer classes, scores and boxes as JSON.

The model is TorchScript as Detectron2 exports it: it takes ``[{"image": (3, H, W)}]``, blue, green
and red from 0 to 255, and answers ``pred_classes``, ``scores`` and ``pred_boxes``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torchvision  # noqa: F401 - has the operators of such models; TorchServe loads none
from numpy.typing import NDArray
from PIL import Image

try:
    from ts_sdk import BaseHandler
except ImportError:  # TorchServe runs it
    from ts.torch_handler.base_handler import BaseHandler  # type: ignore[import-not-found, no-redef]

Picture = NDArray[np.uint8]

NO_PICTURE = "expected a picture that OpenCV can decode"
LINE_PX = 2
GREEN = (0, 160, 0)  # blue, green and red, as everything of OpenCV's
WHITE = (255, 255, 255)


class MaskRCNNHandler(BaseHandler):
    """Takes a picture's bytes, answers ``{"classes": …, "scores": …, "boxes": …}``."""

    threshold = 0.5

    def initialize(self, context: Any) -> None:  # noqa: ANN401 - of either of the two
        """Load the model and the one setting."""
        super().initialize(context)
        settings = (context.model_yaml_config or {}).get("handler") or {}
        self.threshold = float(settings.get("threshold", self.threshold))
        if "precision" not in context.system_properties and self.map_location == "cuda":
            self.model.half()  # TorchServe has no option for it

    def preprocess(self, data: list[dict[str, Any]]) -> list[dict[str, torch.Tensor] | None]:
        """Return the model's input for each request, None for what is no picture."""
        inputs: list[dict[str, torch.Tensor] | None] = []
        for index, row in enumerate(data):
            picture = decode(row.get("data") or row.get("body"))
            if picture is None:
                self.context.set_response_status(400, NO_PICTURE, index)
            inputs.append(None if picture is None else {"image": self.tensor(picture)})
        return inputs

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> list[Any]:  # noqa: ANN401 - as its base class has it
        """Call the model once for each picture: pictures differ in size."""
        with torch.inference_mode():
            return [each and self.model([each], *args, **kwargs)[0] for each in data]

    def postprocess(self, data: list[Any]) -> list[dict[str, Any]]:
        """Return one answer for each request."""
        return [{"message": NO_PICTURE} if each is None else self.answer(each) for each in data]

    def tensor(self, picture: Picture) -> torch.Tensor:
        """Return *picture* as ``(3, H, W)`` in the format of the model's weights, on its device."""
        weight = next(self.model.parameters())
        # As bytes to the device, where they become floats.
        return torch.from_numpy(picture).to(weight.device).permute(2, 0, 1).to(weight.dtype)

    def answer(self, found: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        """Return what is found in one picture and sure enough, the surest first."""
        sure = found["scores"] >= self.threshold
        return {
            "classes": found["pred_classes"][sure].tolist(),
            "scores": found["scores"][sure].tolist(),
            "boxes": found["pred_boxes"][sure].tolist(),
        }

    def draw(self, answer: Mapping[str, Any], given: Mapping[str, Any]) -> Image.Image:
        """Return the picture with its answer on it, for ``mar run --draw``."""
        picture = decode(given.get("data") or given.get("body"))
        if picture is None:
            raise ValueError(NO_PICTURE)
        for number, score, box in zip(*answer.values(), strict=True):
            draw_box(picture, f"{number} {score:.0%}", box)
        return Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def decode(body: object) -> Picture | None:
    """Return the picture ``(H, W, 3)``, blue, green and red; None if it is none."""
    if not isinstance(body, bytes | bytearray) or not body:
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # of too many pixels
        return None
    return None if picture is None else picture.astype(np.uint8, copy=False)


def draw_box(picture: Picture, label: str, box: Sequence[float]) -> None:
    """Draw a box into *picture*, with a label above it."""
    left, top, right, bottom = (round(side) for side in box)
    cv2.rectangle(picture, (left, top), (right, bottom), GREEN, LINE_PX)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    (width, height), _ = cv2.getTextSize(label, font, scale, 1)
    base = max(top - LINE_PX, height + LINE_PX)
    cv2.rectangle(picture, (left, base - height - 1), (left + width, base + 1), GREEN, cv2.FILLED)
    cv2.putText(picture, label, (left, base), font, scale, WHITE, 1, cv2.LINE_AA)
