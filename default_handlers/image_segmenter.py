"""`image_segmenter`: the class of every pixel of a picture."""

from typing import Any

import torch

from default_handlers.scores import described, probabilities, reject_without_numbers, tensor_in
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.errors import HandlerContractError
from ts_sdk.timing import timed

_ANSWERS = ("torchserve",)
_NAMES = ("out", "logits")
"""Where torchvision's models, and those of transformers, answer the scores."""
_SCORE_DIMENSIONS = 4


class ImageSegmenter(VisionHandler):
    """Answers each picture with the most probable class of each of its pixels.

    An answer is TorchServe's: a nested list ``(H, W, 2)`` of class number and probability, both as
    floats, where H and W are what the model answers: with the default `preset` those of the crop
    from the picture's centre. Settings are those of `VisionHandler`, and ``answers``, which has the
    one value ``torchserve``.

    The model answers scores (logits) ``(B, K, H, W)`` for K classes; K = 1 is taken for the score
    of class 1 against class 0. Where it answers a dict, they are its value ``out`` or ``logits``;
    where it answers a tuple, its first element.

    Attributes:
        answers: The shape of the answers, ``"torchserve"``.
    """

    concurrent = True
    takes_pictures_only = True

    answers: str = "torchserve"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.answers = settings.word("answers", self.answers, _ANSWERS)

    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on the batch; inputs that differ in size go through it one by one."""
        if not isinstance(data, list):
            return super().inference(data, *args, **kwargs)
        infer = super().inference
        return _OneByOne(_scores_in(infer(each[None], *args, **kwargs)) for each in data)

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn scores into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each picture whose scores are numbers; the others are rejected.

        Raises:
            HandlerContractError: The model did not answer scores ``(B, K, H, W)``.
        """
        parts = data if isinstance(data, _OneByOne) else [_scores_in(data)]
        maps = [each for part in parts for each in class_maps(part)]
        reject_without_numbers(self, maps)
        return [each.tolist() for each in maps]


class _OneByOne(list[torch.Tensor]):
    """The scores ``(1, K, H, W)`` of inputs that differ in size."""


def class_maps(scores: torch.Tensor) -> torch.Tensor:
    """The most probable class of each pixel.

    Args:
        scores: ``(B, K, H, W)``; K = 1 is taken for the score of class 1 against class 0.

    Returns:
        Class number and probability, ``(B, H, W, 2)`` float32.
    """
    best = probabilities(scores).max(dim=1)
    return torch.stack([best.indices.to(torch.float32), best.values], dim=3)


def _scores_in(output: Any) -> torch.Tensor:  # noqa: ANN401 - whatever the model answers
    scores = tensor_in(output, _NAMES)
    if scores is not None and scores.ndim == _SCORE_DIMENSIONS and scores.shape[1] > 0:
        return scores
    raise HandlerContractError(
        "a segmenter needs a model that answers scores (B, classes, H, W), a dict with them as "
        f"'out' or a tuple that starts with them; it answered {described(output)}"
    )
