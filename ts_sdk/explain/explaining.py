"""Explaining answers: the call of the model, the target, the method, the result."""

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.attributed import Attributed, Options
from ts_sdk.explain.attributing import attribute
from ts_sdk.explain.baselines import Baseline, baselines_of, described
from ts_sdk.explain.calls import Call
from ts_sdk.explain.explanation import Explanation
from ts_sdk.explain.methods import NEEDS, Form, Method, Need, best, refuse
from ts_sdk.explain.modules import Reread, explained_module, form_of
from ts_sdk.explain.quality import infidelity_of, sensitivity_of
from ts_sdk.explain.regions import Window, array_of, pixels_in, sampled
from ts_sdk.explain.subject import Subject
from ts_sdk.explain.targets import Aim, Names, Wanted, target_in
from ts_sdk.precision import Precision

if TYPE_CHECKING:
    from collections.abc import Iterator

_PICTURE = 4
_FEATURES = "features of a picture are an array (height, width) of the pixels that were sent"
_FAR = 0.1
"""Of the score's change, that attributions may miss it by without a word."""


@dataclass(frozen=True)
class Wish:
    """How requests are to be explained.

    Attributes:
        method: The method; None for the best that is right.
        baseline: What stands for nothing.
        options: Details of the method.
        features: An array with the number of the part of each value of the input; of a picture
            ``(H, W)`` of what was sent. None for what the options say.
        region: Of a segmentation, the region that is explained, as `pixels_in` takes it; None for
            the pixels of the class.
        measures: Whether infidelity and sensitivity are wanted.
        seed: Of what is drawn at random.
        on_progress: Is told how many more rows the model has answered.
    """

    method: Method | None = None
    baseline: Baseline = None
    options: Options = field(default_factory=Options)
    features: Any = None
    region: Any = None
    measures: bool = False
    seed: int = 0
    on_progress: Callable[[int], None] = lambda _rows: None


class Explainer:
    """Explains answers of one model.

    Args:
        module: The model that answers; it is left as it is.
        precision: What it computes in.
        names: The classes' names.
        is_binary: Whether a single score is that of class 1 against class 0.
        reread: Gives for a model of a converted form what it was converted from, or None.

    Raises:
        ExplanationError: It cannot be explained.
    """

    def __init__(
        self,
        module: nn.Module,
        precision: Precision,
        names: Names = None,
        *,
        is_binary: bool = False,
        reread: Reread | None = None,
    ) -> None:
        self.form: Form = form_of(module, precision)
        self._module, self._note = explained_module(module, self.form, precision, reread)
        self._names = names
        self._is_binary = is_binary

    def explain(
        self,
        call: Call,
        wanted: Wanted,
        wish: Wish,
        *,
        prediction: Any = None,  # noqa: ANN401 - what the handler answered
        window: Callable[[], Window | None] = lambda: None,
    ) -> Explanation:
        """Explain one answer.

        Args:
            call: How the handler called the model.
            wanted: The class or object to explain.
            wish: How.
            prediction: What the handler answered.
            window: Gives what the model sees of the picture, where that is of interest; None for
                all of it.

        Raises:
            ExplanationError: The method is wrong for this model, or there is no such target.
        """
        started = time.perf_counter()
        subject = Subject.of(self._module, self.form, call)
        seen = None if wish.region is None and wish.features is None else window()
        seen = seen or _whole(subject)
        aim = self._aim(subject, wanted, wish, seen)
        subject.score, subject.on_rows = aim.score, wish.on_progress
        method = wish.method or self._best(subject)
        refuse(method, self.form)
        _refuse_layer(wish, method)
        baselines = baselines_of(subject, wish.baseline)
        wish = replace(wish, options=_with_features(wish, subject, seen))
        with _seeded(wish.seed), _failures_told(method):
            found = attribute(subject, method, baselines, wish.options)
            _refuse_non_finite(method, found)
            infidelity, sensitivity = _measured(subject, method, baselines, wish, found)
        arrays = [_array(each) for each in found.attributions]
        return Explanation(
            attributions=arrays[0],
            more_attributions=tuple(arrays[1:]),
            method=method,
            target=aim.target,
            task=subject.task,
            prediction=prediction,
            form=self.form,
            baseline=described(wish.baseline, subject),
            seconds=time.perf_counter() - started,
            delta=found.delta,
            infidelity=infidelity,
            sensitivity=sensitivity,
            note=_noted(self._note, found, wish.measures and subject.is_tokens),
            region=None if aim.region is None else aim.region.cpu().numpy(),
        )

    def _aim(self, subject: Subject, wanted: Wanted, wish: Wish, seen: Window) -> Aim:
        inside = None if wish.region is None else partial(pixels_in, wish.region, seen)
        return target_in(
            subject.call.answer,
            subject.task,
            wanted,
            self._names,
            is_binary=self._is_binary,
            inside=inside,
        )

    def _best(self, subject: Subject) -> Method:
        method = best(self.form, is_tokens=subject.is_tokens)
        if method is Method.LAYER_INTEGRATED_GRADIENTS and subject.table is None:
            return Method.FEATURE_ABLATION
        return method


