"""The envelope ``body``: the handler sees each request's body, without the row around it."""

from typing import Any

from ts_sdk.envelopes.base import Answer, BaseEnvelope
from ts_sdk.envelopes.request_body import value_of


class BodyEnvelope(BaseEnvelope):
    """Takes the part ``data`` or ``body`` out of each row; answers stay as they are."""

    def parse_input(self, data: list[Any]) -> list[Any]:
        """One value a request."""
        return [value_of(row) for row in data]

    def format_output(self, data: Answer) -> Answer:
        """The handler's answers."""
        return data
