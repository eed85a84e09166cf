"""The inputs of a load: read once, and handed out so that no handler's changes are seen again."""

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from ts_sdk.rows import Request, decode

_SHARED = (bytes, bytearray, str)


class Inputs(Sequence[object]):
    """Requests that are sent again and again.

    Args:
        given: Requests, as `Model.predict` takes them; files are read now.

    Raises:
        RequestError: A file cannot be read.
    """

    def __init__(self, given: Iterable[object]) -> None:
        self._requests = [decode(each) for each in given]

    @property
    def digest(self) -> str:
        """A SHA-256 of what they hold."""
        whole = hashlib.sha256()
        for request in self._requests:
            for name, value in request.parts.items():
                content = value if isinstance(value, bytes | bytearray) else repr(value).encode()
                whole.update(f"{name} {len(content)} ".encode() + content)
        return whole.hexdigest()

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, index: int) -> object: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[object]: ...
    def __getitem__(self, index: int | slice) -> object:
        if isinstance(index, slice):
            return [_fresh(each) for each in self._requests[index]]
        return _fresh(self._requests[index])

    def __iter__(self) -> Iterator[object]:
        return (_fresh(each) for each in self._requests)


def _fresh(request: Request) -> Request:
    """*request*, with a copy of what a handler might change in it; large contents are shared."""
    if all(isinstance(value, _SHARED) for value in request.parts.values()):
        return request
    return copy.deepcopy(request)
