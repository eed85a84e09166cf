"""A handler in a process of its own: ``isolation="process"``, and ``"venv"``."""

import logging
import os
import sys
import weakref
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ts_sdk.cache import ExtractionCache
from ts_sdk.config import ModelConfig
from ts_sdk.context import SERVER_VERSION, Context
from ts_sdk.errors import LoadError, RequestError, WorkerError
from ts_sdk.metrics import Metrics
from ts_sdk.model import Model
from ts_sdk.model_facts import ModelFacts
from ts_sdk.outcomes import Reply, copy_of
from ts_sdk.precision import Precision
from ts_sdk.runtime.child import Launch
from ts_sdk.runtime.explanations import pack_wish
from ts_sdk.runtime.messages import HeldFolder, Notes, OpenedArchive, Start, pack_request
from ts_sdk.runtime.pickling import Packed
from ts_sdk.runtime.supervisor import Supervisor
from ts_sdk.starting import config_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archiver import Archive
    from ts_sdk.explain.asking import ExplainOptions
    from ts_sdk.explain.requests import Explained, Question
    from ts_sdk.runtime.messages import Ready
    from ts_sdk.runtime.runner import Asked, Emit
    from ts_sdk.starting import LoadOptions
    from ts_sdk.timing import PhaseTimes

_TIMEOUT_S = 120
"""TorchServe's, for an answer as for a start."""


def start_in_process(
    archive: "Archive",
    options: "LoadOptions",
    times: "PhaseTimes",
    resources: ExitStack,
    metrics: Metrics | None = None,
) -> Model:
    """Start *archive*'s handler in a process of its own.

    Args:
        archive: The opened archive.
        options: The caller's wishes.
        times: Takes the time of each phase, also of those in the process.
        resources: Takes what has to be let go of again; the model's, when it is returned.
        metrics: Where the handler's metrics go; None makes a registry of its own.

    Raises:
        LoadError: The process cannot be started, or its environment cannot be made.
        SdkError: What the handler's start raised there; its traceback is chained as text.
    """
    if os.name != "posix":
        raise LoadError(
            f"isolation={options.isolation!r} needs Linux or macOS; use isolation='archive'",
            phase="start process",
        )
    opened = _open(archive, options, times, resources)
    registry = Metrics(archive.manifest.model.model_name) if metrics is None else metrics

    def keep(notes: Notes) -> None:
        for sample in notes.samples:
            registry.record(sample)
        for phase, elapsed_ms in notes.phases:
            times.add(phase, elapsed_ms)

    launch = _launch(opened, options)
    if options.isolation == "venv":
        with times.measure("make environment"):
            launch = _with_requirements(launch, opened, options, resources)
    supervisor = Supervisor(archive.manifest.model.model_name, launch, keep)
    with times.measure("start process"):
        ready = supervisor.start()
    resources.callback(supervisor.close)
    facts = _facts(opened, options, ready)
    context = _context(opened, facts, registry, ready)
    return Model(facts, ProcessRunner(supervisor, context, resources.pop_all()), times)


class ProcessRunner:
    """Runs a handler in another process, which is started anew when it dies.

    Batches take turns unless the handler is *concurrent*.

    Args:
        supervisor: Keeps the process running.
        context: The archive's context, as far as this process knows it.
        resources: What the process needs; closed with it.
    """

    handler = None
    """There is none in this process."""

    def __init__(self, supervisor: Supervisor, context: Context, resources: ExitStack) -> None:
        self._supervisor = supervisor
        self._context = context
        # Also for a model that is dropped without close(), and at the program's end.
        self._close = weakref.finalize(self, resources.close)

    @property
    def context(self) -> Context:
        """The archive's context, shared by all batches."""
        return self._context

    @property
    def pid(self) -> int | None:
        """The number of the handler's process, None while there is none."""
        return self._supervisor.pid

    def run(self, asked: "Sequence[Asked]", emit: "Emit | None" = None) -> list[Reply]:
        """One reply a request; they are all errors when the process dies."""
        packed = [pack_request(each) for each in asked]
        good = [index for index, one in enumerate(packed) if isinstance(one, Packed)]
        sent = [one for one in packed if isinstance(one, Packed)]
        answered = self._ask(sent, emit and (lambda index, piece: emit(good[index], piece)))
        replies = dict(zip(good, answered, strict=True))
        for index, one in enumerate(packed):
            if isinstance(one, RequestError):
                replies[index] = Reply.of_error(one)
        return [replies[index] for index in range(len(asked))]

    def explain(
        self, questions: "Sequence[Question | RequestError]", options: "ExplainOptions"
    ) -> "list[Explained]":
        """An explanation, or why there is none, for each question; made in the process.

        Raises:
            ExplanationError: None of them can be explained in this way.
            HandlerContractError: The handler keeps no torch module in ``self.model``.
            ModelClosedError: The runner was closed.
        """
        packed = [
            each if isinstance(each, RequestError) else pack_request(("", each.request))
            for each in questions
        ]
        good = [index for index, one in enumerate(packed) if isinstance(one, Packed)]
        wish = pack_wish(options, [cast("Question", questions[index]) for index in good])
        sent = [one for one in packed if isinstance(one, Packed)]
        with self._supervisor.turn:
            try:
                found = self._supervisor.explain(
                    [wish, *sent], len(sent), options.get("on_progress", _ignored)
                )
            except WorkerError as error:
                found = [copy_of(error) for _ in good]
        explained = dict(zip(good, found, strict=True))
        # What is there already is an error.
        return [explained.get(index, cast("RequestError", one)) for index, one in enumerate(packed)]

    def close(self) -> None:
        """End the process, and let go of its files; calling it twice does nothing."""
        with self._supervisor.turn:
            self._close()

    def wait_for_process(self) -> None:
        """Wait until the process is ready that took the place of one that died over a batch."""
        self._supervisor.wait_for_successor()

    def cut_off(self) -> None:
        """End the process at once; a batch that it has fails."""
        self._supervisor.close()

    def _ask(self, batch: list[Packed], emit: "Emit | None") -> list[Reply]:
        with self._supervisor.turn:
            if not batch:
                self._supervisor.check_open()
                return []
            try:
                return self._supervisor.ask(batch, emit)
            except WorkerError as error:
                return [Reply.of_error(copy_of(error)) for _ in batch]


