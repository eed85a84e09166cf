"""`image_segmenter`: the class of every pixel of a picture."""

from functools import partial
from typing import Any

import torch
from PIL import Image

from default_handlers.class_maps import ClassMap, PixelClassifier, pasted
from default_handlers.mask_files import CONTENT_TYPE, class_map_png
from default_handlers.scores import (
    ACTIVATIONS,
    NO_NUMBERS,
    NO_NUMBERS_STATUS,
    Activation,
    described,
    tensor_in,
)
from default_handlers.segment_answers import as_nested_lists, as_record
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.batch import current_batch
from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.timing import timed

_TORCHSERVE, _RECORDS, _PNG = "torchserve", "records", "png"
_SIZES = ("network", "original")
_MASKS = ("png", "rle", "none")
_NAMES = ("out", "logits")
"""Where torchvision's models, and those of transformers, answer the scores."""
_SCORE_DIMENSIONS = 4


class ImageSegmenter(VisionHandler):
    """Answers each picture with the most probable class of each of its pixels.

    An answer is TorchServe's: a nested list ``(H, W, 2)`` of class number and probability, both as
    floats. With the setting ``answers: records`` it is ``{"size": [H, W], "classes": [{"label": …,
    "index": …, "share": …}], "mask": …}``, where ``masks`` says what the mask is; with ``answers:
    png`` it is the bytes of a PNG: see `default_handlers.mask_files.class_map_png`. H and W are
    what the model answers, with the default `preset` those of the crop from the picture's centre;
    or, with ``size: original``, those of the picture that was sent, in which pixels outside of the
    crop have no class, -1 and probability 0.

    The model answers scores (logits) ``(B, K, H, W)`` for K classes; K = 1 is taken for the score
    of class 1 against class 0, as of a model that finds the foreground. Where it answers a dict,
    they are its value ``out`` or ``logits``; where it answers a tuple, its first element. Settings
    are the attributes below, and those of `VisionHandler`.

    Attributes:
        answers: The shape of the answers, ``"torchserve"``, ``"records"`` or ``"png"``.
        masks: What a record's mask is, ``"png"``, ``"rle"`` or ``"none"``.
        size: ``"network"`` or ``"original"``: whose size the answer has.
        mask_threshold: For K = 1, the least probability of the foreground.
        activation: What makes probabilities of scores: ``"softmax"``; ``"sigmoid"``, each class for
            itself; or ``"none"``, where the model answers probabilities.
    """

    concurrent = True
    takes_pictures_only = True
    answers_several = True

    answers: str = _TORCHSERVE
    masks: str = "png"
    size: str = "network"
    mask_threshold: float = 0.5
    activation: Activation = "softmax"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.answers = settings.word("answers", self.answers, (_TORCHSERVE, _RECORDS, _PNG))
        self.masks = settings.word("masks", self.masks, _MASKS)
        self.size = settings.word("size", self.size, _SIZES)
        self.mask_threshold = settings.fraction("mask_threshold", self.mask_threshold)
        self.activation = settings.word("activation", self.activation, ACTIVATIONS)
        if self.answers != _RECORDS:
            settings.idle(["masks"], "only records hold masks (answers: records)")

    def check_count(self, count: int) -> None:
        """Refuse a request of *count* pictures where its answer could not hold as many."""
        super().check_count(count)
        if self.answers == _PNG:
            raise RequestError(
                f"expected one picture, since the answer is one (setting answers: png), got {count}"
            )

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch; inputs that differ in size go through it one by one."""
        if not isinstance(data, list):
            return super().inference(data, *args, **kwargs)
        scores = _OneByOne()
        for place, each in enumerate(data):
            with self.judging_tensors(place):
                scores.append(_scores_in(super().inference(each[None], *args, **kwargs)))
        return scores

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn scores into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each request whose scores are numbers; the others are rejected. The
            answer to several pictures is a list with one for each.

        Raises:
            HandlerContractError: The model did not answer scores ``(B, K, H, W)``.
        """
        parts = data if isinstance(data, _OneByOne) else [_scores_in(data)]
        scores = [each for part in parts for each in part]
        maps = [self._class_map(each, place) for place, each in enumerate(scores)]
        bad = [place for place, found in enumerate(maps) if not found.is_finite]
        self.reject_pictures(bad, NO_NUMBERS, status=NO_NUMBERS_STATUS)
        if self.answers == _PNG:
            _tell_content_type()
        return self.by_request([self._answer(found) for found in maps])

    def draw(self, answer: Any, given: Any) -> Image.Image:  # noqa: ANN401 - as it was answered and sent
        """The picture in the colours of the classes in its answer, with a legend.

        Args:
            answer: What was answered.
            given: What was sent: the request's row, or the picture itself.
        """
        from default_handlers.drawing.answers import draw_each, regions_in
        from default_handlers.drawing.regions import draw_regions

        def draw(answer: Any, picture: Image.Image) -> Image.Image:  # noqa: ANN401 - as above
            place = partial(pasted, placement=self.place(picture.size))
            return draw_regions(
                picture, *regions_in(answer, self.mapping, self.mask_threshold, place)
            )

        return draw_each(answer, given, draw, self.max_pixels)

    def _class_map(self, scores: torch.Tensor, place: int) -> ClassMap:
        """The class of each pixel of picture *place* of the batch, of its scores ``(K, H, W)``."""
        classifier = PixelClassifier(
            self.activation, self.mask_threshold, wants_probabilities=self.answers == _TORCHSERVE
        )
        placement = self.placement_of(place) if self.size == "original" else None
        if placement is None:
            return classifier.of_network(scores)
        return classifier.of_picture(scores, placement)

    def _answer(self, found: ClassMap) -> Any:  # noqa: ANN401 - one of three kinds
        if not found.is_finite:
            return None  # its request is rejected
        if self.answers == _PNG:
            return class_map_png(found)
        if self.answers == _RECORDS:
            return as_record(found, self.mapping, self.masks)
        return as_nested_lists(found)


def _tell_content_type() -> None:
    """Say what the answers to the running batch are, but those that are errors."""
    batch = current_batch()
    if batch is None or not batch.whole or batch.context is None:
        return
    for position in batch.rows:
        if position not in batch.rejections:
            batch.context.set_response_content_type(position, CONTENT_TYPE)


class _OneByOne(list[torch.Tensor]):
    """The scores ``(1, K, H, W)`` of inputs that differ in size."""


def _scores_in(output: Any) -> torch.Tensor:  # noqa: ANN401 - whatever the model answers
    scores = tensor_in(output, _NAMES)
    if scores is not None and scores.ndim == _SCORE_DIMENSIONS and scores.shape[1] > 0:
        return scores
    raise HandlerContractError(
        "a segmenter needs a model that answers scores (B, classes, H, W), a dict with them as "
        f"'out' or a tuple that starts with them; it answered {described(output)}"
    )
