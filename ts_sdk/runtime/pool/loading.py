"""`ModelLoader`: starts an archive's handler again and again, with one copy of its weights."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver import DEFAULT_LIMITS, Archive
from ts_sdk.config import ModelConfig
from ts_sdk.cores import worker_threads
from ts_sdk.loader import patterns_in, start_archive
from ts_sdk.runtime.pool.settings import ArchivePath, Serving, ServingSettings, devices_of
from ts_sdk.runtime.pool.sharing import loads_as_ours, tie, twin_of
from ts_sdk.runtime.process import limit_of
from ts_sdk.starting import Given, LoadOptions
from ts_sdk.tuned.applying import Tuned, tuned_for
from ts_sdk.working_directory import from_program

if TYPE_CHECKING:
    from ts_sdk.metrics.served import Served
    from ts_sdk.model import Model
    from ts_sdk.model_facts import ModelFacts
    from ts_sdk.runtime.runner import Runner


class ModelLoader:
    """Starts the handler of one archive as often as wanted.

    The first model's metrics and times are those of all. In this process, the handlers on a device
    compute with the same weights.

    Args:
        path: The archive.
        settings: The caller's wishes.

    Attributes:
        manifest: What the archive says of its model.
        config: Its `model-config.yaml`, with what was tuned in it.
        tuned: What was tuned on this machine, None without that.
        serving: The settings that hold.
    """

    def __init__(self, path: ArchivePath, settings: ServingSettings) -> None:
        with Archive.open(from_program(path)) as archive:
            self.manifest = archive.manifest.model
            named = self.manifest.config_file
            config = ModelConfig.parse(archive.read(named), named) if named else ModelConfig()
            self.tuned = _tuned_in(archive, settings, config)
        self.config = config if self.tuned is None else self.tuned.over(config)
        self.serving = Serving.of(settings, self.config)
        self._path = from_program(path).absolute()
        self._settings = settings
        self._devices = devices_of(settings, self.config)
        self._first: Model | None = None
        self._handlers: dict[str | None, Any] = {}

    @property
    def path(self) -> Path:
        """The archive, absolute."""
        return self._path

    @property
    def first(self) -> "Model":
        """The model that was loaded first, whose metrics are those of all."""
        assert self._first is not None, "a model is served after it was loaded"  # noqa: S101 - for the type's sake
        return self._first

    @property
    def has_loaded(self) -> bool:
        """Whether there is a first model."""
        return self._first is not None

    @property
    def served(self) -> "Served":
        """What counts the requests of all of them."""
        return self.first._served  # noqa: SLF001 - a model counts for itself otherwise

    @property
    def response_timeout_s(self) -> float | None:
        """After how long a worker that does not answer is given up; None where none is."""
        return limit_of(self._settings.get("response_timeout_s"), self.config.response_timeout_s)

    def threads_for(self, workers: int) -> int | None:
        """How many threads torch is to have in each of so many workers; None leaves it open.

        Those that were tuned are for the number of workers that they were tuned with.
        """
        given = self.serving.threads_per_worker
        if given is None and self.tuned is not None and workers == self.tuned.workers:
            return self.tuned.threads
        return given

    def let_go(self) -> None:
        """Keep no weights any longer than the models do."""
        self._handlers.clear()

    def device_of(self, number: int) -> str | None:
        """Where worker *number* runs."""
        return self._devices[number % len(self._devices)]

    def load(self, device: str | None, threads: int | None) -> "Model":
        """One more model; calls from several threads are safe after the first.

        Args:
            device: Where it runs.
            threads: How many threads it computes with. In this process that is for runtimes beside
                torch, whose own number is each thread's.

        Raises:
            LoadError: As for `ts_sdk.load`; so are the others.
        """
        token = worker_threads.set(threads)
        try:
            return self._load(device, self._options(device, threads))
        finally:
            worker_threads.reset(token)

    def _load(self, device: str | None, options: LoadOptions) -> "Model":
        with ExitStack() as resources:
            if self._first is None:
                model = self._first = start_archive(self._path, options, resources)
                self._handlers[device] = model.handler
                return model
            return self._further(device, options, resources)

    def _further(self, device: str | None, options: LoadOptions, resources: ExitStack) -> "Model":
        first, metrics = self._handlers.get(device), self.first.metrics
        sources = metrics.sources
        module = twin_of(first.model) if first is not None and loads_as_ours(first) else None
        given = Given(
            give_module=None if module is None else lambda: module,
            metrics=metrics,
            times=self.first.timings,
        )
        model = start_archive(self._path, options, resources, given)
        metrics.sources = sources  # each source counts for all already
        if first is None:
            self._handlers[device] = model.handler
        elif module is None:
            tie(model.handler, first)
        return model

    def _options(self, device: str | None, threads: int | None) -> LoadOptions:
        settings = self._settings
        return LoadOptions(
            device,
            settings.get("precision"),
            patterns_in(settings.get("keep_float32")),
            settings.get("trust_pickle", False),
            self.serving.isolation,
            settings.get("envelope"),
            settings.get("response_timeout_s"),
            settings.get("startup_timeout_s"),
            settings.get("cache"),
            DEFAULT_LIMITS,
            threads,
            self.serving.batch_size,
            self.tuned,
        )


def _tuned_in(archive: Archive, settings: ServingSettings, config: ModelConfig) -> Tuned | None:
    if not settings.get("tuned", True):
        return None
    named = () if settings.get("device") is None else devices_of(settings, config)
    return tuned_for(archive, [device for device in named if device is not None])


def runner_of(model: "Model") -> "Runner":
    """What runs *model*'s handler, for whoever decodes and counts requests by himself."""
    return model._runner  # noqa: SLF001 - replies are not a model's face


def facts_of(model: "Model") -> "ModelFacts":
    """What is known of *model*, without importing torch for it."""
    return model._facts  # noqa: SLF001 - the public properties import torch
