"""`make_context`: the real context, in memory, for calling a handler's methods by hand."""

import copy
import json
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ts_sdk.batch import Batch, ErrorAnswer, handling
from ts_sdk.rows import decode

if TYPE_CHECKING:
    from torch import nn

    from ts_sdk.config import ModelConfig
    from ts_sdk.context import Context


def make_context(  # noqa: PLR0913 - options given by name
    model_dir: str | os.PathLike[str] | None = None,
    *,
    model: "nn.Module | str | os.PathLike[str] | None" = None,
    model_file: str | os.PathLike[str] | None = None,
    files: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    requests: Iterable[object] = (),
    name: str = "model",
    device: str = "cpu",
    precision: str | None = None,
) -> "Exchange":
    """The context that a handler is given, and the rows to call it with.

    The context is the one that `ts_sdk.load` makes, with metrics of its own. Nobody calls the
    handler but you.

    Args:
        model_dir: A model's folder, used in place; None makes one of *model*, *model_file* and
            *files*, which is removed when the exchange is closed, or when nothing refers to it.
        model: As for `ts_sdk.testing.load_handler`.
        model_file: The file with the model's class.
        files: Name → content of further files.
        config: What `model-config.yaml` says, in place of the folder's.
        requests: The batch, each as for `Model.predict`.
        name: The model's name; that of a folder stands in its manifest.
        device: Where the model runs: ``cpu``, ``cuda:1``, ``auto``, ...
        precision: What it computes in; None takes the config's, else ``float32``.

    Returns:
        The context with its rows, to be used in a ``with`` statement.

    Raises:
        ConfigError: The config is wrong.
        DeviceUnavailableError: *device* is not there.
        RequestError: A request cannot be read.
    """
    from ts_sdk.testing.building import HandlerSources

    asked = [decode(each) for each in requests]
    if model_dir is not None:
        if model is not None or model_file is not None or files is not None:
            raise ValueError(
                "model_dir is used as it is: leave out model, model_file and files, or leave out "
                "model_dir and give its files as files="
            )
        return Exchange(_context_of(Path(model_dir), config, device, precision), asked)
    folder = _MadeFolder()
    HandlerSources("base_handler", model, model_file, files or {}, config, name).write(folder.path)
    context = _context_of(folder.path, None, device, precision)
    if model is not None and "serializedFile" not in context.manifest["model"]:
        context.system_properties["give_module"] = partial(copy.deepcopy, model)
    return Exchange(context, asked, folder)


class Exchange:
    """A batch of requests, and the context that a handler is given with them.

    In a ``with`` statement it is the batch being handled, so that a handler's methods can be called
    one by one: `reject` knows the batch, and metrics have its request ids.

    Attributes:
        context: The real `ts_sdk.Context`, with the requests' headers; what a handler sets in it
            (statuses, headers, metrics) is read there.
        rows: What `handle` and `preprocess` are given: a dict for each request.
        pieces: For each request, the pieces of its answer that were sent before the last one.
    """

    context: "Context"
    rows: list[dict[str, Any]]
    pieces: list[list[Any]]

    def __init__(
        self,
        archive: "Context",
        requests: Iterable[object],
        folder: "_MadeFolder | None" = None,
        *,
        first: "Exchange | None" = None,
    ) -> None:
        from ts_sdk.runtime.streaming import Stream

        asked = [decode(each) for each in requests]
        self.context = archive.for_batch(
            [request.all_headers for request in asked], [str(uuid.uuid4()) for _ in asked]
        )
        self.rows = [dict(request.parts) for request in asked]
        self.pieces = [[] for _ in asked]
        self._for_reading = copy.copy(self.context)
        # As under `Model`, a context that a handler keeps answers for the batch that is running.
        self.context.finish()
        self._for_handler = self.context
        self._archive = archive
        self._folder = folder
        self._first = first  # whose folder must not go while this one is in use
        self._batch = Batch(len(asked), self.context)
        self._entered = ExitStack()
        positions = range(len(asked))
        stream = Stream(lambda at, reply: self.pieces[at].append(reply.outcome), positions)
        stream.attach(self.context, positions)

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return Path(self.context.system_properties["model_dir"])

    @property
    def rejected(self) -> Mapping[int, ErrorAnswer]:
        """Position of each request that the handler has rejected → the answer in its place."""
        return dict(self._batch.rejections)

    def with_requests(self, *requests: object) -> "Exchange":
        """Another batch for the same archive, whose handler is initialised already.

        Args:
            *requests: Each as for `Model.predict`.
        """
        return Exchange(self._archive, requests, first=self)

    def close(self) -> None:
        """Remove the folder if it was made for this context; calling it twice does nothing."""
        self._entered.close()
        self.context = self._for_reading
        if self._folder is not None:
            self._folder.remove()

    def __enter__(self) -> Self:
        self._entered.enter_context(handling(self._batch))
        self.context = self._for_handler
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Exchange of {self.context.model_name!r}, {len(self.rows)} requests>"


class _MadeFolder:
    """A folder that goes with this object, at the latest when the program ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="ts-sdk-context-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _context_of(
    folder: Path, config: Mapping[str, object] | None, device: str, precision: str | None
) -> "Context":
    """The context of the archive whose members are in *folder*, as `ts_sdk.load` makes it."""
    from archiver import DEFAULT_LIMITS, Archive
    from ts_sdk.starting import LoadOptions, config_of, context_for, facts_of
    from ts_sdk.working_directory import from_program

    options = LoadOptions(
        device,
        precision,
        keep_float32=None,
        trust_pickle=False,
        isolation="archive",
        envelope=None,
        response_timeout_s=None,
        startup_timeout_s=None,
        cache=None,
        limits=DEFAULT_LIMITS,
    )
    with Archive.open(from_program(folder)) as archive:
        place = archive.path.resolve()
        settings = config_of(archive, place) if config is None else _checked(config)
        facts = facts_of(archive, settings, options)
        context = context_for(archive, place, settings, facts, trust_pickle=False)
    context.system_properties["keep_float32"] = settings.keep_float32
    return context


def _checked(config: Mapping[str, object]) -> "ModelConfig":
    from ts_sdk.config import ModelConfig

    return ModelConfig.parse(json.dumps(config).encode(), "config")  # YAML reads JSON
