"""Which class or object an explanation is for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy import bool_
from numpy.typing import NDArray

from ts_sdk.errors import ExplanationError
from ts_sdk.explain.tasks import (
    Score,
    Target,
    Task,
    against,
    class_scores,
    classes_of_pixels,
    objects_in,
    score_of_class,
    score_of_object,
    size_of_pixels,
)

Names = Mapping[str, str] | None
"""Class number as text → class name; None without names."""
Wanted = int | str | bytes | None
"""A class's number or name, as text or bytes too; None for the prediction."""
Inside = Callable[[tuple[int, int]], NDArray[bool_]]
"""From the width and height of a segmentation to which of its pixels are in a region."""


@dataclass(frozen=True)
class Aim:
    """What is explained.

    Attributes:
        target: The class or object.
        score: How its score is read from an output.
        region: Of a segmentation, the pixels ``(H, W)`` over which the score is summed.
    """

    target: Target
    score: Score
    region: torch.Tensor | None = None


def target_in(
    output: Any,  # noqa: ANN401 - whatever a model gives
    task: Task,
    wanted: Wanted,
    names: Names,
    *,
    is_binary: bool = False,
    inside: Inside | None = None,
) -> Aim:
    """What is to be explained, and how its score is read from an output.

    Args:
        output: What the model gave for the input, of which there is one.
        task: What the output is about.
        wanted: The class, or the place of an object.
        names: The classes' names.
        is_binary: Whether a single score is that of class 1 against class 0.
        inside: The region of a segmentation; None for all pixels that are of the class.

    Raises:
        ExplanationError: There is no such class, object or region, or there are several.
    """
    wanted = _spoken(wanted)
    if inside is not None and task is not Task.SEGMENTATION:
        raise ExplanationError(
            f"a region is of the classes of pixels, and this is a {task}: give a target alone"
        )
    if task is Task.DETECTION:
        return _object(output, wanted, names)
    scores = class_scores(output)[0]
    count = scores.shape[0]
    both = is_binary and count == 1
    region = None if inside is None else _region(output, inside)
    if wanted is not None:
        index = _number(wanted, names, 2 if both else count)
    elif task is Task.SEGMENTATION:
        index = _most_common(output, region) if both or count > 1 else 0
    else:
        index = int(scores[0] > 0) if both else int(scores.argmax())
    if task is Task.SEGMENTATION and region is None:
        region = _region_of_class(output, index if both or count > 1 else 1)
    score = score_of_class(0 if both else index, region)
    score = against(score) if both and index == 0 else score
    return Aim(Target(index, _name(index, names), float(score(output)[0])), score, region)


def _region(output: Any, inside: Inside) -> torch.Tensor:  # noqa: ANN401 - as above
    device = class_scores(output).device
    return torch.from_numpy(inside(size_of_pixels(output))).to(device)


def _region_of_class(output: Any, index: int) -> torch.Tensor:  # noqa: ANN401 - as above
    """The pixels that are of class *index*; all of them where none is."""
    region = classes_of_pixels(output) == index
    return region if region.any() else torch.ones_like(region)


def _most_common(output: Any, region: torch.Tensor | None) -> int:  # noqa: ANN401 - as above
    """The class of most pixels in *region*, but background where there is anything else."""
    classes = classes_of_pixels(output)
    counts = torch.bincount(classes.flatten() if region is None else classes[region], minlength=1)
    foreground = counts.clone()
    foreground[0] = 0
    return int((foreground if foreground.any() else counts).argmax())


def _object(output: Any, wanted: int | str | None, names: Names) -> Aim:  # noqa: ANN401 - as above
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
    return Aim(target, score_of_object(box, label))


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
