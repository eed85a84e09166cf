"""The masks of objects, in the pixels of the picture that was sent."""

import numpy as np
import torch
from numpy.typing import NDArray

from default_handlers.pictures import Box, Size
from default_handlers.placement import Placement
from default_handlers.resampling import resampled

_HALF = 0.5


def mask_of(
    mask: torch.Tensor, box: torch.Tensor, seen: Size, placement: Placement, threshold: float
) -> NDArray[np.bool_]:
    """One object's mask.

    Args:
        mask: ``(h, w)``, bools or from 0 to 1: of all of what the model saw where it has as many
            pixels, else of the object's box.
        box: Left, top, right and bottom of the object, ``(4,)``, in pixels of the picture.
        seen: Width and height of what the model saw.
        placement: Where that lies in the picture.
        threshold: Least value of a pixel that is part of the object.

    Returns:
        Whether each pixel of the picture is part of the object, ``(H, W)``.
    """
    height, width = mask.shape
    if (width, height) != seen:
        # Zeros around it, as Detectron2 has them: it ends half of its own pixel within the box.
        padded = torch.nn.functional.pad(mask.to(torch.float32), (1, 1, 1, 1))
        return _pasted(padded, box, placement.size, threshold, padding=1)
    if placement.size == seen and placement.is_whole:
        inside: NDArray[np.bool_] = (mask >= threshold).cpu().numpy()
        return inside
    left, top, right, bottom = _support(mask >= threshold)
    frame = placement.boxes(torch.tensor([[left, top, right, bottom]]), seen)[0]
    part = mask[top:bottom, left:right].to(torch.float32)
    return _pasted(part, frame, placement.size, threshold)


def _support(inside: torch.Tensor) -> Box:
    """The smallest box with all that is *inside*, and one pixel more on each side."""
    spans = []
    for dimension, size in ((0, inside.shape[1]), (1, inside.shape[0])):
        found = inside.any(dim=dimension).nonzero()
        start, end = (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)
        spans.append((max(start - 1, 0), min(end + 1, size)))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def _pasted(
    mask: torch.Tensor, frame: torch.Tensor, size: Size, threshold: float, *, padding: int = 0
) -> NDArray[np.bool_]:
    """*mask* without its padding, stretched to *frame* in a picture of this size.

    The values are those at the centres of the picture's pixels; outside of the frame is nothing.
    """
    left, top, right, bottom = frame.tolist()
    pasted = np.zeros((size[1], size[0]), np.bool_)
    height, width = (side - 2 * padding for side in mask.shape)
    across, columns = _positions(left, right, width, size[0])
    down, rows = _positions(top, bottom, height, size[1])
    if across and down:
        values = resampled(mask, rows + padding, columns + padding)
        part = (values >= threshold).cpu().numpy()
        pasted[down.start : down.stop, across.start : across.stop] = part
    return pasted


def _positions(start: float, end: float, pixels: int, size: int) -> tuple[range, torch.Tensor]:
    """Which of a picture's *size* pixels have their centres from *start* to *end*.

    Returns:
        These, and where each lies among so many *pixels* between start and end.
    """
    places = torch.arange(size, dtype=torch.float64) + _HALF
    found = ((places >= start) & (places <= end)).nonzero()
    if not len(found) or end <= start:
        return range(0), places[:0]
    inside = range(int(found[0]), int(found[-1]) + 1)
    stretched = (places[inside.start : inside.stop] - start) / (end - start) * pixels - _HALF
    return inside, stretched
