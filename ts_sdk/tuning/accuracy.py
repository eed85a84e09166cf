"""Whether a candidate's answers are those of float32 eager."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ts_sdk.errors import RequestError
from ts_sdk.precision_report.answers import answers_difference, probabilities_in, top_label
from ts_sdk.tuning.errors import UnansweredInputError

if TYPE_CHECKING:
    from ts_sdk.model import Model

TOLERANCE = 0.02


@dataclass(frozen=True)
class Verdict:
    """How far answers are from the right ones.

    Attributes:
        difference: The largest difference of a number in an answer, as a share of the largest
            number of its kind, and of a probability as it is; None when it cannot be told.
        problem: Why the answers are not right; None when they are.
    """

    difference: float | None
    problem: str | None = None


@dataclass(frozen=True)
class Reference:
    """The right answers.

    Attributes:
        answers: Those of float32 eager, alone in their batches, one for each input.
        tolerance: The largest difference that is allowed.
    """

    answers: Sequence[object]
    tolerance: float

    @classmethod
    def of(cls, model: "Model", inputs: Sequence[object], tolerance: float) -> "Reference":
        """What *model* answers.

        Raises:
            UnansweredInputError: It does not answer one of them.
        """
        answers = []
        for position, each in enumerate(inputs):
            (answer,) = model.predict_batch([each])
            if isinstance(answer, RequestError):
                raise UnansweredInputError(position, answer.message) from answer
            answers.append(answer)
        return cls(answers, tolerance)

    def verdict_on(self, model: "Model", inputs: Sequence[object]) -> Verdict:
        """Whether *model* answers as it should, each input alone and all together."""
        alone = {position: model.predict_batch([each])[0] for position, each in enumerate(inputs)}
        verdict = self.judge(alone)
        if verdict.problem is not None or len(inputs) == 1:
            return verdict
        together = self.judge(dict(enumerate(model.predict_batch(inputs))))
        if together.problem is not None:
            return Verdict(together.difference, f"in a batch of {len(inputs)}, {together.problem}")
        return max(verdict, together, key=lambda each: each.difference or 0.0)

    def judge(self, answers: Mapping[int, object]) -> Verdict:
        """Whether answers are right.

        Args:
            answers: Position of an input → the answer to it.
        """
        worst = 0.0
        for position, answer in answers.items():
            verdict = self._judge(self.answers[position], answer)
            if verdict.problem is not None:
                return Verdict(verdict.difference, f"input {position}: {verdict.problem}")
            worst = max(worst, verdict.difference or 0.0)
        return Verdict(worst)

    def _judge(self, expected: object, found: object) -> Verdict:
        if isinstance(found, RequestError):
            return Verdict(None, f"is not answered: {found.message}")
        difference = answers_difference(expected, found)
        if difference is None:
            return Verdict(None, "the answer has another structure than in float32")
        if not difference <= self.tolerance:  # which NaN is not either
            return Verdict(
                difference,
                f"the answer differs by {difference:.2%}, and {self.tolerance:.2%} is allowed",
            )
        wanted, got = probabilities_in(expected), probabilities_in(found)
        if wanted and got and top_label(wanted) != top_label(got):
            return Verdict(difference, "another label is the most probable")
        return Verdict(difference)
