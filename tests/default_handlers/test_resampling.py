"""Resampling is what torch's own bilinear interpolation gives."""

import pytest
import torch

from default_handlers.placement import Placement
from default_handlers.resampling import resampled


@pytest.mark.parametrize("size", [(40, 30), (7, 5), (3, 64)])
def test_evenly_spaced_positions_are_torchs_interpolate(size):
    maps = torch.rand(3, 12, 9)
    placement = Placement.unchanged(size)
    rows, columns = placement.positions(1, 12, 0, size[1]), placement.positions(0, 9, 0, size[0])
    expected = torch.nn.functional.interpolate(maps[None], (size[1], size[0]), mode="bilinear")[0]
    assert torch.allclose(resampled(maps, rows, columns), expected, atol=1e-5)


def test_positions_beyond_the_edge_have_the_values_of_the_edge():
    maps = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    at = torch.tensor([-5.0, 0.5, 5.0], dtype=torch.float64)
    assert resampled(maps, at, at).tolist() == [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]]
