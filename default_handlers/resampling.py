"""Bilinear resampling of score maps and masks at positions that need not be evenly spaced."""

import torch

_ROWS, _COLUMNS = -2, -1


def resampled(maps: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """*maps* at the crossings of *rows* and *columns*.

    For evenly spaced positions the same as `torch.nn.functional.interpolate`, ``bilinear`` and
    without ``align_corners``, gives; positions beyond the edge have the values of the edge.

    Args:
        maps: ``(…, h, w)`` floats.
        rows: Positions down, ``(H,)``; the first pixel's centre is at 0.
        columns: Positions across, ``(W,)``.

    Returns:
        ``(…, H, W)``.
    """
    return _interpolated(_interpolated(maps, rows, _ROWS), columns, _COLUMNS)


def _interpolated(maps: torch.Tensor, positions: torch.Tensor, dimension: int) -> torch.Tensor:
    last = maps.shape[dimension] - 1
    positions = positions.to(maps.device).clamp(0, last)
    low = positions.floor().long()
    weights = (positions - low).to(maps.dtype)
    if dimension == _ROWS:
        weights = weights[:, None]
    high = (low + 1).clamp(max=last)
    below, above = (_taken(maps, each, dimension) for each in (low, high))
    return torch.lerp(below, above, weights)


def _taken(maps: torch.Tensor, places: torch.Tensor, dimension: int) -> torch.Tensor:
    if dimension == _ROWS:
        return maps.index_select(_ROWS, places)
    # Six times as fast as `index_select` is along the last dimension.
    return maps.gather(_COLUMNS, places.expand(*maps.shape[:-1], len(places)))
