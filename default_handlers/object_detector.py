"""`object_detector`: the objects in a picture, each with its box."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from default_handlers import rle
from default_handlers.detections import as_mappings, as_records
from default_handlers.detector_calls import (
    INPUTS,
    Inputs,
    answers_to,
    inputs_of,
    keep_remarks_out_of_the_log,
)
from default_handlers.found import Found, found_in, parts_of
from default_handlers.mask_files import as_text, mask_png
from default_handlers.object_masks import mask_of
from default_handlers.placement import Placement
from default_handlers.presets import WHOLE_PICTURE, ImagePreset
from default_handlers.selection import Selection
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.timing import timed

_TORCHSERVE, _RECORDS = "torchserve", "records"
_MASKS: dict[str, Callable[[Any], Any] | None] = {
    "rle": rle.encode,
    "png": lambda mask: as_text(mask_png(mask)),
    "none": None,
}
_FOR_DICTS = replace(WHOLE_PICTURE, colour="bgr", value_range="0..255")
"""What Detectron2 gives its models, unless its config says otherwise."""
_ANY_SIZE = (1, 1)
_NO_NUMBERS = "the model's boxes, scores or labels for this picture are NaN or infinite"
_NO_NUMBERS_STATUS = 500


class ObjectDetector(VisionHandler):
    """Answers each picture with the objects in it.

    An answer is a list with ``{label: [x1, y1, x2, y2], "score": s}`` for each object, in the
    model's order, as TorchServe's; with the setting ``answers: records`` its items are ``{"label":
    …, "index": …, "score": …, "box": [x1, y1, x2, y2]}``, and ``"mask"`` where the model answers
    masks: see `masks`. Boxes and masks are in pixels of the upright picture that was sent, however
    it was resized for the model; without settings it is given in its own size, scaled to 0…1.
    Labels come from `index_to_name.json`; a class without a name has its number.

    The model is a detector of torchvision or of Detectron2, or one that is called and answers like
    these: see `inputs`, and `default_handlers.found`. Pictures of equal size go through it
    together. It would pad pictures of other sizes, and then a picture's answer would depend on its
    neighbours. Settings are the attributes below, and those of `VisionHandler`.

    Attributes:
        threshold: The least score that an object in the answer has.
        max_boxes: How many objects an answer has at most, those with the highest scores; None for
            all.
        nms: Of two objects whose boxes overlap by more than this (intersection over union), only
            the one with the higher score is answered; None leaves that to the model.
        nms_per_class: Whether only objects of one class are compared.
        classes: Names or numbers of the classes that are answered; None for all.
        answers: The shape of the answers, ``"torchserve"`` or ``"records"``.
        masks: What a record's mask is: ``"rle"``, as COCO's; ``"png"``, a file in base64; or
            ``"none"``.
        mask_threshold: The least value of a pixel that is part of an object.
        inputs: What the model takes: ``"batch"``, a tensor ``(B, 3, H, W)``; ``"list"``, a list of
            ``(3, H, W)``; ``"dicts"``, a list of ``{"image": (3, H, W)}``, where the pictures are
            blue, green and red from 0 to 255 unless settings or `preset` say otherwise;
            ``"single"``, one ``(3, H, W)`` at a time. ``"auto"`` asks a scripted model, and gives
            all others a batch.
    """

    concurrent = True
    takes_pictures_only = True
    answers_several = True

    preset: ImagePreset = WHOLE_PICTURE
    threshold: float = 0.5
    max_boxes: int | None = None
    nms: float | None = None
    nms_per_class: bool = True
    classes: Collection[str | int] | None = None
    answers: str = _TORCHSERVE
    masks: str = "rle"
    mask_threshold: float = 0.5
    inputs: Inputs = "auto"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        self.inputs = settings.word("inputs", self.inputs, INPUTS)
        if self.preset == WHOLE_PICTURE and self._inputs()[0] == "dicts":
            self.preset = _FOR_DICTS
        super().read_settings(settings)
        self.threshold = settings.fraction("threshold", self.threshold)
        self.max_boxes = settings.whole_or_none("max_boxes", self.max_boxes)
        self.nms = settings.fraction_or_none("nms", self.nms)
        self.nms_per_class = settings.switch("nms_per_class", default=self.nms_per_class)
        self.classes = settings.classes("classes", self.classes, self.mapping)
        self.answers = settings.word("answers", self.answers, (_TORCHSERVE, _RECORDS))
        self.masks = settings.word("masks", self.masks, tuple(_MASKS))
        self.mask_threshold = settings.fraction("mask_threshold", self.mask_threshold)
        if self.answers != _RECORDS:
            settings.idle(["masks", "mask_threshold"], "only records hold masks (answers: records)")
        elif self.masks == "none":
            settings.idle(["mask_threshold"], "no masks are answered (masks: none)")
        if self.nms is None:
            settings.idle(["nms_per_class"], "objects that overlap are all answered (nms: none)")

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch, once for each size of picture in it.

        Returns:
            What the model answered; for pictures that differ in size, a list with that about each.
        """
        if not isinstance(data, list):
            with self.judging_tensors():
                return self._infer(data, *args, **kwargs)
        found: list[Any] = [None] * len(data)
        for places in _places_by_shape(data):
            with self.judging_tensors(places[0] if len(places) == 1 else None):
                output = self._infer(
                    torch.stack([data[place] for place in places]), *args, **kwargs
                )
            for place, each in zip(places, parts_of(output, len(places)), strict=True):
                found[place] = each
        return found

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn what was found into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each request whose boxes, scores and labels are numbers; the others are
            rejected. The answer to several pictures is a list with one for each.

        Raises:
            HandlerContractError: The model did not answer as detectors do.
        """
        selection = self._selection()
        selected = [selection.of(each) for each in found_in(data)]
        bad = [place for place, found in enumerate(selected) if not found.is_finite]
        self.reject_pictures(bad, _NO_NUMBERS, status=_NO_NUMBERS_STATUS)
        answers = [
            None if place in bad else self._answer(found, place)
            for place, found in enumerate(selected)
        ]
        return self.by_request(answers)

    def draw(self, answer: Any, given: Any) -> Image.Image:  # noqa: ANN401 - as it was answered and sent
        """The picture with the boxes, labels and masks in its answer.

        Args:
            answer: What was answered.
            given: What was sent: the request's row, or the picture itself.
        """
        from default_handlers.drawing.answers import draw_each, objects_in
        from default_handlers.drawing.objects import draw_objects

        def draw(answer: Any, picture: Image.Image) -> Image.Image:  # noqa: ANN401 - as above
            return draw_objects(picture, objects_in(answer, self.mapping))

        return draw_each(answer, given, draw, self.max_pixels)

    def _selection(self) -> Selection:
        classes = None if self.classes is None else {int(each) for each in self.classes}
        return Selection(classes, self.threshold, self.nms, self.nms_per_class, self.max_boxes)

    def _answer(self, found: Found, place: int) -> list[dict[str, Any]]:
        """The answer to picture *place* of the batch."""
        placement = self.placement_of(place) or _placement_in(found)
        seen = found.size or placement.seen
        boxes = placement.boxes(found.boxes, seen)
        if self.answers == _TORCHSERVE:
            return as_mappings(boxes, found.labels, found.scores, self.mapping)
        records = as_records(boxes, found.labels, found.scores, self.mapping)
        encode = _MASKS[self.masks]
        if encode is not None and found.masks is not None:
            for record, mask, box in zip(records, found.masks, boxes, strict=True):
                record["mask"] = encode(mask_of(mask, box, seen, placement, self.mask_threshold))
        return records

    def _inputs(self) -> tuple[Inputs, bool]:
        """What the model takes, and whether that is a tuple with one dict."""
        inputs, one_by_one = inputs_of(self.model)
        return (inputs if self.inputs == "auto" else self.inputs), one_by_one

    def _infer(self, pictures: torch.Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        """What the model answers about pictures of one size, ``(B, C, H, W)``."""
        keep_remarks_out_of_the_log()
        inputs, one_by_one = self._inputs()

        def call(given: Any) -> Any:  # noqa: ANN401 - as above
            # Not `VisionHandler.inference`, which takes a list for inputs that differ in size.
            return super(VisionHandler, self).inference(given, *args, **kwargs)

        return answers_to(pictures.to(self.device), inputs, call, one_by_one=one_by_one)


def _placement_in(found: Found) -> Placement:
    """That of a picture of which no more is known than what the model tells."""
    if found.size is not None or found.masks is None:
        return Placement.unchanged(found.size or _ANY_SIZE)
    height, width = found.masks.shape[-2:]
    return Placement.unchanged((width, height))


def _places_by_shape(tensors: list[torch.Tensor]) -> Iterator[list[int]]:
    """The positions of the tensors of each shape."""
    places: dict[torch.Size, list[int]] = {}
    for place, tensor in enumerate(tensors):
        places.setdefault(tensor.shape, []).append(place)
    return iter(places.values())
