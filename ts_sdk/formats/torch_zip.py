"""Whether a zip of PyTorch's has the numbers that its pickles speak of.

torch takes the pickles' word for it, and then reads past the end of what is there: of TorchScript
into other memory, of a mapped state dict into the next tensor.
"""

import io
import pickle
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Self

from ts_sdk.errors import ModelFormatError

# A pickle → the folder of its numbers.
_PICKLES = {"data.pkl": "data", "constants.pkl": "constants"}
_MOST_PICKLE_BYTES = 256 << 20  # a million tensors take less
_STORAGE = "storage"
_PARTS_OF_STORAGE = 5
_ITEM_BYTES = {
    "BFloat16Storage": 2,
    "BoolStorage": 1,
    "ByteStorage": 1,
    "CharStorage": 1,
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "IntStorage": 4,
    "LongStorage": 8,
    "QInt32Storage": 4,
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "ShortStorage": 2,
    "UntypedStorage": 1,
}


def refuse_missing_numbers(path: Path) -> None:
    """Raise when the zip in *path* says of itself that it holds more numbers than it does.

    Raises:
        ModelFormatError: It does. Of what is damaged in another way, nothing is said.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            wanted = list(_storages(archive, sizes))
    except Exception:  # noqa: BLE001 - damaged, or nothing of PyTorch's: torch says it
        return
    for name, size in wanted:
        if sizes.get(name, 0) < size:
            raise ModelFormatError(
                f"{path.name} is damaged: {name} in it has {sizes.get(name, 0):,} bytes, and "
                f"{size:,} belong to it: save or copy it again"
            )


def _storages(archive: zipfile.ZipFile, sizes: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Each entry that the pickles in *archive* speak of, and how many bytes it should have."""
    for name, size in sizes.items():
        folder, _, file = name.rpartition("/")
        if file in _PICKLES and "/" not in folder and size <= _MOST_PICKLE_BYTES:
            reader = _Reader(io.BytesIO(archive.read(name)))
            reader.load()
            for key, wanted in reader.found:
                yield f"{folder}/{_PICKLES[file]}/{key}", wanted


class _Inert:
    """Stands for whatever a pickle imports, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> "_Inert":
        return self

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        pass

    def extend(self, values: object) -> None:
        pass


@cache
def _inert(name: str) -> type[_Inert]:
    return type(name, (_Inert,), {})


class _Reader(pickle.Unpickler):
    """Reads a pickle without importing anything, and notes what it says of storages.

    Attributes:
        found: Key of a storage, and its size in bytes.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.found: list[tuple[str, int]] = []

    def find_class(self, _module: str, name: str) -> Any:  # noqa: ANN401 - the base's signature
        return _inert(name)

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401 - as above
        if isinstance(pid, tuple) and len(pid) == _PARTS_OF_STORAGE and pid[0] == _STORAGE:
            _, kind, key, _, count = pid
            item_bytes = _ITEM_BYTES.get(getattr(kind, "__name__", ""))
            if item_bytes is not None:
                self.found.append((str(key), item_bytes * int(count)))
        return _Inert()