def _whole(subject: Subject) -> Window:
    """All of the picture that the model is given, as far as its first input is one."""
    height, width = (1, 1, *subject.inputs[0].shape)[-2:]
    return Window.whole((width, height))


def _with_features(wish: Wish, subject: Subject, window: Window) -> Options:
    """The options of *wish*, with the parts of the input that it gives."""
    if wish.features is None:
        return wish.options
    if subject.inputs[0].ndim == _PICTURE:
        height, width = subject.inputs[0].shape[-2:]
        parts = sampled(array_of(wish.features, _FEATURES), window, (width, height))
    else:
        parts = np.asarray(wish.features)
    numbers = np.unique(parts, return_inverse=True)[1].reshape(parts.shape)
    return replace(wish.options, parts=torch.from_numpy(numbers))


def _refuse_layer(wish: Wish, method: Method) -> None:
    if wish.options.layer is not None and method is not Method.GRAD_CAM:
        raise ExplanationError(
            f"a layer was given ({wish.options.layer}), which is for grad_cam, and the method is "
            f"{method}: give method='grad_cam' with it",
            alternative=Method.GRAD_CAM,
        )


def _refuse_non_finite(method: Method, found: Attributed) -> None:
    if not all(bool(each.isfinite().all()) for each in found.attributions):
        gradients = NEEDS[method] is not Need.ANSWERS
        raise ExplanationError(
            f"{method} finds NaN or infinity: the model's "
            f"{'gradients are' if gradients else 'score is'} not finite on the way from the "
            f"baseline to this input; {'take feature_ablation, or ' if gradients else ''}"
            "give another baseline",
            alternative=Method.FEATURE_ABLATION if gradients else None,
        )


def _array(found: torch.Tensor) -> "np.ndarray[Any, np.dtype[np.float32]]":
    array: np.ndarray[Any, np.dtype[np.float32]] = (
        found.detach()[0].to("cpu", torch.float32).contiguous().numpy()
    )
    return array


def _noted(note: str | None, found: Attributed, without_measures: bool) -> str | None:  # noqa: FBT001 - what was asked for
    """*note*, and what else somebody who reads the attributions should know."""
    told = [note] if note else []
    if not any(each.any() for each in found.attributions):
        told.append("all attributions are 0: nothing was found that speaks for the target")
    if (missed := _missed(found)) is not None:
        told.append(
            f"the sum misses the score's change by {missed:.0%}: take more steps or samples"
        )
    if without_measures:
        told.append("infidelity and sensitivity are not measured of tokens")
    return "; ".join(told) or None


def _missed(found: Attributed) -> float | None:
    """By which share of the score's change the attributions miss it, where that is much."""
    if found.delta is None:
        return None
    change = sum(float(each.sum()) for each in found.attributions) - found.delta
    missed = abs(found.delta) / max(abs(change), 1e-6)
    return missed if missed > _FAR else None


def _measured(
    subject: Subject,
    method: Method,
    baselines: tuple[torch.Tensor, ...],
    wish: Wish,
    found: Attributed,
) -> tuple[float | None, float | None]:
    if subject.is_tokens or not wish.measures:
        return None, None

    def again(inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        moved = replace(subject, inputs=inputs)
        return attribute(moved, method, baselines, wish.options).attributions

    return infidelity_of(subject, found.attributions), sensitivity_of(subject, again)


@contextmanager
def _failures_told(method: Method) -> "Iterator[None]":
    """Tell apart what the model cannot take from what is wrong with an explanation."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExplanationError(
            f"the model fails on what {method} gives it in place of the input ({reason}): give "
            "another baseline or take another method"
        ) from error


@contextmanager
def _seeded(seed: int) -> "Iterator[None]":
    """Draw at random what *seed* says, and leave torch's and numpy's own draws as they were."""
    state = np.random.get_state()  # noqa: NPY002 - Captum draws from it
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - as above
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002 - as above
