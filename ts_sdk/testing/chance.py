"""The random generators that a handler may draw from."""

import random

_SEED = 20_240_601


def seed_generators(offset: int = 0) -> None:
    """Seed Python's, numpy's and torch's generators; another *offset*, another seed."""
    import numpy as np
    import torch

    seed = _SEED + offset
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - handlers draw from it
    torch.manual_seed(seed)


def drawn_numbers() -> tuple[float, float, float]:
    """The next number of each generator."""
    import numpy as np
    import torch

    return random.random(), float(np.random.random()), float(torch.rand(()))  # noqa: NPY002, S311 - as above; nothing secret
