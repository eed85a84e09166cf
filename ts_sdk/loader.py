"""`load`: from an archive to a `Model` that answers."""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from archiver import DEFAULT_LIMITS, Archive, Limits, ModelEntry
from ts_sdk.cache import ExtractionCache
from ts_sdk.errors import HandlerLoadError, LoadError
from ts_sdk.model import Model
from ts_sdk.starting import NOTHING_GIVEN, Given, Isolation, LoadOptions, start
from ts_sdk.timing import PhaseTimes
from ts_sdk.tuned.applying import tuned_for
from ts_sdk.working_directory import from_program

if TYPE_CHECKING:
    import torch

    from ts_sdk.recording import Recording
    from ts_sdk.recording.recorder import OpenRecording


_PHASES_OF_FINDING = frozenset({"find handler", "load", "load model", "read config"})
"""Those that fail where a file was taken for the wrong thing."""


def load(  # noqa: PLR0913 - options given by name
    path: str | os.PathLike[str],
    *,
    device: "str | torch.device | None" = None,
    precision: str | None = None,
    keep_float32: Sequence[str] | None = None,
    trust_pickle: bool = False,
    isolation: Isolation = "archive",
    envelope: str | None = None,
    response_timeout_s: float | None = None,
    startup_timeout_s: float | None = None,
    cache: ExtractionCache | None = None,
    limits: Limits = DEFAULT_LIMITS,
    record: "str | os.PathLike[str] | Recording | None" = None,
    tuned: bool = True,
) -> Model:
    """Open an archive and start its handler.

    An archive contains code, and loading it runs that code: load what you trust.

    Args:
        path: A ``.mar``, a ``.tar.gz`` or a folder of sources; a folder is used in place, so that
            a debugger stops inside the handler.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; None takes what the archive's
            `model-config.yaml` asks for, else ``auto``.
        precision: A word of `ts_sdk.Precision`; None takes the config's, else ``float32``.
        keep_float32: Names of layers, or patterns such as ``layers.*.norm``, that compute in
            float32 whatever *precision* is; None takes the config's.
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
        record: The folder in which requests that fail are kept for `ts_sdk.recording`, or a
            `Recording`, which says more.
        tuned: Whether the setting that `ts_sdk.tune` found on a machine like this one goes before
            the archive's `model-config.yaml`, where the archive has its profile
            (``mar-pack --profile``). What is given here goes before both.

    Returns:
        The model, to be closed after use (it is a context manager).

    Raises:
        archiver.ArchiveError: The archive is damaged, unsafe or no archive.
        LoadError: Its handler, config or model cannot be started; the cause is chained.
        DeviceUnavailableError: *device* is not there.
        PrecisionError: The model cannot run in *precision*.
        RecordingError: The folder of *record* cannot be written to.
    """
    if isolation not in get_args(Isolation):
        raise ValueError(
            f"isolation must be one of {', '.join(get_args(Isolation))}, not {isolation!r}"
        )
    check_timeouts(isolation, response_timeout_s, startup_timeout_s)
    options = LoadOptions(
        None if device is None else str(device),
        precision,
        patterns_in(keep_float32),
        trust_pickle,
        isolation,
        envelope,
        response_timeout_s,
        startup_timeout_s,
        cache,
        limits,
    )
    recording = None if record is None else _open_recording(record)
    with ExitStack() as resources:
        model = start_archive(path, options, resources, tuned=tuned)
    if recording is not None:
        model.record_in(recording)
    return model


def start_archive(
    path: str | os.PathLike[str],
    options: LoadOptions,
    resources: ExitStack,
    given: Given = NOTHING_GIVEN,
    *,
    tuned: bool = False,
) -> Model:
    """Open an archive and start its handler.

    Args:
        path: As for `load`.
        options: The caller's wishes.
        resources: Takes what has to be let go of again; the model's, when it is returned.
        given: What is not the archive's; a handler or a module only for this process.
        tuned: Whether the archive is searched for a setting that was found on this machine.

    Raises:
        archiver.ArchiveError: As for `load`; so are the others.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            "an archive is loaded by its path, a str or a pathlib.Path (of a .mar, a .tar.gz or a "
            f"folder), not {_named(path)}"
        )
    times = PhaseTimes() if given.times is None else given.times
    with times.measure("open"):
        archive = Archive.open(from_program(path), limits=options.limits)
    with archive:
        if tuned:
            named = () if options.device is None else (options.device,)
            options = replace(options, tuned=tuned_for(archive, named))
        try:
            if options.isolation != "archive":
                from ts_sdk.runtime.process import start_in_process

                return start_in_process(archive, options, times, resources, given.metrics)
            return start(archive, options, times, resources, given)
        except LoadError as error:
            error.archive = error.archive or archive.path
            if not archive.has_manifest and error.phase in _PHASES_OF_FINDING:
                error.add_note(_what_was_assumed(archive.manifest.model))
            if isinstance(error, HandlerLoadError):
                _note_requirements(error, archive)
            raise


def _open_recording(record: "str | os.PathLike[str] | Recording") -> "OpenRecording":
    from ts_sdk.recording.recorder import OpenRecording

    return OpenRecording(record)


def check_timeouts(isolation: Isolation, *timeouts_s: float | None) -> None:
    """Refuse timeouts, in seconds, that are none or would have no effect.

    Raises:
        ValueError: As *isolation* allows none, or since one is negative.
    """
    for given in timeouts_s:
        if given is None:
            continue
        if isolation == "archive":
            raise ValueError(
                "a timeout needs isolation='process' or 'venv': in this process nothing can be cut "
                "off"
            )
        if not isinstance(given, int | float) or not given >= 0:
            raise ValueError(f"a timeout must be 0 s (for none) or longer, not {given!r}")


def patterns_in(given: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names of layers that a caller gave as ``keep_float32``, one or several.

    Raises:
        TypeError: They are no names.
    """
    if given is None:
        return None
    named = [given] if isinstance(given, str) else given
    if isinstance(named, Iterable):
        patterns = tuple(named)
        if all(isinstance(each, str) for each in patterns):
            return patterns
    raise TypeError(f"keep_float32 takes names of layers, a list of str, not {given!r}")


def _named(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _what_was_assumed(model: ModelEntry) -> str:
    """What the archive's files were taken for, since nothing in it says what they are."""
    return (
        "there is no MAR-INF/MANIFEST.json; by their names, the handler is "
        f"{model.handler or 'unclear'}, the model file {model.model_file or 'unclear'} and the "
        f"serialized file {model.serialized_file or 'unclear'}"
    )


def _note_requirements(error: HandlerLoadError, archive: Archive) -> None:
    """Say what the archive's requirements file asks for and is not here; nothing is installed."""
    named = archive.manifest.model.requirements_file
    if not named:
        return
    from ts_sdk.requirements import unmet_requirements

    unmet = unmet_requirements(archive.read(named))
    if unmet:
        error.add_note(
            f"its {named} {'; '.join(map(str, unmet))}: install that here, or load with "
            "isolation='venv' (--isolation venv), which makes an environment that has it"
        )
