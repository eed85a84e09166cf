"""Where the models under test come from: an archive, or a handler's class with its files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ts_sdk.testing.building import Handler, HandlerSources, load_handler

if TYPE_CHECKING:
    from ts_sdk.model import Model


class ArchiveSource:
    """Models of a ``.mar``, a ``.tar.gz`` or a folder of sources.

    Args:
        path: The archive.
        **options: Those of `ts_sdk.load` that hold for each model.
    """

    handler = None
    """The archive has it."""

    def __init__(self, path: str | os.PathLike[str], **options: Any) -> None:  # noqa: ANN401 - as `load`
        self.path = Path(path)
        self._options = options

    @property
    def name(self) -> str:
        """The archive's name."""
        return self.path.name

    @contextmanager
    def code(self) -> Iterator[Path]:
        """The archive."""
        yield self.path

    def load(self, **options: Any) -> "Model":  # noqa: ANN401 - as `load`
        """A model that nobody else has."""
        from ts_sdk.loader import load

        return load(self.path, **{**self._options, **options})


class HandlerSource:
    """Models of a handler's class with a model and files.

    Args:
        handler: As for `load_handler`.
        **options: Those of `load_handler` that hold for each model.
    """

    path = None
    """There is no archive."""

    def __init__(self, handler: Handler, **options: Any) -> None:  # noqa: ANN401 - as `load_handler`
        self.handler = handler
        self._options = options

    @property
    def name(self) -> str:
        """The handler's name."""
        return getattr(self.handler, "__name__", str(self.handler))

    @contextmanager
    def code(self) -> Iterator[Path | None]:
        """A folder with a handler's file and the files beside it; None for a class or function."""
        if not isinstance(self.handler, str | os.PathLike):
            yield None
            return
        files, model_file = self._options.get("files") or {}, self._options.get("model_file")
        with tempfile.TemporaryDirectory(prefix="ts-sdk-handler-") as folder:
            HandlerSources(self.handler, None, model_file, files, None, None).write(Path(folder))
            yield Path(folder)

    def load(self, **options: Any) -> "Model":  # noqa: ANN401 - as `load_handler`
        """A model that nobody else has."""
        return load_handler(self.handler, **{**self._options, **options})


def source_of(given: Handler, **options: Any) -> ArchiveSource | HandlerSource:  # noqa: ANN401 - as above
    """The source that *given* is: an archive or folder that exists, else a handler."""
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if path.is_dir() or path.suffix in (".mar", ".gz", ".tgz"):
            return ArchiveSource(path, **options)
    return HandlerSource(given, **options)
