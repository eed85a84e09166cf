"""From an opened archive to a model whose handler runs in this process."""

import uuid
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from archiver import Archive, Limits
from ts_sdk.blame import explain
from ts_sdk.cache import ExtractionCache
from ts_sdk.config import ModelConfig
from ts_sdk.context import SERVER_VERSION, Context
from ts_sdk.devices import device_name
from ts_sdk.entry_points import EntryPoint, enveloped, find_handler, handler_given
from ts_sdk.errors import (
    DeviceUnavailableError,
    HandlerLoadError,
    LoadError,
    PrecisionError,
)
from ts_sdk.handler import BaseHandler
from ts_sdk.imports import ArchiveCode
from ts_sdk.mapped_weights import map_weights
from ts_sdk.metrics import Metrics
from ts_sdk.model import Model
from ts_sdk.model_facts import ModelFacts
from ts_sdk.precision import Precision, set_precision
from ts_sdk.runtime.awaiting import Loop
from ts_sdk.runtime.in_process import Behaviour, InProcessRunner
from ts_sdk.timing import PhaseTimes
from ts_sdk.tuned.applying import Tuned

Isolation = Literal["archive", "process", "venv"]
"""How far a handler is kept from the program; see `load`."""


@dataclass(frozen=True)
class LoadOptions:
    """The caller's wishes; see `load`."""

    device: str | None
    precision: str | None
    keep_float32: tuple[str, ...] | None
    trust_pickle: bool
    isolation: Isolation
    envelope: str | None
    response_timeout_s: float | None
    startup_timeout_s: float | None
    cache: ExtractionCache | None
    limits: Limits
    threads: int | None = None
    """How many threads torch computes with in a process of its own; None lets it choose."""
    batch_size: int | None = None
    """Most requests in one batch; None takes what the config says."""
    tuned: Tuned | None = None
    """What goes before the config, as it was found to be best on this machine."""

    def __post_init__(self) -> None:
        """Refuse what is easily given in place of a cache.

        Raises:
            TypeError: It is another thing, such as a path.
        """
        if self.cache is not None and not hasattr(self.cache, "lease"):
            raise TypeError(
                f"cache must be an ExtractionCache, not {self.cache!r}; for a folder of your own, "
                "ts_sdk.ExtractionCache(folder)"
            )


@dataclass(frozen=True)
class Given:
    """What a program hands over itself, in place of files of the archive and of what is made anew.

    Attributes:
        handler: A handler's class or function; None where the archive has it.
        give_module: Makes the model, for `BaseHandler.initialize`; None where the archive has it.
        metrics: Where the handler's metrics go; None makes a registry of its own.
        times: Takes the time of each phase; None makes one of its own.
    """

    handler: type | Callable[..., Any] | None = None
    give_module: Callable[[], Any] | None = None
    metrics: Metrics | None = None
    times: PhaseTimes | None = None


NOTHING_GIVEN = Given()


def start(
    archive: Archive,
    options: LoadOptions,
    times: PhaseTimes,
    resources: ExitStack,
    given: Given = NOTHING_GIVEN,
) -> Model:
    """Start an archive's handler in this process.

    Args:
        archive: The opened archive.
        options: The caller's wishes.
        times: Takes the time of each phase.
        resources: Takes what has to be let go of again; the model's, when it is returned.
        given: What is not the archive's.

    Raises:
        LoadError: As for `ts_sdk.load`; so are the others.
    """
    cache = options.cache or ExtractionCache()
    mapped = map_weights(archive, cache, times)
    folder = _folder_of(
        archive, cache, times, resources, without=None if mapped is None else mapped.name
    )
    config = config_of(archive, folder, options.tuned)
    facts = facts_of(archive, config, options)
    code = ArchiveCode(
        folder, keep_bytecode=archive.form != "folder", alone=options.isolation != "archive"
    )
    resources.callback(code.close)
    if options.trust_pickle:
        code.trust_pickles()
    loop = Loop()
    resources.callback(loop.close)
    context = context_for(archive, folder, config, facts, trust_pickle=options.trust_pickle)
    keep_float32 = _layers_kept(config, options, facts.precision)
    context.system_properties["keep_float32"] = keep_float32
    if mapped is not None:
        context.system_properties["mapped_weights"] = mapped.content
    _hand_over(given, context)
    with code.starting():
        with times.measure("import handler"):
            entry = _entry_of(archive, code, given)
        with times.measure("initialize"):
            _initialize(entry, context, folder, loop)
        _set_precision(entry, facts, keep_float32)
        entry = enveloped(entry, options.envelope or archive.manifest.model.envelope, code, loop)
    runner = InProcessRunner(
        Behaviour(facts.name, facts.stateful, _is_concurrent(entry, config)),
        entry,
        context,
        code,
        times,
        loop,
        resources.pop_all(),
    )
    return Model(facts, runner, times)


def _hand_over(given: Given, context: Context) -> None:
    """Put what is *given* where `BaseHandler` and the handler's code look for it."""
    if given.give_module is not None:
        context.system_properties["give_module"] = given.give_module
    if given.metrics is not None:
        context.metrics = given.metrics


