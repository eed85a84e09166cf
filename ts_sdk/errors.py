"""Everything that `ts_sdk` raises on purpose.

::

    SdkError
    ├── LoadError                    an archive could not be made ready     .archive .phase
    │   ├── HandlerLoadError         its handler could not be found, imported or initialised
    │   ├── ModelFormatError         its model is in no form that can be loaded here
    │   │   └── UnsafeWeightsError   its model is a pickle that asks for more than weights  .globals
    │   └── ConfigError              its model-config.yaml or a setting in it is wrong  .problems
    ├── DeviceUnavailableError       the device that was asked for is not there     .device
    ├── PrecisionError               the model cannot run in this precision     .layer
    ├── ConversionError              a model has no such form, or answers otherwise in it
    ├── ExplanationError             an answer cannot be explained in this way     .alternative
    ├── CacheError                   the extraction cache cannot be used
    ├── ModelClosedError             a call of a model after close()
    └── RequestError                 one request was not answered     .status .index .answer
        ├── HandlerContractError     the handler broke the contract of `handle`
        ├── NonFiniteOutputError     half precision made NaN or infinity     .layer
        ├── QueueFullError           too many requests wait already     .retry_after_s
        ├── DeadlineError            it waited for longer than it may     .retry_after_s
        └── WorkerError              the handler's process died or hung     .worker_traceback

What the packer and the reader of archives raise is drawn in `archiver.errors`, what metrics raise
in `ts_sdk.metrics.errors`, what samples raise in `ts_sdk.samples.errors`.
"""

from pathlib import Path


class SdkError(Exception):
    """Base of everything that `ts_sdk` raises on purpose."""


class LoadError(SdkError):
    """An archive could not be made ready to answer.

    Attributes:
        archive: The archive or folder, None when a handler is initialised without one.
        phase: What was being done, such as ``"import handler"``.
    """

    def __init__(self, message: str, *, archive: Path | None = None, phase: str = "load") -> None:
        super().__init__(message)
        self.archive = archive
        self.phase = phase

    def __str__(self) -> str:
        message = super().__str__()
        if self.archive is None:
            return message
        name = self.archive.name or self.archive.resolve().name  # "." has none
        return f"{name}: {message}"


class HandlerLoadError(LoadError):
    """The handler could not be found, imported or initialised; the cause is chained."""


class ModelFormatError(LoadError):
    """The serialized model is in no form that can be loaded here."""


class UnsafeWeightsError(ModelFormatError):
    """The serialized model is a pickle that asks for more than weights.

    Attributes:
        globals: The names that the pickle wants to import, as ``module.name``.
    """

    def __init__(
        self,
        message: str,
        *,
        names: tuple[str, ...] = (),
        archive: Path | None = None,
        phase: str = "load model",
    ) -> None:
        super().__init__(message, archive=archive, phase=phase)
        self.globals = names


class ConfigError(LoadError):
    """`model-config.yaml`, or a setting in it, is wrong.

    Attributes:
        problems: One sentence for each problem.
    """

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[str, ...] = (),
        archive: Path | None = None,
        phase: str = "read config",
    ) -> None:
        super().__init__(message, archive=archive, phase=phase)
        self.problems = problems or (message,)


class DeviceUnavailableError(SdkError):
    """The device that was asked for is not there; nothing falls back to the CPU silently.

    Attributes:
        device: The word that was given.
    """

    def __init__(self, message: str, *, device: str = "") -> None:
        super().__init__(message)
        self.device = device


class PrecisionError(SdkError):
    """The model cannot run in the precision that was asked for.

    Attributes:
        layer: The layer that cannot, None when it is the whole model or not known.
    """

    def __init__(self, message: str, *, layer: str | None = None) -> None:
        super().__init__(message)
        self.layer = layer


class ConversionError(SdkError):
    """A model cannot be converted to the form that was asked for, or answers otherwise in it."""


class ExplanationError(SdkError):
    """An answer cannot be explained in this way.

    Attributes:
        alternative: The name of a method that is right in its place; None where there is none.
    """

    def __init__(self, message: str, *, alternative: str | None = None) -> None:
        super().__init__(message)
        self.alternative = alternative


class CacheError(SdkError):
    """The extraction cache cannot be used; the message says what to do."""


class ModelClosedError(SdkError):
    """The model was called after `Model.close`."""


class RequestError(SdkError):
    """One request was not answered; its neighbours in the batch were.

    A handler may raise it, with `index` when it knows which row of its batch is at fault.

    Attributes:
        status: HTTP status code: 4xx is the request's fault, 5xx the handler's.
        index: Position of the request in the batch, counted from 0; None when unknown.
        message: Why, without the status and the index.
        answer: What the handler answered in the request's place, None when it raised.
        client_message: What the request's sender is told: *message*, or what TorchServe said in
            its place where that tells of the handler's insides.
        raised: Name of the class of what the handler raised, None when it did not raise.
    """

    raised: str | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        index: int | None = None,
        answer: object = None,
        client_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.index = index
        self.answer = answer
        self.client_message = message if client_message is None else client_message

    def __str__(self) -> str:
        which = "request" if self.index is None else f"request {self.index}"
        return f"{which} failed with status {self.status}: {self.message}"


class HandlerContractError(RequestError):
    """What the handler returned is not a list with one answer for each request."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 503,
        index: int | None = None,
        client_message: str = "Invalid model predict output",
    ) -> None:
        super().__init__(message, status=status, index=index, client_message=client_message)


class NonFiniteOutputError(RequestError):
    """The model's output holds NaN or infinity although half precision was asked for.

    Attributes:
        layer: The layer at fault, None when it is none or not known.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 500,
        index: int | None = None,
        layer: str | None = None,
    ) -> None:
        super().__init__(message, status=status, index=index)
        self.layer = layer


class QueueFullError(RequestError):
    """A pool's queue is full: the request was refused, and cost nothing.

    Attributes:
        retry_after_s: In how many seconds there is likely to be room.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 503,
        index: int | None = None,
        retry_after_s: float = 1.0,
    ) -> None:
        super().__init__(message, status=status, index=index)
        self.retry_after_s = retry_after_s


class DeadlineError(RequestError):
    """A request's deadline came while it waited in a pool's queue; no model has seen it.

    Attributes:
        retry_after_s: In how many seconds the requests before it are likely to be answered.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 408,
        index: int | None = None,
        retry_after_s: float = 1.0,
    ) -> None:
        super().__init__(message, status=status, index=index)
        self.retry_after_s = retry_after_s


class WorkerError(RequestError):
    """A handler's own process died, or did not answer in time; it is started again.

    Attributes:
        worker_traceback: What the process wrote last, None when it wrote nothing.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 500,
        index: int | None = None,
        worker_traceback: str | None = None,
        client_message: str = "Worker died.",
    ) -> None:
        super().__init__(message, status=status, index=index, client_message=client_message)
        self.worker_traceback = worker_traceback
