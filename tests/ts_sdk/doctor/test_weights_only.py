"""The list of what `torch.load` reads as weights is torch's own."""

import pytest
from torch._weights_only_unpickler import _get_allowed_globals

from archiver.inspection.weights_only import is_allowed


@pytest.mark.parametrize("full", sorted(_get_allowed_globals()))
def test_what_torch_accepts_is_accepted(full):
    assert is_allowed(full)


@pytest.mark.parametrize(
    "full",
    [
        "__main__.Net",
        "builtins.getattr",
        "collections.defaultdict",
        "functools.partial",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "posix.system",
        "torch._utils._rebuild_xla_tensor",
        "torch.hub.load",
        "torch.intern",
        "torch.jit._pickle.build_intlist",
        "torch.nn.modules.linear.Linear",
        "torch.per_token_something.x",
        "torch.serialization.load",
        "torchvision.models.resnet.ResNet",
    ],
)
def test_what_torch_refuses_is_refused(full):
    assert full not in _get_allowed_globals()
    assert not is_allowed(full)
