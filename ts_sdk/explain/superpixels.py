"""Superpixels: parts of a picture that end where its colours do.

Simple linear iterative clustering (Achanta et al., 2012, "SLIC superpixels compared to
state-of-the-art superpixel methods"): k-means over colour and place, in which a pixel may belong to
one of the nine centres around it. Colours are those that the model is given, each channel as far
apart as it varies.
"""

import torch
from torch.nn import functional

_ROUNDS = 10
_COMPACTNESS = 1.0
"""What a step to the next centre weighs, in standard deviations of the colours."""
_SMALLEST = 0.5
"""Of a part's mean size, from which on a piece that is connected is a part."""
_AROUND = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
_MOST_PX = 24
"""Of a picture that is divided, along each side of a part."""
_OPEN = -1
"""Stands for a pixel whose part is not known yet."""
_SIDES = ((0, 1), (0, -1), (1, 1), (1, -1))
"""Axis and step to each neighbour of a pixel."""


def superpixels(picture: torch.Tensor, cells: int) -> torch.Tensor:
    """The number of the part that each pixel belongs to, from 0 on.

    Args:
        picture: ``(C, H, W)`` floating.
        cells: How many parts there are along each side, about.

    Returns:
        ``(H, W)`` int64, on the picture's device.
    """
    # On the CPU, which adds in the same order each time.
    labels = _clustered(_reduced(picture.detach().float(), cells).cpu(), cells)
    pieces = _pieces(labels)
    parts = numbered(_without_small(pieces, labels, least=labels.numel() / cells**2 * _SMALLEST))
    # In float64, which holds the numbers as they are.
    enlarged = functional.interpolate(parts[None, None].double(), picture.shape[1:], mode="nearest")
    return enlarged[0, 0].long().to(picture.device)


def _reduced(picture: torch.Tensor, cells: int) -> torch.Tensor:
    """*picture* as small as its parts can still be told: a large one would take minutes."""
    sides = [min(side, cells * _MOST_PX) for side in picture.shape[1:]]
    if tuple(sides) == picture.shape[1:]:
        return picture
    return functional.interpolate(picture[None], sides, mode="area")[0]


def _clustered(picture: torch.Tensor, cells: int) -> torch.Tensor:
    """The number of its cluster for each pixel, ``(H, W)``; one need not be connected."""
    height, width = picture.shape[1:]
    down, across = min(cells, height), min(cells, width)
    pixels = _described(picture, down, across)
    rows = torch.arange(height) * down // height
    columns = torch.arange(width) * across // width
    # Each centre has its place in a grid, and keeps it: what moves are the pixels that are its own.
    near = [_moved(rows, columns, step, (down, across)) for step in sorted(_AROUND, key=_far)]
    labels = near[0]
    for _ in range(_ROUNDS):
        centres = _means(pixels, labels, down * across)
        labels = _nearest(pixels, centres, near)
    return labels.reshape(height, width)


def _described(picture: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """Colour and place of each pixel, ``(H * W, C + 2)``, in units in which they compare."""
    channels, height, width = picture.shape
    step = max(height / down, width / across)
    flat = picture.reshape(channels, -1)
    spread = flat.std(1, keepdim=True, unbiased=False).clamp(min=1e-6)
    weight = _COMPACTNESS * channels**0.5 / step
    places = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.cat([flat / spread, *(each.reshape(1, -1) * weight for each in places)]).T


def _far(step: tuple[int, int]) -> int:
    return abs(step[0]) + abs(step[1])


def _moved(
    rows: torch.Tensor, columns: torch.Tensor, step: tuple[int, int], grid: tuple[int, int]
) -> torch.Tensor:
    """For each pixel the centre that is a *step* from its own in the grid, or at its edge."""
    row = (rows + step[0]).clamp(0, grid[0] - 1)
    column = (columns + step[1]).clamp(0, grid[1] - 1)
    return (row[:, None] * grid[1] + column).flatten()


def _means(pixels: torch.Tensor, labels: torch.Tensor, count: int) -> torch.Tensor:
    """The mean of each part's pixels, ``(count, C + 2)``; far from all where it has none."""
    counts = torch.bincount(labels, minlength=count)[:, None]
    sums = pixels.new_zeros(count, pixels.shape[1], dtype=torch.float64)
    sums.index_add_(0, labels, pixels.double())
    means = (sums / counts.clamp(min=1)).float()
    return means.masked_fill(counts == 0, float("inf"))


def _nearest(pixels: torch.Tensor, centres: torch.Tensor, near: list[torch.Tensor]) -> torch.Tensor:
    """The nearest of the centres around each pixel; its own where several are as near."""
    labels, least = near[0], pixels.new_full((len(pixels),), float("inf"))
    for numbers in near:
        distance = (pixels - centres[numbers]).square().sum(1)
        is_nearer = distance < least
        labels = torch.where(is_nearer, numbers, labels)
        least = torch.where(is_nearer, distance, least)
    return labels


def _pieces(labels: torch.Tensor) -> torch.Tensor:
    """Another number ``(H, W)`` for each connected piece of the same label."""
    found = torch.arange(labels.numel()).reshape(labels.shape)
    beside = [(side, _beside(labels, *side, -1) == labels) for side in _SIDES]
    while True:
        before = found
        for side, is_same in beside:
            least = torch.minimum(found, _beside(found, *side, 0))
            found = torch.where(is_same, least, found)
        found = found.flatten()[found]  # the numbers are places, and that place may know a lower
        if torch.equal(found, before):
            return found


def _without_small(pieces: torch.Tensor, labels: torch.Tensor, least: float) -> torch.Tensor:
    """*pieces* with those of less than *least* pixels joined to their neighbours.

    Of each label, the largest piece is kept from a quarter of that on.

    Args:
        pieces: ``(H, W)``.
        labels: ``(H, W)``, what they are pieces of.
        least: In pixels.
    """
    sizes = torch.bincount(pieces.flatten(), minlength=pieces.numel())[pieces]
    largest = torch.zeros_like(sizes.flatten()).scatter_reduce(
        0, labels.flatten(), sizes.flatten(), "amax"
    )
    enough = largest[labels].clamp(min=least / 4, max=least)
    found = torch.where(sizes >= enough.clamp(max=int(sizes.max())), pieces, _OPEN)
    while bool((found == _OPEN).any()):
        for side in _SIDES:
            found = torch.where(found == _OPEN, _beside(found, *side, _OPEN), found)
    return found


def numbered(values: torch.Tensor) -> torch.Tensor:
    """*values* replaced by their ranks, from 0 on."""
    ranks: torch.Tensor = torch.unique(values, return_inverse=True)[1]
    return ranks


def _beside(values: torch.Tensor, axis: int, step: int, edge: int) -> torch.Tensor:
    """The value of each pixel's neighbour; *edge* where there is none."""
    moved = values.roll(step, axis)
    moved.select(axis, 0 if step > 0 else -1).fill_(edge)
    return moved
