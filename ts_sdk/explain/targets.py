"""Which class or object an explanation is for."""

from collections.abc import Mapping
from typing import Any

import torch

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.tasks import (
    Score,
    Target,
    Task,
    against,
    class_scores,
    objects_in,
    score_of_class,
    score_of_object,
)

Names = Mapping[str, str] | None
"""Class number as text → class name; None without names."""
Wanted = int | str | bytes | None
"""A class's number or name, as text or bytes too; None for the prediction."""


def target_in(
    output: Any,  # noqa: ANN401 - whatever a model gives
    task: Task,
    wanted: Wanted,
    names: Names,
    *,
    is_binary: bool = False,
) -> tuple[Target, Score]:
    """What is to be explained, and how its score is read from an output.

    Args:
        output: What the model gave for the input, of which there is one.
        task: What the output is about.
        wanted: The class, or the place of an object.
        names: The classes' names.
        is_binary: Whether a single score is that of class 1 against class 0.

    Raises:
        ExplanationError: There is no such class or object, or there are several.
    """
    wanted = _spoken(wanted)
    if task is Task.DETECTION:
        return _object(output, wanted, names)
    scores = class_scores(output)[0]
    count = scores.shape[0]
    both = is_binary and count == 1
    if wanted is None:
        index = int(scores[0] > 0) if both else _predicted(output, scores, task)
    else:
        index = _number(wanted, names, 2 if both else count)
    score = score_of_class(output, 0 if both else index)
    score = against(score) if both and index == 0 else score
    return Target(index, _name(index, names), float(score(output)[0])), score


def _predicted(output: Any, scores: torch.Tensor, task: Task) -> int:  # noqa: ANN401 - as above
    """The class of the highest score; of a segmentation, that of most pixels but background."""
    if task is Task.CLASSIFICATION or scores.shape[0] == 1:
        return int(scores.argmax())
    from ts_sdk.explain.tasks import _scores_in

    counts = torch.bincount(_scores_in(output)[0].argmax(0).flatten(), minlength=len(scores))
    foreground = counts.clone()
    foreground[0] = 0
    return int((foreground if foreground.any() else counts).argmax())


def _object(output: Any, wanted: int | str | None, names: Names) -> tuple[Target, Score]:  # noqa: ANN401 - as above
    found = objects_in(output)
    count = len(found["scores"])
    if not count:
        raise ExplanationError(
            "the model finds no object in this picture, so there is none to be explained"
        )
    if wanted is None:
        place = int(found["scores"].argmax())
    elif isinstance(wanted, str) and not _is_number(wanted):
        label = _number(wanted, names, None)
        same = (found["labels"] == label).nonzero().flatten()
        if not len(same):
            raise ExplanationError(f"the model finds no {wanted!r} in this picture")
        place = int(same[found["scores"][same].argmax()])
    else:
        place = int(wanted)
        if not 0 <= place < count:
            raise ExplanationError(
                f"there is no object {place}: the model finds {count} here, counted from 0"
            )
    label, box = int(found["labels"][place]), found["boxes"][place].detach()
    target = Target(
        place, _name(label, names), float(found["scores"][place]), tuple(map(float, box))
    )
    return target, score_of_object(box, label)


def _spoken(wanted: Wanted) -> int | str | None:
    if isinstance(wanted, bytes | bytearray):
        wanted = wanted.decode(errors="replace")
    if isinstance(wanted, str):
        return wanted.strip() or None
    if wanted is None or (isinstance(wanted, int) and not isinstance(wanted, bool)):
        return wanted
    raise ExplanationError(
        f"target must be a class's number or name, or None for the prediction, not {wanted!r}"
    )


def _is_number(word: str) -> bool:
    return word.removeprefix("-").isdecimal()


def _number(wanted: int | str, names: Names, count: int | None) -> int:
    if isinstance(wanted, str):
        wanted = _numbered(wanted, names)
    if count is not None and not 0 <= wanted < count:
        raise ExplanationError(f"there is no class {wanted}: the model has {count}, from 0 on")
    return wanted


def _numbered(word: str, names: Names) -> int:
    known = names or {}
    found = [number for number, name in known.items() if name == word] or [
        number for number, name in known.items() if name.casefold() == word.casefold()
    ]
    if len(found) == 1:
        return int(found[0])
    if found:
        raise ExplanationError(
            f"{len(found)} classes are called {word!r}: give the number, {' or '.join(found)}"
        )
    if _is_number(word):
        return int(word)
    import difflib

    close = difflib.get_close_matches(word, known.values(), n=1)
    meant = f"did you mean {close[0]!r}?" if close else "give its number"
    if not known:
        meant = "the archive has no index_to_name.json; give its number"
    raise ExplanationError(f"there is no class {word!r}: {meant}")


def _name(index: int, names: Names) -> str:
    return (names or {}).get(str(index), str(index))