def _entry_of(archive: Archive, code: ArchiveCode, given: Given) -> EntryPoint:
    if given.handler is not None:
        return handler_given(code, given.handler)
    return find_handler(code, archive.manifest.model.handler or "base_handler")


def _is_concurrent(entry: EntryPoint, config: ModelConfig) -> bool:
    """Whether batches may be handled at the same time: the class or the config says so."""
    says_so = vars(type(entry.handler)).get("concurrent") is True
    return says_so or config.asynchronous


def _layers_kept(
    config: ModelConfig, options: LoadOptions, precision: Precision
) -> tuple[str, ...]:
    """The layers that stay in float32; those that the config names are for its own precision."""
    if options.keep_float32 is None:
        return config.keep_float32
    if options.keep_float32 and precision is Precision.FLOAT32:
        raise PrecisionError(
            f"keep_float32 names {', '.join(options.keep_float32)}, and all layers compute in "
            "float32: say what the others shall compute in, such as precision='float16' "
            "(--precision float16)"
        )
    return options.keep_float32


def _folder_of(
    archive: Archive,
    cache: ExtractionCache,
    times: PhaseTimes,
    resources: ExitStack,
    *,
    without: str | None,
) -> Path:
    """The archive's members as files: the folder itself, or its place in the cache.

    That named *without* need not be there.

    Absolute, since the handler starts with the folder as its working directory.
    """
    if archive.form == "folder":
        return archive.path.resolve()
    with times.measure("extract"):
        lease = cache.lease(archive, without=(without,) if without else ())
    resources.callback(lease.release)
    return lease.folder.resolve()


def config_of(archive: Archive, folder: Path, tuned: Tuned | None = None) -> ModelConfig:
    """What the archive's `model-config.yaml`, unpacked to *folder*, says; *tuned* goes before."""
    named = archive.manifest.model.config_file
    config = ModelConfig.read(folder / named) if named else ModelConfig()
    return config if tuned is None else tuned.over(config)


def facts_of(archive: Archive, config: ModelConfig, options: LoadOptions) -> ModelFacts:
    """What is known of the model before its handler is started."""
    return ModelFacts(
        path=archive.path,
        name=archive.manifest.model.model_name,
        version=archive.manifest.model.model_version,
        device=device_name(options.device, config.device_type, config.device_ids),
        precision=Precision.parse(options.precision or config.precision or Precision.FLOAT32),
        batch_size=options.batch_size or config.batch_size,
        stateful=config.stateful,
        tuned=None if options.tuned is None else options.tuned.name,
    )


def context_for(
    archive: Archive, folder: Path, config: ModelConfig, facts: ModelFacts, *, trust_pickle: bool
) -> Context:
    """The context that `initialize` is given."""
    kind, _, index = facts.device.partition(":")
    gpu = int(index or 0) if kind == "cuda" else None
    context = Context(
        facts.name,
        str(folder),
        archive.manifest.to_dict(),
        facts.batch_size,
        gpu,
        SERVER_VERSION,
        metrics=Metrics(facts.name),
        model_yaml_config=config.values,
    )
    # TorchServe's loader does so too: what `initialize` measures is the model's, and no error.
    context.metrics.set_request_ids(str(uuid.uuid4()))
    # Beyond the old server's facts; `BaseHandler` reads them.
    context.system_properties.update(
        device=facts.device, precision=str(facts.precision), trust_pickle=trust_pickle
    )
    return context


def _initialize(entry: EntryPoint, context: Context, folder: Path, loop: Loop) -> None:
    if isinstance(entry.handler, BaseHandler):
        # Handlers whose own initialize() does not call this one's use its loading methods.
        entry.handler.context = context
    try:
        with warnings.catch_warnings():
            # Of a full pickle the caller knows who says trust_pickle=True.
            warnings.filterwarnings("ignore", "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY")
            loop.result_of(entry.initialize(context))
    except (LoadError, DeviceUnavailableError, PrecisionError):
        raise
    except (Exception, SystemExit) as error:
        raise HandlerLoadError(
            f"the handler's initialize failed: {explain(error, folder)}", phase="initialize"
        ) from error


def _set_precision(entry: EntryPoint, facts: ModelFacts, keep_float32: Sequence[str]) -> None:
    """Convert the model of a handler whose `initialize` is not `BaseHandler`'s."""
    if facts.precision is Precision.FLOAT32:
        return
    from torch import device, nn

    module: Any = getattr(entry.handler, "model", None)
    if not isinstance(module, nn.Module):
        raise PrecisionError(
            f"{facts.precision} was asked for, but the handler keeps no torch module in "
            "self.model; convert the model in its initialize() and load with precision='float32'"
        )
    placed = next(module.parameters(), None)  # its own initialize() may have chosen the device
    place = device(facts.device) if placed is None else placed.device
    set_precision(module, facts.precision, place, keep_float32=keep_float32)
