"""The linear model that KernelSHAP fits: least squares by torch, where Captum asks scikit-learn."""

from collections.abc import Iterable
from typing import Any

import torch


class LeastSquares:
    """Weighted least squares with an intercept, as Captum's KernelShap calls it."""

    def __init__(self) -> None:
        self._found = torch.zeros(0)

    def fit(self, batches: Iterable[tuple[torch.Tensor, ...]]) -> dict[str, Any]:
        """Fit to batches of ``(N, K)`` inputs, ``(N,)`` outputs and ``(N,)`` weights."""
        inputs, outputs, weights = (torch.cat(parts) for parts in zip(*batches, strict=True))
        inputs, outputs = inputs.flatten(1).double(), outputs.flatten().double()
        roots = weights.flatten().double().sqrt()[:, None]
        rows = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
        # On the CPU, and by the driver that takes rows that do not decide all of the unknowns.
        solved = torch.linalg.lstsq(
            (rows * roots).cpu(), (outputs[:, None] * roots).cpu(), driver="gelsd"
        )
        self._found = solved.solution[:-1, 0].float().to(inputs.device)
        return {}

    def representation(self) -> torch.Tensor:
        """The coefficients, ``(K,)``."""
        return self._found
