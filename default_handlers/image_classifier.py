"""`image_classifier`: the most probable classes of a picture."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from default_handlers.labels import as_mapping, as_records
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.errors import HandlerContractError

_ANSWERS = {"torchserve": as_mapping, "records": as_records}
_SERVER_ERROR = 500


class ImageClassifier(VisionHandler):
    """Answers each picture with its most probable classes.

    An answer is ``{label: probability}``, the most probable first, as TorchServe's; with the
    setting ``answers: records`` it is ``[{"label": …, "index": …, "probability": …}]``. Labels come
    from `index_to_name.json`; a class without a name has its number. Settings ``topk`` and
    ``answers``, besides those of `VisionHandler`.

    The model answers scores (logits) ``(B, K)`` for K classes; ``(B, 1)`` is taken for the score of
    class 1 against class 0. Where it answers a tuple, they are its first element; where it answers
    a dict, its value ``logits``.

    Attributes:
        topk: How many classes an answer has; fewer when the model has fewer.
        answers: The shape of the answers, ``"torchserve"`` or ``"records"``.
    """

    concurrent = True

    topk: int = 5
    answers: str = "torchserve"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.topk = settings.whole("topk", self.topk)
        self.answers = settings.word("answers", self.answers, tuple(_ANSWERS))

    def set_max_result_classes(self, topk: int) -> None:
        """Set `topk`; TorchServe's name for it."""
        self.topk = topk

    def get_max_result_classes(self) -> int:
        """`topk`; TorchServe's name for it."""
        return self.topk

    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn scores into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each picture whose scores are numbers; the others are rejected.

        Raises:
            HandlerContractError: The model did not answer scores ``(B, K)``.
        """
        probabilities = class_probabilities(data)
        values, numbers = probabilities.topk(min(self.topk, probabilities.shape[1]), dim=1)
        rows = list(zip(numbers.tolist(), values.tolist(), strict=True))
        for index, (_, row) in enumerate(rows):
            if any(map(math.isnan, row)):
                self.reject(
                    index,
                    "the model's scores for this input are NaN or infinite",
                    status=_SERVER_ERROR,
                )
        answer = _ANSWERS[self.answers]
        return [answer(zip(*row, strict=True), self.mapping) for row in rows]


def class_probabilities(output: Any) -> torch.Tensor:  # noqa: ANN401 - whatever the model answers
    """The probabilities of the classes, from a classifier's output.

    Args:
        output: Scores ``(B, K)`` or ``(B, K, 1, …)``; or a tuple whose first element, or a dict or
            an object whose ``logits``, they are.

    Returns:
        The softmax, ``(B, K)`` float32; for K = 1 the sigmoid and its complement, ``(B, 2)``.

    Raises:
        HandlerContractError: There are no such scores.
    """
    scores = _scores_in(output).to(torch.float32)
    if scores.shape[1] == 1:
        return torch.sigmoid(torch.cat([-scores, scores], dim=1))
    return torch.softmax(scores, dim=1)


def _scores_in(output: Any) -> torch.Tensor:  # noqa: ANN401 - whatever the model answers
    scores = output
    if isinstance(output, Mapping):
        scores = output.get("logits")
    elif isinstance(output, list | tuple):
        scores = output[0] if output else None
    elif not isinstance(output, torch.Tensor):
        scores = getattr(output, "logits", None)
    if isinstance(scores, torch.Tensor) and scores.ndim > 1 and scores.shape[1] > 0:
        flat = scores.flatten(1)
        if flat.shape[1] == scores.shape[1]:
            return flat
    raise HandlerContractError(
        "image_classifier needs a model that answers scores (B, classes), a tuple that starts with "
        f"them or a dict with them as 'logits'; it answered {_described(output)}"
    )


def _described(output: object) -> str:
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a dict with the keys {', '.join(map(repr, output))}"
    if isinstance(output, list | tuple) and output:
        return f"a {type(output).__name__} that starts with {_described(output[0])}"
    return f"a {type(output).__name__}"
