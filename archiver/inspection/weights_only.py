"""What `torch.load` accepts with ``weights_only=True``, told without PyTorch.

PyTorch need not be there, and takes more than a second to import. That the lists are
PyTorch's own is kept by a test, which compares them with the one that is installed.
"""

import re

_FUNCTIONS_AND_CLASSES = frozenset(
    {
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.set",
        "collections.Counter",
        "collections.OrderedDict",
        "torch.Size",
        "torch.Tensor",
        "torch._tensor._rebuild_from_type_v2",
        "torch._utils._rebuild_device_tensor_from_cpu_tensor",
        "torch._utils._rebuild_device_tensor_from_numpy",
        "torch._utils._rebuild_meta_tensor_no_storage",
        "torch._utils._rebuild_nested_tensor",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
        "torch._utils._rebuild_qtensor",
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
        "torch._utils._rebuild_wrapper_subclass",
        "torch.bool",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
    }
)
_NUMBERS = (
    "BFloat16|Bool|Byte|Char|ComplexDouble|ComplexFloat|Double|Float|Half|Int|Long|Short|"
    "QInt32|QInt8|QUInt2x4|QUInt4x2|QUInt8"
)
_TYPES = re.compile(
    rf"torch\.(?:(?:cuda\.)?(?:sparse\.)?(?:{_NUMBERS})(?:Storage|Tensor)"
    r"|(?:u?int|q?u?int|float|bfloat|complex|bcomplex|bits)\d\w*"
    r"|per_(?:tensor|channel)_\w+)"
)


def is_allowed(full: str) -> bool:
    """Whether a pickle that is read as weights only may import the name *full*."""
    return full in _FUNCTIONS_AND_CLASSES or _TYPES.fullmatch(full) is not None
