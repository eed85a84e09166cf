"""`image_classifier`: the most probable classes of a picture."""

from collections.abc import Collection
from typing import Any

import torch
from PIL import Image

from default_handlers.labels import as_mapping, as_records
from default_handlers.scores import (
    ACTIVATIONS,
    NO_NUMBERS,
    NO_NUMBERS_STATUS,
    Activation,
    class_probabilities,
    without_numbers,
)
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.errors import HandlerContractError
from ts_sdk.timing import timed

_ANSWERS = {"torchserve": as_mapping, "records": as_records}


class ImageClassifier(VisionHandler):
    """Answers each picture with its most probable classes.

    An answer is ``{label: probability}``, the most probable first, as TorchServe's; with the
    setting ``answers: records`` it is ``[{"label": …, "index": …, "probability": …}]``. Labels come
    from `index_to_name.json`; a class without a name has its number. Settings ``topk``,
    ``threshold``, ``classes``, ``activation`` and ``answers``, besides those of `VisionHandler`.

    The model answers scores (logits) ``(B, K)`` for K classes; ``(B, 1)`` is taken for the score of
    class 1 against class 0. Where it answers a tuple, they are its first element; where it answers
    a dict, its value ``logits``.

    Attributes:
        topk: How many classes an answer has; fewer when the model has fewer.
        threshold: The least probability that a class in the answer has; 0 keeps all, also where
            the model's numbers are no probabilities.
        classes: Names or numbers of the classes that an answer may have; None for all.
        activation: What makes probabilities of scores: ``"softmax"``; ``"sigmoid"``, each class for
            itself; or ``"none"``, where the model answers probabilities.
        answers: The shape of the answers, ``"torchserve"`` or ``"records"``.
    """

    concurrent = True
    answers_several = True

    topk: int = 5
    threshold: float = 0.0
    classes: Collection[str | int] | None = None
    activation: Activation = "softmax"
    answers: str = "torchserve"

    def read_settings(self, settings: Settings) -> None:
        """Take over what the archive's settings say."""
        super().read_settings(settings)
        self.topk = settings.whole("topk", self.topk)
        self.threshold = settings.fraction("threshold", self.threshold)
        self.classes = settings.classes("classes", self.classes, self.mapping)
        self.activation = settings.word("activation", self.activation, ACTIVATIONS)
        self.answers = settings.word("answers", self.answers, tuple(_ANSWERS))

    def set_max_result_classes(self, topk: int) -> None:
        """Set `topk`; TorchServe's name for it."""
        self.topk = topk

    def get_max_result_classes(self) -> int:
        """`topk`; TorchServe's name for it."""
        return self.topk

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever the model answers
        """Turn scores into answers.

        Args:
            data: What the model answered; see the class.

        Returns:
            One answer for each request whose scores are numbers; the others are rejected. The
            answer to several pictures is a list with one for each.

        Raises:
            HandlerContractError: The model did not answer scores ``(B, K)``.
        """
        probabilities = class_probabilities(data, self.activation)
        among = self._numbers_among(probabilities.shape[1])
        if among is not None:
            probabilities = probabilities[:, among]
        values, places = probabilities.topk(min(self.topk, probabilities.shape[1]), dim=1)
        numbers = places.cpu() if among is None else torch.tensor(among)[places.cpu()]
        self.reject_pictures(without_numbers(values), NO_NUMBERS, status=NO_NUMBERS_STATUS)
        answer = _ANSWERS[self.answers]
        rows = zip(numbers.tolist(), values.tolist(), strict=True)
        return self.by_request([answer(self._likely(*row), self.mapping) for row in rows])

    def draw(self, answer: Any, given: Any) -> Image.Image:  # noqa: ANN401 - as it was answered and sent
        """The picture with a bar for each class in its answer.

        Args:
            answer: What was answered.
            given: What was sent: the request's row, or the picture itself.
        """
        from default_handlers.drawing.answers import draw_each, ranked_in
        from default_handlers.drawing.ranking import draw_ranking

        def draw(answer: Any, picture: Image.Image) -> Image.Image:  # noqa: ANN401 - as above
            return draw_ranking(picture, ranked_in(answer))

        return draw_each(answer, given, draw, self.max_pixels)

    def _likely(self, numbers: list[int], values: list[float]) -> list[tuple[int, float]]:
        """Class number and probability of those classes that are probable enough."""
        ranked = zip(numbers, values, strict=True)
        return [each for each in ranked if not self.threshold or each[1] >= self.threshold]

    def _numbers_among(self, count: int) -> list[int] | None:
        """The classes that an answer may have, of *count*; None for all."""
        if self.classes is None:
            return None
        numbers = sorted(int(each) for each in self.classes)
        if numbers[-1] >= count:
            raise HandlerContractError(
                f"the setting classes names class {numbers[-1]}, and the model answers scores for "
                f"{count} classes, counted from 0"
            )
        return numbers
