"""How `BaseHandler.handle` answers a batch: the phases in turn, and what was asked for besides."""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ts_sdk.batch import Batch, as_list
from ts_sdk.errors import HandlerContractError
from ts_sdk.profiling import is_switched_on
from ts_sdk.tensors.overriding import is_default
from ts_sdk.wishes import DESCRIPTION, wish_of

if TYPE_CHECKING:
    from ts_sdk.handler import BaseHandler, Row

Answers = Any
"""A list with one answer a request, or a generator of such lists."""

Predict = Callable[["BaseHandler", "list[Row]", Batch], Answers]
"""Gives the answers to rows of a batch; `predict` is one."""

inference_turn: ContextVar[AbstractContextManager[object]] = ContextVar(
    "ts_sdk_inference_turn",
    default=nullcontext(),  # noqa: B039 - it has no state
)
"""Held while the model runs, where threads prepare batches for each other's turns."""


def answer(
    handler: "BaseHandler", data: "list[Row]", batch: Batch, predicting: "Predict | None" = None
) -> Answers:
    """The answers to *batch*; the metric HandlerTime says how long they took.

    Args:
        handler: The handler.
        data: The batch's rows.
        batch: The batch.
        predicting: How predictions are made, in place of `predict`.
    """
    started = time.perf_counter()
    for position in batch.begin():
        _answer_wish(handler, data[position], position, batch)
    rest = batch.keep_rest()
    rows = [data[row] for row in rest]
    answers = _predictions(handler, rows, batch, predicting or predict) if rest else []
    metrics = getattr(batch.context, "metrics", None)
    if metrics is not None:
        elapsed_ms = round((time.perf_counter() - started) * 1e3, 2)
        metrics.add_time("HandlerTime", elapsed_ms, None, "ms")
    if inspect.isgenerator(answers):
        return (batch.merge(each) for each in answers)
    return batch.merge(answers) if batch.rejections or batch.answers else answers


def predict(handler: "BaseHandler", data: "list[Row]", batch: Batch) -> Answers:
    """Call `preprocess`, `inference` and `postprocess`, each with what the one before returned."""
    with batch.times.measure("preprocess"):
        model_input = handler.preprocess(data)
    if not batch.keep_rest():
        return []
    with inference_turn.get(), batch.times.measure("inference"):
        output = handler.inference(model_input)
    if not batch.keep_rest():
        return []
    if inspect.isgenerator(output) and is_default(handler, "postprocess"):
        return _postprocess_each(handler, output, batch)
    with batch.times.measure("postprocess"):
        return handler.postprocess(output)


def _predictions(
    handler: "BaseHandler", data: "list[Row]", batch: Batch, predicting: Predict
) -> Answers:
    try:
        return _predicted(handler, data, batch, predicting)
    except (AttributeError, TypeError) as error:  # of what is None as yet
        if _is_untouched(handler):
            raise HandlerContractError(
                f"{type(handler).__name__} was used before initialize(): call "
                "handler.initialize(context) first",
                client_message="Prediction failed",
            ) from error
        raise


def _is_untouched(handler: "BaseHandler") -> bool:
    """Whether neither a loader nor `initialize` has seen *handler*."""
    return handler._context is None and handler.model is None and not handler.initialized  # noqa: SLF001 - of one piece with it


def _predicted(
    handler: "BaseHandler", data: "list[Row]", batch: Batch, predicting: Predict
) -> Answers:
    if not is_switched_on():
        return predicting(handler, data, batch)
    if handler.manifest is None and batch.context is not None:
        handler.manifest = batch.context.manifest  # which names the trace's folder
    answers, _ = handler._infer_with_profiler(data)  # noqa: SLF001 - TorchServe's name, which subclasses override
    return answers


def _answer_wish(handler: "BaseHandler", row: "Row", position: int, batch: Batch) -> None:
    """Answer the request at *position* if it asks for something else than a prediction."""
    wish = wish_of(batch.context, position) if batch.whole else None
    if wish is None:
        return
    if wish == DESCRIPTION:
        batch.answers[position] = handler.describe_handle()
        return
    handler.explain = True
    batch.rows = [position]  # what the phases reject is counted among the rows that they are given
    with batch.times.measure("explain"):
        model_input = handler.preprocess([row])
        if position not in batch.rejections:
            explained = as_list(handler.explain_handle(model_input, [row]), "explain_handle()")
            if len(explained) != 1:
                raise HandlerContractError(
                    f"explain_handle() returned {len(explained)} explanations for one request; "
                    "return a list with one"
                )
            batch.answers[position] = explained[0]
    batch.rows = list(range(batch.size))


def _postprocess_each(
    handler: "BaseHandler", outputs: Iterator[Any], batch: Batch
) -> Iterator[list[Any]]:
    for output in outputs:
        with batch.times.measure("postprocess"):
            answers = handler.postprocess(output)
        yield answers
