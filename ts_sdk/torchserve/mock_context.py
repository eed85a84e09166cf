"""`MockContext`: the context that TorchServe's unit tests give to a handler, made a real one."""

import os
from pathlib import Path
from typing import Any

from ts_sdk.context import SERVER_VERSION, Context, RequestProcessor
from ts_sdk.metrics.metrics_store import MetricsStore
from ts_sdk.torchserve.model_files import get_yaml_config


class MockContext(Context):
    """A context for a handler that is tried without an archive.

    It knows as many requests as the handler asks for, and what the handler measures stands in
    `metrics`.

    Args:
        model_pt_file: The serialized model in *model_dir*; None without one.
        model_dir: The folder that the model's files are in.
        model_file: The file with the model's class; None without one.
        gpu_id: The CUDA device, where there is CUDA; None for the CPU.
        model_name: The model's name.
        model_yaml_config_file: The config in *model_dir*; None without one.

    Attributes:
        explain: Set it to True to let every request ask for an explanation.
    """

    explain: bool

    def __init__(
        self,
        model_pt_file: str | None = "model.pt",
        model_dir: str | os.PathLike[str] = ".",
        model_file: str | None = "model.py",
        gpu_id: str | int | None = "0",
        model_name: str = "mnist",
        model_yaml_config_file: str | None = None,
    ) -> None:
        named = {"modelName": model_name, "serializedFile": model_pt_file, "modelFile": model_file}
        config = (
            get_yaml_config(Path(model_dir, model_yaml_config_file))
            if model_yaml_config_file
            else {}
        )
        super().__init__(
            model_name,
            os.fspath(model_dir),
            {"model": {key: value for key, value in named.items() if value}},
            1,
            _gpu(gpu_id),
            SERVER_VERSION,
            metrics=MetricsStore(None, model_name),
            model_yaml_config=config,
        )
        self.explain = False

    def get_request_header(self, idx: int, key: str) -> Any:  # noqa: ANN401 - a header holds what was sent
        """Header *key* of request *idx*; ``explain`` is ``True`` for all while `explain` is."""
        if key == "explain" and self.explain:
            return "True"
        return super().get_request_header(idx, key)

    def _of(self, idx: int) -> RequestProcessor:
        missing = idx + 1 - len(self.request_processor)
        self.request_processor += [RequestProcessor({}) for _ in range(missing)]
        return super()._of(idx)


def _gpu(gpu_id: str | int | None) -> int | None:
    if gpu_id in {None, ""}:
        return None
    import torch

    return int(gpu_id) if torch.cuda.is_available() else None
