"""The envelope ``kservev2``, once ``kfservingv2``: the Open Inference Protocol (KServe's second).

A request's input tensors are the handler's rows. Requests with one input each are one batch; a
request with several is a call of its own, since handlers read the inputs of a model together.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ts_sdk.batch import WRONG_NUMBER
from ts_sdk.envelopes.base import Answer, BatchContext
from ts_sdk.envelopes.inference_request import (
    JSON_LENGTH_HEADER,
    InferenceRequest,
    parse_request,
)
from ts_sdk.envelopes.joining import JoiningEnvelope, Share, listed_answers
from ts_sdk.envelopes.request_body import value_of
from ts_sdk.envelopes.rows_context import headers_of
from ts_sdk.envelopes.tensor_outputs import OutputTensor, OutputTensors, tensors_in
from ts_sdk.errors import HandlerContractError, RequestError


@dataclass(frozen=True)
class _Asked:
    """A request, and what those outputs are called that the handler does not name."""

    request: InferenceRequest
    names: list[str]


_NOTHING = _Asked(InferenceRequest([], None, {}, {}), [""])
"""What a request for the model's description has asked of its inputs."""


class KServev2Envelope(JoiningEnvelope):
    """Input tensors in, output tensors out.

    While the handler runs, its context has `input_names` and `input_parameters` with an item for
    each row, and `input_request_id` where the rows are those of one request that has an id.
    """

    def open(self, row: Any, position: int) -> Share:  # noqa: ANN401 - a row holds what was sent
        """The input tensors of a request."""
        request = parse_request(value_of(row), headers_of(self.context, position))
        names = [given["name"] for given in request.inputs]
        return Share(position, [*request.inputs], _Asked(request, names))

    def seal(self, share: Share) -> dict[str, Any] | bytes:
        """The output tensors: a JSON object, or one in bytes with binary tensors behind it."""
        answered = _outputs_of(share)
        described: list[dict[str, Any]] = []
        contents: list[bytes] = []
        for tensor in answered.tensors:
            if share.asked.request.wants_binary(tensor.name):
                description, content = tensor.to_binary()
                contents.append(content)
            else:
                description = tensor.to_json()
            described.append(description)
        response = self._head_of(share)
        if answered.parameters:
            response["parameters"] = dict(answered.parameters)
        response["outputs"] = described
        return self._in_binary(response, contents, share.position) if contents else response

    def name_of_row(self, share: Share, row: int) -> str:
        """The name of an input."""
        return f"input {share.rows[row]['name']!r}"

    @contextmanager
    def telling(self, view: BatchContext, shares: Sequence[Share]) -> Iterator[None]:
        """Let the handler read in its context what its inputs are called, and name its outputs."""
        asked: list[_Asked] = [share.asked or _NOTHING for share in shares]
        told: dict[str, Any] = {
            "input_names": [name for each in asked for name in each.names],
            "input_parameters": [each.request.parameters for each in asked for _ in each.names],
        }
        if len(asked) == 1 and asked[0].request.id is not None:
            told["input_request_id"] = asked[0].request.id
        # A context would share with later batches what is set on it.
        own: dict[str, Any] = {} if view is None else view.__dict__
        own.update(told)
        try:
            yield
            names = list(own.get("input_names", ()))
            if len(shares) == 1:
                shares[0].asked = shares[0].asked and replace(shares[0].asked, names=names)
            elif len(names) == len(shares):
                for share, name in zip(shares, names, strict=True):
                    share.asked = share.asked and replace(share.asked, names=[name])
        finally:
            for name in told:
                own.pop(name, None)

    def _ask(self, rows: list[Any], shares: Sequence[Share]) -> Answer:
        if all(len(share.rows) == 1 for share in shares):
            return super()._ask(rows, shares)
        answers: list[Answer] = []
        rest = iter(rows)
        for share in shares:
            own = [next(rest) for _ in share.rows]
            answers += _counted(share, super()._ask(own, [share]))
        return answers

    def _part(self, answers: Answer, shares: Sequence[Share]) -> None:
        if len(shares) == 1:
            answers = _counted(shares[0], answers)
        super()._part(answers, shares)

    def _head_of(self, share: Share) -> dict[str, Any]:
        """The response without its tensors, the keys in TorchServe's order."""
        number = share.asked.request.id
        if number is None and hasattr(self.context, "get_request_id"):
            number = self.context.get_request_id(share.position)
        model = (getattr(self.context, "manifest", None) or {}).get("model") or {}
        version = model.get("modelVersion")
        return {
            "id": number,
            "model_name": model.get("modelName"),
            **({} if version is None else {"model_version": version}),
        }

    def _in_binary(self, response: dict[str, Any], contents: list[bytes], position: int) -> bytes:
        head = json.dumps(response).encode()
        self.context.set_response_header(position, JSON_LENGTH_HEADER, str(len(head)))
        self.context.set_response_content_type(position, "application/octet-stream")
        return b"".join([head, *contents])


def _counted(share: Share, answers: Answer) -> list[Answer]:
    """*answers*, which are all those to *share*: a model of several inputs may answer them once."""
    listed = listed_answers(answers)
    names = (share.asked or _NOTHING).names
    if not 1 <= len(listed) <= len(names):
        raise HandlerContractError(
            f"handle() returned {len(listed)} answers for a request with the inputs "
            f"{', '.join(map(repr, names))}; return one for each, in order, or one dict of arrays "
            "that names the outputs",
            client_message=WRONG_NUMBER,
        )
    share.answer_count = len(listed)
    return listed


def _outputs_of(share: Share) -> OutputTensors:
    """The tensors of all answers to *share* that its request asks for."""
    asked: _Asked = share.asked
    tensors: list[OutputTensor] = []
    parameters: dict[str, Any] = {}
    for answer, name in zip(share.answers, asked.names, strict=False):
        found = tensors_in(answer, name)
        tensors += _wanted(found, asked.request)
        parameters |= found.parameters
    return OutputTensors(tensors, parameters=parameters)


def _wanted(found: OutputTensors, request: InferenceRequest) -> list[OutputTensor]:
    """The tensors that *request* asks for, of those that the handler has named."""
    if not found.named or not request.outputs:
        return found.tensors
    named = {tensor.name: tensor for tensor in found.tensors}
    missing = [name for name in request.outputs if name not in named]
    if missing:
        raise RequestError(
            f"there is no output {missing[0]!r}; the model has {', '.join(map(repr, named))}"
        )
    return [named[name] for name in request.outputs]
