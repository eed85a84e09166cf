"""`image_classifier`: the most probable classes of a picture."""

from typing import Any

from default_handlers.labels import as_mapping, as_records
from default_handlers.scores import class_probabilities, reject_without_numbers
from default_handlers.settings import Settings
from default_handlers.vision import VisionHandler
from ts_sdk.timing import timed

_ANSWERS = {"torchserve": as_mapping, "records": as_records}


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

    @timed
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
        reject_without_numbers(self, values)
        answer = _ANSWERS[self.answers]
        rows = zip(numbers.tolist(), values.tolist(), strict=True)
        return [answer(zip(*row, strict=True), self.mapping) for row in rows]
