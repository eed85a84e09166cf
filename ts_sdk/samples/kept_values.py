"""The values of a request's parts as the bytes of files, and back again, exactly."""

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ts_sdk.errors import RequestError
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.json_text import json_text

if TYPE_CHECKING:
    import torch

BYTES = "bytes"
"""A `bytearray`, as TorchServe's worker hands over what is neither JSON nor text."""
_IMMUTABLE_BYTES = "immutable-bytes"
_TEXT = "text"
_JSON = "json"
_ARRAY = "array"
_TENSOR = "tensor"

_JSON_SCALARS = (str, int, float, bool, type(None))
_ARRAY_KINDS = "biufcSUmM"
_AS_INTEGERS = {"bfloat16": "uint16"}
"""Torch's types that NumPy lacks, and the integers as which `.npy` files hold their bits."""
_SUFFIX_OF_TYPE = {
    "application/gzip": ".gz",
    "application/pdf": ".pdf",
    "application/x-npy": ".npy",
    "application/zip": ".zip",
    "audio/flac": ".flac",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/xml": ".xml",
    "video/mp4": ".mp4",
}
_TYPE_OF_MARK = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF", "application/pdf"),
    (0, b"\x93NUMPY", "application/x-npy"),
    (0, b"PK\3\4", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
)
"""What bytes are that have a mark at a place."""


@dataclass(frozen=True)
class KeptValue:
    """A value, as a file keeps it.

    Attributes:
        content: The file's bytes: those that come over the wire, where the value has come so.
        suffix: What the file's name ends with.
        how: What the bytes stand for: ``bytes``, ``immutable-bytes``, ``text``, ``json``, ``array``
            or ``tensor``.
        dtype: Of a tensor whose type NumPy lacks, its name.
    """

    content: bytes
    suffix: str
    how: str
    dtype: str | None = None


def keep(value: object, content_type: str | None) -> KeptValue:
    """Bring a part's value into the form of a file.

    Args:
        value: Bytes, text, a JSON value, a NumPy array of numbers, texts or times, or a dense
            tensor, which is kept without its gradients and its device.
        content_type: What it was sent as, for the file's suffix.

    Raises:
        SampleError: It is none of these, and would come back as something else.
    """
    kind = type(value)
    if kind in (bytes, bytearray, memoryview):
        how = _IMMUTABLE_BYTES if kind is bytes else BYTES
        content = bytes(value)  # type: ignore[call-overload]  # kind tells its type
        return KeptValue(content, _suffix(content, content_type), how)
    if isinstance(value, str) and kind is str:
        suffix = _SUFFIX_OF_TYPE.get(content_type or "", ".txt")
        return KeptValue(value.encode("utf-8", "surrogatepass"), suffix, _TEXT)
    # Without the library there is none of its arrays or tensors.
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and kind is numpy.ndarray:
        return _kept_array(value)
    if torch is not None and isinstance(value, torch.Tensor):
        return _kept_tensor(value)
    return KeptValue(_json_bytes(value), ".json", _JSON)


def restore(kept: KeptValue) -> object:
    """The value that was kept.

    Raises:
        SampleError: The bytes are not what they are said to be.
    """
    try:
        match kept.how:
            case "bytes":
                return bytearray(kept.content)
            case "immutable-bytes":
                return kept.content
            case "text":
                return kept.content.decode("utf-8", "surrogatepass")
            case "json":
                return json.loads(kept.content.decode())
            case "array":
                return _array_in(kept.content)
            case "tensor":
                return _tensor_in(kept.content, kept.dtype)
            case other:
                known = f"{BYTES}, {_IMMUTABLE_BYTES}, {_TEXT}, {_JSON}, {_ARRAY}, {_TENSOR}"
                raise SampleError(f"a value cannot be kept as {other!r}: known are {known}")
    except (ValueError, RecursionError, TypeError, RequestError) as error:
        raise SampleError(f"the content is no {kept.how}: {error}") from error


def content_type_of(content: bytes) -> str:
    """What bytes are, as far as their beginning tells."""
    found = (kind for at, mark, kind in _TYPE_OF_MARK if content.startswith(mark, at))
    return next(found, "application/octet-stream")


def _suffix(content: bytes, content_type: str | None) -> str:
    """The suffix for a file of bytes: by their content type, or else by how they begin."""
    said = (content_type or "").partition(";")[0].strip().lower()
    kind = said if said in _SUFFIX_OF_TYPE else content_type_of(content)
    return _SUFFIX_OF_TYPE.get(kind, ".bin")


def _json_bytes(value: object) -> bytes:
    """*value* as JSON, made sure that it comes back as it is."""
    try:
        _refuse_other_than_json(value)
        return json_text(value, indent=1).encode()
    except (ValueError, RecursionError) as error:
        raise SampleError(f"a {type(value).__name__} cannot be kept as JSON: {error}") from error


def _refuse_other_than_json(value: object) -> None:
    if isinstance(value, dict) and type(value) is dict:
        if any(type(key) is not str for key in value):
            raise SampleError("a dict whose keys are not all texts cannot be kept as JSON")
        for item in value.values():
            _refuse_other_than_json(item)
    elif isinstance(value, list) and type(value) is list:
        for item in value:
            _refuse_other_than_json(item)
    elif type(value) not in _JSON_SCALARS:
        raise SampleError(
            f"a value of type {type(value).__name__} cannot be kept: a stored request holds bytes, "
            "text, JSON (lists, dicts with texts as keys, numbers), whole arrays and tensors"
        )


def _kept_array(array: Any) -> KeptValue:  # noqa: ANN401 - an array of any type
    import numpy as np

    if array.dtype.kind not in _ARRAY_KINDS:
        raise SampleError(
            f"an array of {array.dtype} cannot be kept: give one of numbers, texts or times"
        )
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return KeptValue(file.getvalue(), ".npy", _ARRAY)


def _kept_tensor(tensor: "torch.Tensor") -> KeptValue:
    import torch

    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        raise SampleError("a tensor that is sparse, quantized or on 'meta' cannot be kept")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    as_integers = _integers_for(name)
    if as_integers is not None:
        plain = plain.contiguous().view(getattr(torch, as_integers))
    try:
        array = plain.numpy()
    except (TypeError, RuntimeError) as error:
        raise SampleError(f"a tensor of {tensor.dtype} cannot be kept: {error}") from error
    kept = _kept_array(array)
    return KeptValue(kept.content, kept.suffix, _TENSOR, None if as_integers is None else name)


def _integers_for(dtype: str) -> str | None:
    return "uint8" if dtype.startswith("float8_") else _AS_INTEGERS.get(dtype)


def _array_in(content: bytes) -> Any:  # noqa: ANN401 - as above
    from ts_sdk.tensors.npy import read_npy

    # A copy can be written to, as the array that was kept could.
    return read_npy(content).copy(order="K")


def _tensor_in(content: bytes, dtype: str | None) -> "torch.Tensor":
    import torch

    array = _array_in(content)
    tensor = torch.from_numpy(array if array.flags.c_contiguous else array.copy(order="C"))
    if dtype is None:
        return tensor
    as_integers, wanted = _integers_for(dtype), getattr(torch, dtype, None)
    if as_integers is None or not isinstance(wanted, torch.dtype):
        raise SampleError(f"a tensor's type cannot be {dtype!r}")
    if tensor.dtype is not getattr(torch, as_integers):
        raise SampleError(f"a tensor of {dtype} is kept as {as_integers}, and not {tensor.dtype}")
    return tensor.view(wanted)
