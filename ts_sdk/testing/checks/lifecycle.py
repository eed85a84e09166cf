"""Promises about a handler's life: built, initialised, several at a time."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import RequestError
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

if TYPE_CHECKING:
    from ts_sdk.model import Model

_ROUNDS = 3


@check()
def check_use_before_initialize_says_so(case: HandlerCase) -> None:
    """A handler that was not initialised raises an error that names initialize().

    Subclass ts_sdk.BaseHandler, which says so; else begin handle() with a check of
    self.initialized.
    """
    model = case.model
    if model.handler is None:
        raise CheckSkipped("the handler is a function, or in another process")
    request = case.requests[0]
    context = model.context.for_batch([request.all_headers], ["before-initialize"])

    def handle_unprepared(handler: Any) -> Any:  # noqa: ANN401 - the user's own class
        return type(handler)().handle([dict(request.parts)], context)

    try:
        answer = case.use(model, handle_unprepared)
    except Exception as error:
        if "initiali" in str(error).lower():
            return
        raise PromiseBroken(
            f"before initialize() it raises {type(error).__name__}: {error}"
        ) from error
    finally:
        context.finish()
    raise PromiseBroken(f"it answers before initialize() was called: {answer!r}")


@check(compares=True)
def check_initialize_twice_changes_nothing(case: HandlerCase) -> None:
    """A handler that is initialised again answers as before.

    Assign in initialize(), do not append; read files by paths that are made anew from model_dir.
    """
    with case.load() as model:
        case.answers(case.requests, model)
        try:
            case.use(model, lambda handler: handler.initialize(model.context))
        except CheckSkipped:
            raise
        except Exception as error:
            raise PromiseBroken(f"initialize() failed when it was called again: {error}") from error
        after = case.answers(case.requests, model)
        case.assert_close(
            after, case.together, "after a second initialize(), the answers are others"
        )


@check(compares=True)
def check_two_models_do_not_meet(case: HandlerCase) -> None:
    """Two models of one handler in a process answer each as if it were alone.

    Keep what belongs to a handler on self, not in the class, in a module's global or in a fixed
    file; do not take things apart at close that others share.
    """
    before = case.together
    with case.load() as other:
        seen = "a second model answers otherwise"
        case.assert_close(case.answers(case.requests, other), before, seen)
        seen = "with a second model loaded, the first answers otherwise"
        case.assert_close(case.answers(case.requests), before, seen)
    seen = "after a second model was closed, the first answers otherwise"
    case.assert_close(case.answers(case.requests), before, seen)


@check(compares=True)
def check_two_threads_do_not_meet(case: HandlerCase) -> None:
    """Two models that answer in two threads at the same time answer as if they were alone.

    Keep what belongs to a request in local variables; a module's global, the working directory and
    the environment belong to all threads.
    """
    requests = case.requests
    orders = (range(len(requests)), range(len(requests))[::-1])
    with case.load() as first, case.load() as second, ThreadPoolExecutor(2) as threads:

        def ask(model: "Model", order: range) -> list[tuple[int, Any]]:
            return [
                (index, model.predict_batch([case.requests[index]])[0])
                for _ in range(_ROUNDS)
                for index in order
            ]

        for answered in list(threads.map(ask, (first, second), orders)):
            for index, answer in answered:
                if isinstance(answer, RequestError):
                    raise PromiseBroken(
                        f"beside another thread, request {index} failed: {answer.message}"
                    ) from answer
                seen = f"beside another thread, request {index} gets another answer"
                case.assert_close(answer, case.alone[index], seen)
