"""The envelope ``kserve``, once called ``kfserving``: KServe's protocol, version 1.

``{"instances": [...]}`` in; ``{"predictions": [...]}`` out, or ``{"explanations": [...]}`` for a
request with the header ``explain: "True"``.
"""

from collections.abc import Sequence
from typing import Any

from ts_sdk.envelopes.base import Answer
from ts_sdk.envelopes.joining import JoiningEnvelope, Share
from ts_sdk.envelopes.request_body import instances_in, value_of
from ts_sdk.envelopes.rows_context import asks_for


class KServeEnvelope(JoiningEnvelope):
    """Each request holds instances, which the handler sees as they were sent."""

    def open(self, row: Any, position: int) -> Share:  # noqa: ANN401 - a row holds what was sent
        """The instances of a request."""
        return Share(position, instances_in(value_of(row)))

    def seal(self, share: Share) -> dict[str, Answer]:
        """The predictions or explanations."""
        explained = asks_for(self.context, share.position, "explain")
        return {"explanations" if explained else "predictions": share.answers}

    def _part(self, answers: Answer, shares: Sequence[Share]) -> None:
        # A request that is alone owns whatever the handler answers: many handlers were written for
        # one request at a time, and answer several instances by one explanation or one object.
        alone = len(shares) == 1 and not shares[0].is_plain
        if alone and isinstance(answers, list | tuple | dict | str) and answers:
            shares[0].answers = answers
        else:
            super()._part(answers, shares)
