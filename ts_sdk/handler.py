"""`BaseHandler`, the class that user code subclasses."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from ts_sdk.batch import Batch, current_batch, handling
from ts_sdk.config import handler_section
from ts_sdk.devices import device_of
from ts_sdk.errors import ConfigError, HandlerContractError, RequestError
from ts_sdk.formats import load_module
from ts_sdk.formats.compilation import compile_as_configured
from ts_sdk.labels import read_labels
from ts_sdk.phases import answer, predict
from ts_sdk.precision import Precision, set_precision
from ts_sdk.profiling import profiling
from ts_sdk.tensors.parts import value_of
from ts_sdk.timing import timed
from ts_sdk.wishes import asks_for, target_in

if TYPE_CHECKING:
    from torch import nn

    from ts_sdk.context import Context

Row = dict[str, Any]


class BaseHandler:
    """Loads an archive's model and answers batches with it; override what is yours.

    `handle` calls `preprocess`, `inference` and `postprocess` in turn. Names and calls are those of
    TorchServe 0.12, under which a subclass runs too.

    Attributes:
        model: The model in evaluation mode on `device`, set by `initialize`.
        mapping: Class number as text → class name from `index_to_name.json`; None without one.
        device: Where the model runs.
        initialized: Whether `initialize` has been through.
        manifest: The archive's manifest as a dict.
        model_pt_path: Path of the serialized model, None when the archive has none.
        map_location: The device's kind: ``cpu``, ``cuda`` or ``mps``.
        model_yaml_config: `model-config.yaml` as a dict.
        profiler_args: Arguments of `torch.profiler.profile`, for when ``ENABLE_TORCH_PROFILER`` is
            set in the environment.
        explain: Whether a request has asked for an explanation.
        target: The class that explanations are for where requests name none; handlers' own.
        concurrent: Whether `handle` may run in several threads at once on one instance. A class
            says so itself: it is not inherited, since a subclass may keep state.
    """

    concurrent: ClassVar[bool] = False

    # Defaults stand on the class: many handlers do not call `super().__init__()`.
    model: Any = None
    mapping: dict[str, str] | None = None
    device: Any = None
    initialized: bool = False
    explain: bool = False
    target: Any = 0
    model_pt_path: str | None = None
    manifest: Any = None
    map_location: str | None = None
    model_yaml_config: Mapping[str, Any] = MappingProxyType({})
    profiler_args: Mapping[str, Any] = MappingProxyType({})
    _context: Any = None

    def __init__(self) -> None:
        self.profiler_args = {}  # which subclasses write into

    @property
    def context(self) -> Any:  # noqa: ANN401 - ours, or that of the server it runs under
        """The context of the batch being handled in this thread, else the archive's."""
        batch = current_batch()
        return self._context if batch is None or batch.context is None else batch.context

    @context.setter
    def context(self, context: Any) -> None:  # noqa: ANN401 - as above
        self._context = context

    @property
    def settings(self) -> dict[str, Any]:
        """The `handler:` section of `model-config.yaml`, empty when there is none.

        A handler that was written before this may keep something of its own by that name.
        """
        if "settings" in vars(self):
            own: dict[str, Any] = vars(self)["settings"]
            return own
        return handler_section(self.model_yaml_config)

    @settings.setter
    def settings(self, value: dict[str, Any]) -> None:
        vars(self)["settings"] = value

    def initialize(self, context: "Context") -> None:
        """Load the model and the class names.

        Args:
            context: The archive's folder, manifest, device and config.

        Raises:
            LoadError: The model cannot be loaded; the message says why and what to do.
        """
        properties = context.system_properties
        folder = Path(properties["model_dir"])
        self._context = context
        self.manifest = context.manifest
        self.model_yaml_config = context.model_yaml_config or {}
        self.device = device_of(properties)
        self.map_location = self.device.type
        serialized_file = self.manifest["model"].get("serializedFile")
        self.model_pt_path = str(folder / serialized_file) if serialized_file else None
        self.model = self._load_model(folder)
        compile_as_configured(self.model, self.model_yaml_config)
        self._apply_precision(Precision.parse(properties.get("precision") or Precision.FLOAT32))
        self.mapping = read_labels(folder)
        self.initialized = True

    @timed
    def preprocess(self, data: list[Row]) -> Any:  # noqa: ANN401 - whatever `inference` takes
        """Turn the rows of a batch into the model's input.

        Args:
            data: One row a request: a dict of part name to value, usually with the one key
                ``body`` or ``data``.

        Returns:
            A tensor ``(B, …)`` on `device`, made of the rows' numbers; of a model with several
            inputs a dict of them by name. Rows that are of no use to the model are rejected.
            Overrides may return anything that their `inference` takes.
        """
        from ts_sdk.tensors.reading import read_batch

        return read_batch(self, data)

    @timed
    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the model takes and gives
        """Call the model on *data*, without gradients.

        Args:
            data: What `preprocess` returned; a tensor is moved to `device`.
            *args: More inputs of the model.
            **kwargs: More named inputs of the model.
        """
        from ts_sdk.tensors.running import run_model

        return run_model(self, data, args, kwargs)

    @timed
    def postprocess(self, data: Any) -> list[Any]:  # noqa: ANN401 - whatever `inference` returned
        """Turn the model's output into one answer a request.

        Args:
            data: What `inference` returned: a tensor ``(B, …)``, or a tuple, list or dict of them.

        Returns:
            One JSON-serialisable answer for each request, in order.
        """
        from ts_sdk.tensors.answers import answers_for

        return answers_for(self, data)

    def handle(self, data: list[Row], context: "Context") -> Any:  # noqa: ANN401 - see Returns
        """Answer a batch: `preprocess`, `inference`, `postprocess`.

        A request with the header ``explain: True`` is answered by `explain_handle`, one with
        ``describe: True`` by `describe_handle`, whatever the others of its batch ask for.

        Args:
            data: One row a request.
            context: The view of the batch, with its request headers and response status.

        Returns:
            A list with one answer for each request, in order; a rejected request has an error
            answer. Where `inference` is a generator, a generator of such lists.
        """
        batch = current_batch()
        if batch is None or batch.context is not context:
            batch = Batch(len(data), context)
        elif len(data) != batch.size:
            return self._handle_part(data, Batch(len(data), context, batch.times, whole=False))
        with handling(batch):
            return answer(self, data, batch)

    def explain_handle(self, data_preprocess: Any, raw_data: list[Row]) -> list[Any]:  # noqa: ANN401 - whatever `preprocess` returned
        """Explain the answer to one request, by `get_insights` of a subclass.

        Args:
            data_preprocess: What `preprocess` made of the request.
            raw_data: The request's row alone. Its part ``target`` is the number of the class to
                explain; 0 when there is none.

        Returns:
            A list with the explanation.
        """
        insights = getattr(self, "get_insights", None)
        if insights is None:
            raise HandlerContractError(
                f"{type(self).__name__} cannot explain its answers: give it a method "
                "get_insights(tensor_data, raw_data, target)",
                client_message="Prediction failed",
            )
        (row,) = raw_data
        explanations: list[Any] = insights(data_preprocess, value_of(row), target_in(row))
        return explanations

    def describe_handle(self) -> Any:  # noqa: ANN401 - what an override says
        """Describe the model, for a request that asks for it; None says nothing."""
        return None

    def get_device(self) -> Any:  # noqa: ANN401 - a torch device once initialised
        """`device`; TorchServe's name for it."""
        return self.device

    def _handle_part(self, data: list[Row], batch: Batch) -> Any:  # noqa: ANN401 - as `handle`
        """Answer some of a batch's requests: a subclass has divided it."""
        try:
            with handling(batch):
                return answer(self, data, batch)
        except RequestError as error:
            error.index = None  # counted within the part; which part it is, is not known here
            raise

    def _infer_with_profiler(self, data: list[Row]) -> tuple[Any, Any]:
        """The answers to predictions, made under `torch.profiler`, and its profile."""
        name = (self.manifest or {}).get("model", {}).get("modelName", "")
        with profiling(self.profiler_args, name) as profile:
            answers = predict(self, data, current_batch() or Batch(len(data), self.context))
        return answers, profile

    def _is_explain(self) -> bool:
        """Whether the first request asks for an explanation; TorchServe's name for it."""
        asks = asks_for(self.context, 0, "explain")
        self.explain = self.explain or asks
        return asks

    def _is_describe(self) -> bool:
        """Whether the first request asks for a description; TorchServe's name for it."""
        return asks_for(self.context, 0, "describe")

    def reject(self, index: int, message: str, *, status: int = 400) -> None:
        """Refuse one request of the batch; the others go on.

        Call it in `preprocess` and return the batch of the remaining rows, or in `postprocess`. A
        `handle` of your own may call it before it calls this class's.

        Args:
            index: Row of what the running method was given, counted from 0.
            message: Why, for the request's sender.
            status: HTTP status: 4xx is the request's fault, 5xx the handler's.
        """
        batch = current_batch()
        if batch is None:
            raise RuntimeError(
                "reject() knows no batch here: call it inside of handle(), in the thread that "
                "handle() runs in"
            )
        batch.reject(index, status, message)

    def _load_model(self, folder: Path) -> "nn.Module":
        model_file = self.manifest["model"].get("modelFile")
        give = getattr(self._context, "system_properties", {}).get("give_module")
        model: nn.Module
        if give is not None:
            model = give()
        elif model_file:
            model = self._load_pickled_model(str(folder), model_file, self.model_pt_path)
        elif self.model_pt_path is not None and self.model_pt_path.endswith(".so"):
            model = self._load_torch_export_aot_compile(self.model_pt_path)
        elif self.model_pt_path is not None:
            model = self._load_torchscript_model(self.model_pt_path)
        else:
            model = self._load_folder(folder)
        # An override may give any function: there is nothing to be moved in that.
        return model.to(self.device).eval() if hasattr(model, "eval") else model

    def _load_folder(self, folder: Path) -> "nn.Module":  # noqa: ARG002 - for overrides
        """Load a model of which the manifest names no file."""
        raise ConfigError(
            "the archive has neither a serialized file nor a model file; pack it with "
            "--serialized-file, or override initialize() in the handler"
        )

    def _load_pickled_model(
        self, model_dir: str, model_file: str, model_pt_path: str | None
    ) -> "nn.Module":
        """Build the one module that *model_file* defines and load its weights."""
        weights = Path(model_pt_path) if model_pt_path else None
        return load_module(
            weights, model_file=Path(model_dir, model_file), **self._loading_options()
        )

    def _load_torchscript_model(self, model_pt_path: str) -> "nn.Module":
        """Load a model that needs no model file, in any form but a library."""
        return load_module(Path(model_pt_path), **self._loading_options())

    def _load_torch_export_aot_compile(self, model_so_path: str) -> "nn.Module":
        """Load a model that was compiled into a library."""
        return load_module(Path(model_so_path), **self._loading_options())

    def _loading_options(self) -> dict[str, Any]:
        import torch

        # An initialize() that does not call this one's may have set none of these.
        properties = getattr(self._context, "system_properties", {})
        return {
            "device": torch.device(self.device or self.map_location or "cpu"),
            "trust_pickle": bool(properties.get("trust_pickle")),
            # Taken out, so that it lives no longer than the model does.
            "mapped": properties.pop("mapped_weights", None),
            "onnx_runtime": handler_section(self.model_yaml_config).get(
                "onnx_runtime", "onnxruntime"
            ),
        }

    def _apply_precision(self, precision: Precision) -> None:
        if precision is not Precision.FLOAT32:
            kept = self._context.system_properties.get("keep_float32", ())
            set_precision(self.model, precision, self.device, keep_float32=kept)
