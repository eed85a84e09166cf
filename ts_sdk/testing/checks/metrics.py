"""Promises about what a handler measures."""

from pathlib import Path

from ts_sdk.metrics.declarations import Declaration, declarations_in, read
from ts_sdk.metrics.served import METRICS
from ts_sdk.metrics.units import spelled
from ts_sdk.testing.case import HandlerCase
from ts_sdk.testing.promise import CheckSkipped, PromiseBroken, check

_FILE = "metrics.yaml"
_OF_THE_SDK = {*METRICS, "HandlerTime", "PredictionTime"}


@check()
def check_metrics_are_as_declared(case: HandlerCase) -> None:
    """Each metric that the handler records stands in metrics.yaml, with its type and unit.

    Add it there under its type, with the names of its dimensions, or record it as it is declared: a
    server that was given the file drops what it does not know.
    """
    with case.load() as model:
        file = Path(model.context.system_properties["model_dir"], _FILE)
        if not file.is_file():
            raise CheckSkipped(f"there is no {_FILE}")
        declared = {each.name: each for each in declarations_in(read(file), _FILE)}
        case.answers(case.requests, model)
        recorded = {name: model.metrics[name] for name in model.metrics if name not in _OF_THE_SDK}
    for name, view in recorded.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise PromiseBroken(f"{name} is recorded and not declared; declared are {known}")
        _compare(name, declared[name], str(view.type.value), view.unit)


def _compare(name: str, declared: Declaration, kind: str, unit: str) -> None:
    if declared.type.value != kind:
        raise PromiseBroken(f"{name} is declared as {declared.type.value} and recorded as {kind}")
    if spelled(declared.unit) != spelled(unit):
        raise PromiseBroken(f"{name} is declared in {declared.unit} and recorded in {unit}")