def _ignored(_: int) -> None:
    """Where nobody wants to know of progress."""


@dataclass(frozen=True)
class _Opened:
    """An archive whose members are files."""

    archive: "Archive"
    folder: Path
    config: ModelConfig


def _open(
    archive: "Archive", options: "LoadOptions", times: "PhaseTimes", resources: ExitStack
) -> _Opened:
    if archive.form == "folder":
        folder = archive.path.resolve()
    else:
        with times.measure("extract"):
            lease = (options.cache or ExtractionCache()).lease(archive)
        resources.callback(lease.release)
        folder = lease.folder.resolve()
    return _Opened(archive, folder, config_of(archive, folder, options.tuned))


def _launch(opened: _Opened, options: "LoadOptions") -> Launch:
    """How the archive's process is started; what it may see of the program is settled here."""
    archive = opened.archive
    environment = dict(os.environ)
    if options.threads is not None:
        environment["OMP_NUM_THREADS"] = str(options.threads)
    given = environment.pop("PYTHONPATH", "")  # part of `sys.path`, which is handed over whole
    form: Literal["folder", "extracted"] = "folder" if archive.form == "folder" else "extracted"
    known = OpenedArchive(archive.path.absolute(), form, archive.manifest, archive.has_manifest)
    start = Start(
        archive=known,
        folder=opened.folder,
        options=replace(options, cache=cast("ExtractionCache", HeldFolder(opened.folder))),
        python_path=os.pathsep.join(filter(None, (given, str(opened.folder)))),
        log_level=logging.getLogger().getEffectiveLevel(),
        startup_timeout_s=limit_of(options.startup_timeout_s, opened.config.startup_timeout_s),
        response_timeout_s=limit_of(options.response_timeout_s, opened.config.response_timeout_s),
    )
    path = tuple(str(Path(entry).absolute()) for entry in sys.path if isinstance(entry, str))
    return Launch(sys.executable, path, keeps_own_path=False, environment=environment, start=start)


def _with_requirements(
    launch: Launch, opened: _Opened, options: "LoadOptions", resources: ExitStack
) -> Launch:
    """*launch* in an environment that has what the archive's requirements file asks for."""
    from ts_sdk.runtime.venv import python_with

    model = opened.archive.manifest.model
    if not model.requirements_file:
        return launch
    requirements = opened.folder / model.requirements_file
    root = (options.cache or ExtractionCache()).root
    python = python_with(requirements, root, model.model_name, resources)
    if python is None:
        return launch
    folder = python.parent.parent
    environment = {
        **launch.environment,
        "VIRTUAL_ENV": str(folder),
        "PATH": os.pathsep.join(filter(None, (str(python.parent), os.environ.get("PATH")))),
    }
    return replace(launch, python=str(python), keeps_own_path=True, environment=environment)


def limit_of(asked_s: float | None, configured_s: float | None) -> float | None:
    """A timeout in seconds; 0 stands for none.

    Raises:
        ValueError: The caller asks for a negative one.
    """
    if asked_s is not None and asked_s < 0:
        raise ValueError(f"a timeout must be 0 s (for none) or longer, not {asked_s}")
    limit_s = asked_s if asked_s is not None else configured_s
    return _TIMEOUT_S if limit_s is None else limit_s or None


def _facts(opened: _Opened, options: "LoadOptions", ready: "Ready") -> ModelFacts:
    entry = opened.archive.manifest.model
    return ModelFacts(
        path=opened.archive.path,
        name=entry.model_name,
        version=entry.model_version,
        device=ready.device,
        precision=Precision.parse(ready.precision),
        batch_size=options.batch_size or opened.config.batch_size,
        stateful=opened.config.stateful,
        tuned=None if options.tuned is None else options.tuned.name,
    )


def _context(opened: _Opened, facts: ModelFacts, metrics: Metrics, ready: "Ready") -> Context:
    context = Context(
        facts.name,
        str(opened.folder),
        opened.archive.manifest.to_dict(),
        facts.batch_size,
        None,
        SERVER_VERSION,
        metrics=metrics,
        model_yaml_config=opened.config.values,
    )
    context.system_properties.update(ready.properties)
    return context
