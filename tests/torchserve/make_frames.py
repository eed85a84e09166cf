"""Make responses by TorchServe's functions: a program that prints them as JSON.

With the argument ``here``, `ts_sdk` stands in for TorchServe.
"""

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

ANSWERS: dict[str, list[Any]] = {
    "bytes": [b"x", bytearray(b"\xff")],
    "text": ["één", ""],
    "objects": [{"a": [1, 2.5, None]}, {"é": "ü"}],
    "numbers": [1, float("nan")],
    "what cannot be sent": [1, {1, 2}],
    "what holds what cannot be sent": [{"a": b"x"}, 1],
}
IDS = {0: "first", 1: "zweite é"}


def responses() -> Iterator[tuple[str, bytes]]:
    """Each response with a name."""
    from ts.protocol.otf_message_handler import (
        create_load_model_response,
        create_predict_response,
        encode_response_headers,
    )

    yield "failed", create_predict_response(None, IDS, "Prediction failed", 503)
    yield "no requests", create_predict_response([], {}, "Prediction success", 200)
    yield "by number", create_predict_response({0: "a", 5: "b"}, {5: "x", 0: "y"}, "ok", 200)
    yield "loaded", create_load_model_response(200, "loaded model cat")
    yield "headers", encode_response_headers({"a": "b", "é": "ü"})
    for name, answers in ANSWERS.items():
        yield name, create_predict_response(answers, IDS, "Prediction success", 200)
        for how, prepare in PREPARATIONS.items():
            context = context_of_two()
            prepare(context)
            more = how == "a piece"
            frame = create_predict_response(answers, IDS, "ok", 200, context, more)
            yield f"{name}, {how}", frame


def context_of_two() -> Any:
    """A context that knows two requests."""
    from ts.context import Context, RequestProcessor

    context = Context("cat", "/cat", {}, 2, None, "0.12.0")
    context.request_ids = dict(IDS)
    context.request_processor = [RequestProcessor({}), RequestProcessor({})]
    return context


def _say_all(context: Any) -> None:
    context.set_response_content_type(0, "application/json")
    context.set_response_status(404, "gone", 1)
    context.set_response_header(1, "key", "välue")


def _after_a_piece(context: Any) -> None:
    context.set_response_header(0, "ts_stream_next", "true")


def _stop_one(context: Any) -> None:
    context.stopping_criteria = [lambda answer: True, lambda answer: False]


def _stop_unknown(context: Any) -> None:
    context.stopping_criteria = [lambda answer: None, lambda answer: False]


PREPARATIONS: dict[str, Callable[[Any], None]] = {
    "with all that a handler can say": _say_all,
    "a piece": lambda context: None,
    "after a piece": _after_a_piece,
    "with stopping criteria": _stop_one,
    "with stopping criteria that say nothing": _stop_unknown,
}


def main() -> None:
    """Print ``{name: hexadecimal}``."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if "here" in sys.argv:
        from ts_sdk import torchserve

        torchserve.install()
    json.dump({name: frame.hex() for name, frame in responses()}, sys.stdout)


main()
