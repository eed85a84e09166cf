"""Values as bytes on their way to another process, with no copy of a large one.

The pickler hands a large body to its file as it is, so that it is copied once, into the memory that
the processes share. Tensors travel as arrays do.
"""

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Chunk = bytes | memoryview
"""Consecutive bytes; `len` tells how many."""

_PROTOCOL = 5
_PLAIN = (dict, list, tuple, str, bytes, int, float, set, frozenset)

Foreign = Callable[[str], bool]
"""Whether the classes and functions of a module are none that the other process can import."""


@dataclass
class Packed:
    """A pickled value in pieces; it is the file that a pickler writes to."""

    chunks: list[Chunk] = field(default_factory=list)
    size_bytes: int = 0

    def write(self, content: bytes | bytearray | memoryview | pickle.PickleBuffer) -> int:
        """Take the next piece; it is not copied, so it must stay as it is until it was sent."""
        chunk = content if isinstance(content, bytes) else pickle.PickleBuffer(content).raw()
        self.chunks.append(chunk)
        self.size_bytes += len(chunk)
        return len(chunk)


def pack(value: object, foreign: Foreign | None = None) -> Packed:
    """*value*, pickled.

    Args:
        value: What to send.
        foreign: Tells of modules whose classes cannot be sent. Of one that extends a plain type,
            such as a named tuple, the plain value is sent in its place.

    Raises:
        Exception: *value* cannot be pickled; what is raised is up to its class.
    """
    packed = Packed()
    _Pickler(packed, foreign).dump(value)
    return packed


def travels(value: object, foreign: Foreign | None) -> bool:
    """Whether *value* can be sent, as far as this side can tell."""
    try:
        pack(value, foreign)
    except Exception:  # noqa: BLE001 - whatever its class raises
        return False
    return True


def unpack(data: bytes | bytearray | memoryview) -> Any:  # noqa: ANN401 - what was sent
    """The value that *data* is the pickle of; it shares no memory with *data*."""
    return pickle.loads(data)  # noqa: S301 - of our own worker, or of the program that started it


class _Pickler(pickle.Pickler):
    def __init__(self, file: Packed, foreign: Foreign | None) -> None:
        super().__init__(file, _PROTOCOL)
        self._foreign = foreign
        # Without torch there is no tensor.
        self._tensor = getattr(sys.modules.get("torch"), "Tensor", None)

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401 - the protocol's types
        """How to send *value*; asked for all but exact instances of Python's own plain types."""
        if type(value) is self._tensor:
            return _reduce_tensor(value)
        named = value if isinstance(value, type | FunctionType) else type(value)
        if self._foreign is None or not self._foreign(named.__module__):
            return NotImplemented
        plain = next((base for base in _PLAIN if isinstance(value, base)), None)
        if plain is None:
            raise pickle.PicklingError(
                f"{named.__module__}.{named.__qualname__} is the archive's own, which only the "
                "handler's process has"
            )
        return plain, (plain(value),)


def _reduce_tensor(tensor: "torch.Tensor") -> Any:  # noqa: ANN401 - the protocol's type
    """How a plain tensor on the CPU is pickled; others are pickled as torch has it."""
    import torch

    is_plain = (
        tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.requires_grad
        and not tensor.is_quantized
        and not tensor.is_complex()
    )
    if not is_plain:
        return NotImplemented
    flat: Any = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    return _tensor, (pickle.PickleBuffer(flat), str(tensor.dtype), tuple(tensor.shape))


def _tensor(data: bytearray, dtype: str, shape: tuple[int, ...]) -> "torch.Tensor":
    """What `_reduce_tensor` took apart."""
    import torch

    kind: torch.dtype = getattr(torch, dtype.removeprefix("torch."))
    if not data:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(data, dtype=torch.uint8).view(kind).reshape(shape)
