"""The errors of a converted model: what happened, in which layer, and what to do about it."""

import logging
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import NonFiniteOutputError, PrecisionError
from ts_sdk.floats import all_finite, largest_in
from ts_sdk.precision.batch_rows import request_at, rows_in, rows_not_finite, spoken
from ts_sdk.precision.failing import Failure, find_failure, layer_of
from ts_sdk.precision.origin import Finding, Given, Origin, find_origin
from ts_sdk.precision.structure import core_of, is_within, outermost_form, uncompiled

if TYPE_CHECKING:
    from torch import nn

    from ts_sdk.precision.converting import Conversion
    from ts_sdk.precision.structure import Forward

_BAD_REQUEST = 400
_logger = logging.getLogger(__name__)


def failed(
    error: RuntimeError,
    module: "nn.Module | None",
    forward: "Forward",
    given: Given,
    conversion: "Conversion",
) -> PrecisionError | None:
    """What to raise when the model has raised *error*; None when it is not the precision's fault.

    Args:
        error: What was raised.
        module: The model.
        forward: Its forward without the casts around it.
        given: What it was given.
        conversion: How it was converted.
    """
    precision = conversion.precision
    advice = f"load with precision='{precision.with_float32_weights}'"
    failure = find_failure(uncompiled(forward), given)
    if failure is True:
        return None
    place = None if module is None else layer_of(error, core_of(module))
    where = f" in layer {place[0]} ({place[1]})" if place else ""
    if not isinstance(failure, Failure):
        return PrecisionError(
            f"the model failed{where} in {precision}: {str(error).strip()}; if it runs in float32, "
            f"{advice}",
            layer=place[0] if place else None,
        )
    if len(failure.formats) > 1:
        what = f"was given numbers in {' and in '.join(failure.formats)}"
    else:
        what = f"cannot be done in {failure.formats[0]} on {failure.device}"
    keep = f", or with keep_float32={[*conversion.kept, place[0]]}" if place else ""
    return PrecisionError(
        f"the model failed{where} in {precision}: {failure.operation} {what}; {advice}{keep}",
        layer=place[0] if place else None,
    )


def not_finite(
    module: "nn.Module | None",
    forward: "Forward",
    asked: Given,
    given: Given,
    answer: Any,  # noqa: ANN401 - a model gives anything
    conversion: "Conversion",
) -> NonFiniteOutputError:
    """What to raise when *answer* holds NaN or infinity.

    Args:
        module: The model.
        forward: Its forward without the casts around it.
        asked: What the model was given by its caller.
        given: The same in the precision's format.
        answer: What it returned.
        conversion: How it was converted.
    """
    total = rows_in(*asked)
    inputs_at_fault = next((inputs for inputs in (asked, given) if not all_finite(inputs)), None)
    rows = rows_not_finite(answer if inputs_at_fault is None else _alone(inputs_at_fault), total)
    request = request_at(rows, total)
    if inputs_at_fault is asked:
        return NonFiniteOutputError(
            f"the model's input holds NaN or infinity already{spoken(rows, total)}",
            status=_BAD_REQUEST,
            index=request,
        )
    what = f"the model's output in {conversion.precision} holds NaN or infinity"
    if inputs_at_fault is given:
        return NonFiniteOutputError(
            f"{what}{spoken(rows, total)}: an input of {largest_in(asked):g} is beyond the range "
            f"of the format; {_wider(conversion)}",
            index=request,
        )
    finding = _search(module, forward, given, asked)
    layer = _layer_to_keep(finding.origin, module, conversion)
    return NonFiniteOutputError(
        f"{what}{spoken(rows, total)}{_explained(finding, conversion, layer)}",
        index=request,
        layer=layer,
    )


def _search(module: "nn.Module | None", forward: "Forward", given: Given, asked: Given) -> Finding:
    if module is not None:
        try:
            return find_origin(module, forward, given, asked)
        except Exception as error:  # noqa: BLE001 - the error to be told is that of the output
            _logger.debug("the layer at fault was not found: %r", error)
    return Finding(None, None)


def _alone(given: Given) -> Any:  # noqa: ANN401 - what a model is given
    """The one input if there is only one, such as a list of pictures."""
    args, kwargs = given
    return args[0] if len(args) == 1 and not kwargs else given


def _explained(finding: Finding, conversion: "Conversion", layer: str | None) -> str:
    origin = finding.origin
    if finding.in_float32 and not (origin and is_within(origin.name, conversion.emptied)):
        where = f"; it appears {_place_of(origin)}" if origin else ""
        return f", and so does its output in float32: it is not the precision{where}"
    if origin is None:
        return f"; {_wider(conversion)}"
    return f", first {_place_of(origin)}{_why(finding, origin)}; {_advice(layer, conversion)}"


def _place_of(origin: Origin) -> str:
    if not origin.name:
        before = f", before layer {origin.before}" if origin.before else ""
        return f"in the code of {origin.kind} itself{before}"
    return f"in layer {origin.name} ({origin.kind})"


def _why(finding: Finding, origin: Origin) -> str:
    if finding.in_float32:
        return ", some of whose weights are too small for the format and became 0"
    facts = []
    if origin.largest_input is not None:
        facts.append(f"is given numbers up to {origin.largest_input:g}")
    if origin.largest_in_float32 is not None:
        facts.append(f"gives numbers up to {origin.largest_in_float32:g} in float32")
    return f", which {' and '.join(facts)}" if facts else ""


def _advice(layer: str | None, conversion: "Conversion") -> str:
    if layer is None:
        return _wider(conversion)
    return f"{_wider(conversion)}, or with keep_float32={[*conversion.kept, layer]}"


def _layer_to_keep(
    origin: Origin | None, module: "nn.Module | None", conversion: "Conversion"
) -> str | None:
    """The layer that makes the numbers, or that cannot take what kept ones hand on."""
    if origin is None or module is None:
        return None
    name = origin.name or (origin.before if conversion.kept else None)
    return outermost_form(core_of(module), name) if name else None


def _wider(conversion: "Conversion") -> str:
    return f"load with precision='{conversion.precision.wider}'"
