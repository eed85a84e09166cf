"""`load`: from an archive to a `Model` that answers."""

import os
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from archiver import DEFAULT_LIMITS, Archive, Limits, ModelEntry
from ts_sdk.blame import explain
from ts_sdk.cache import ExtractionCache
from ts_sdk.config import ModelConfig
from ts_sdk.context import SERVER_VERSION, Context
from ts_sdk.devices import device_wished, resolve_device
from ts_sdk.entry_points import EntryPoint, enveloped, find_handler
from ts_sdk.errors import (
    DeviceUnavailableError,
    HandlerLoadError,
    LoadError,
    PrecisionError,
)
from ts_sdk.handler import BaseHandler
from ts_sdk.imports import ArchiveCode
from ts_sdk.metrics import Metrics
from ts_sdk.model import Model, ModelFacts
from ts_sdk.precision import Precision, set_precision
from ts_sdk.runtime.awaiting import Loop
from ts_sdk.runtime.in_process import Behaviour, InProcessRunner
from ts_sdk.timing import PhaseTimes

if TYPE_CHECKING:
    import torch

Isolation = Literal["archive", "process", "venv"]
"""How far a handler is kept from the program; see `load`."""


def load(  # noqa: PLR0913 - options given by name
    path: str | os.PathLike[str],
    *,
    device: "str | torch.device | None" = None,
    precision: str | None = None,
    trust_pickle: bool = False,
    isolation: Isolation = "archive",
    envelope: str | None = None,
    response_timeout_s: float | None = None,
    startup_timeout_s: float | None = None,
    cache: ExtractionCache | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Model:
    """Open an archive and start its handler.

    An archive contains code, and loading it runs that code: load what you trust.

    Args:
        path: A ``.mar``, a ``.tar.gz`` or a folder of sources; a folder is used in place, so that
            a debugger stops inside the handler.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; None takes what the archive's
            `model-config.yaml` asks for, else ``auto``.
        precision: A word of `ts_sdk.Precision`; None takes the config's, else ``float32``.
        trust_pickle: Whether the serialized model may be a pickle of more than weights, which can
            run any code when it is read.
        isolation: ``archive`` runs the handler in this process, with its modules, environment
            variables and metrics kept apart. ``process`` gives it a process of its own, whose
            working directory is the archive's folder, as under TorchServe; one that dies or hangs
            is started again. ``venv`` does so with the packages of the archive's requirements
            file, which are installed into an environment of their own, once.
        envelope: The request envelope: ``body``, ``json``, ``kserve`` or ``kservev2``; None takes
            the manifest's.
        response_timeout_s: Seconds that a batch may take, then its process is started again; None
            takes `responseTimeout` of the config, else 120. In this process nothing is cut off.
        startup_timeout_s: Seconds that starting the process may take; None takes
            `startupTimeout` of the config, else 120.
        cache: Where archives are extracted; None takes the user's cache.
        limits: Bounds on what an archive may hold.

    Returns:
        The model, to be closed after use (it is a context manager).

    Raises:
        archiver.ArchiveError: The archive is damaged, unsafe or no archive.
        LoadError: Its handler, config or model cannot be started; the cause is chained.
        DeviceUnavailableError: *device* is not there.
        PrecisionError: The model cannot run in *precision*.
    """
    if isolation not in get_args(Isolation):
        raise ValueError(
            f"isolation must be one of {', '.join(get_args(Isolation))}, not {isolation!r}"
        )
    options = LoadOptions(
        None if device is None else str(device),
        precision,
        trust_pickle,
        isolation,
        envelope,
        response_timeout_s,
        startup_timeout_s,
        cache,
        limits,
    )
    times = PhaseTimes()
    with times.measure("open"):
        archive = Archive.open(path, limits=limits)
    with archive, ExitStack() as resources:
        try:
            if isolation != "archive":
                from ts_sdk.runtime.process import start_in_process

                return start_in_process(archive, options, times)
            return _start(archive, options, times, resources)
        except LoadError as error:
            error.archive = error.archive or archive.path
            if not archive.has_manifest:
                error.add_note(_what_was_assumed(archive.manifest.model))
            raise


def _what_was_assumed(model: ModelEntry) -> str:
    """What the archive's files were taken for, since nothing in it says what they are."""
    return (
        "there is no MAR-INF/MANIFEST.json; by their names, the handler is "
        f"{model.handler or 'unclear'}, the model file {model.model_file or 'unclear'} and the "
        f"serialized file {model.serialized_file or 'unclear'}"
    )


@dataclass(frozen=True)
class LoadOptions:
    """The caller's wishes; see `load`."""

    device: str | None
    precision: str | None
    trust_pickle: bool
    isolation: Isolation
    envelope: str | None
    response_timeout_s: float | None
    startup_timeout_s: float | None
    cache: ExtractionCache | None
    limits: Limits


def _start(
    archive: Archive, options: LoadOptions, times: PhaseTimes, resources: ExitStack
) -> Model:
    folder = _folder_of(archive, options.cache, times, resources)
    config = _config_of(archive, folder)
    facts = _facts_of(archive, config, options)
    code = ArchiveCode(folder, keep_bytecode=archive.form != "folder")
    resources.callback(code.close)
    loop = Loop()
    resources.callback(loop.close)
    context = _context_for(archive, folder, config, facts, trust_pickle=options.trust_pickle)
    with code.starting():
        with times.measure("import handler"):
            entry = find_handler(code, archive.manifest.model.handler or "base_handler")
        with times.measure("initialize"):
            _initialize(entry, context, folder, loop)
        _set_precision(entry, facts)
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


def _is_concurrent(entry: EntryPoint, config: ModelConfig) -> bool:
    """Whether batches may be handled at the same time: the class or the config says so."""
    says_so = vars(type(entry.handler)).get("concurrent") is True
    return says_so or config.asynchronous


def _folder_of(
    archive: Archive, cache: ExtractionCache | None, times: PhaseTimes, resources: ExitStack
) -> Path:
    """The archive's members as files: the folder itself, or its place in the cache.

    Absolute, since the handler starts with the folder as its working directory.
    """
    if archive.form == "folder":
        return archive.path.resolve()
    with times.measure("extract"):
        lease = (cache or ExtractionCache()).lease(archive)
    resources.callback(lease.release)
    return lease.folder.resolve()


def _config_of(archive: Archive, folder: Path) -> ModelConfig:
    named = archive.manifest.model.config_file
    return ModelConfig.read(folder / named) if named else ModelConfig()


def _facts_of(archive: Archive, config: ModelConfig, options: LoadOptions) -> ModelFacts:
    return ModelFacts(
        path=archive.path,
        name=archive.manifest.model.model_name,
        version=archive.manifest.model.model_version,
        device=(
            resolve_device(options.device)
            if options.device is not None
            else device_wished(config.device_type, config.device_ids)
        ),
        precision=Precision.parse(options.precision or config.precision or Precision.FLOAT32),
        batch_size=config.batch_size,
        stateful=config.stateful,
    )


def _context_for(
    archive: Archive, folder: Path, config: ModelConfig, facts: ModelFacts, *, trust_pickle: bool
) -> Context:
    gpu = (facts.device.index or 0) if facts.device.type == "cuda" else None
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
        device=str(facts.device), precision=str(facts.precision), trust_pickle=trust_pickle
    )
    return context


def _initialize(entry: EntryPoint, context: Context, folder: Path, loop: Loop) -> None:
    if isinstance(entry.handler, BaseHandler):
        # Handlers whose own initialize() does not call this one's use its loading methods.
        entry.handler.context = context
    try:
        loop.result_of(entry.initialize(context))
    except (LoadError, DeviceUnavailableError, PrecisionError):
        raise
    except (Exception, SystemExit) as error:
        raise HandlerLoadError(
            f"the handler's initialize failed: {explain(error, folder)}", phase="initialize"
        ) from error


def _set_precision(entry: EntryPoint, facts: ModelFacts) -> None:
    """Convert the model of a handler whose `initialize` is not `BaseHandler`'s."""
    if facts.precision is Precision.FLOAT32:
        return
    from torch import nn

    module: Any = getattr(entry.handler, "model", None)
    if not isinstance(module, nn.Module):
        raise PrecisionError(
            f"{facts.precision} was asked for, but the handler keeps no torch module in "
            "self.model; convert the model in its initialize() and load with precision='float32'"
        )
    placed = next(module.parameters(), None)  # its own initialize() may have chosen the device
    set_precision(module, facts.precision, facts.device if placed is None else placed.device)
