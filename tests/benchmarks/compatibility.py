"""Compatibility: what a handler with TorchServe's imports costs, against calling it directly."""

import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import archiver
import ts_sdk
from tests.benchmarks import peer
from tests.benchmarks.measuring import Timing, interleaved, markdown_table

_HANDLER = """
from ts.torch_handler.base_handler import BaseHandler


class Nothing(BaseHandler):
    def initialize(self, context):
        self.initialized = True

    def preprocess(self, data):
        return data

    def inference(self, data):
        return data

    def postprocess(self, data):
        return [1] * len(data)
"""
_BODY = b'{"a": 1}'
_DIRECTLY = "the handler's `handle`, called directly"
_BATCHES = (1, 8)
_REPEATS = 3000
_WARM_UP = 300


def main() -> None:
    """Print the table."""
    logging.disable(logging.INFO)  # neither side writes its metrics' log lines
    with tempfile.TemporaryDirectory(dir="build") as folder:
        path = Path(folder).resolve()
        (path / "handler.py").write_text(_HANDLER)
        packed = archiver.pack(
            model_name="nothing", version="1", handler=path / "handler.py", export_path=path
        )
        print("A handler that does nothing, with TorchServe's imports; JSON bodies.\n")
        with ts_sdk.load(packed.path, device="cpu") as model:
            ours = {size: _measure(model, size) for size in _BATCHES}
        # Afterwards: a program that has a package `ts` of its own is no usual one.
        service = _their_service(path)
        rows = [
            _row(name, size, timing, timings[_DIRECTLY])
            for size, timings in ours.items()
            for name, timing in (timings | _measure_theirs(service, size)).items()
        ]
        print(markdown_table(["", "requests", "time a request", "beyond the direct call"], rows))


def _measure(model: ts_sdk.Model, size: int) -> dict[str, Timing]:
    view = model.context.for_batch([{}] * size, [str(number) for number in range(size)])
    requests = [ts_sdk.Request.sent(_BODY, content_type="application/json")] * size
    data = [{"body": {"a": 1}} for _ in range(size)]
    return interleaved(
        {
            _DIRECTLY: lambda: model.handler.handle(data, view),
            "`Model.predict_batch`": lambda: model.predict_batch(requests),
            "`Model.respond_batch`, encoded": lambda: model.respond_batch(requests),
        },
        repeats=_REPEATS,
        warm_up=_WARM_UP,
    )


def _measure_theirs(service: Callable[[int], object], size: int) -> dict[str, Timing]:
    name = "TorchServe 0.12, `Service.predict`, encoded"
    return interleaved({name: lambda: service(size)}, repeats=_REPEATS, warm_up=_WARM_UP)


def _row(name: str, size: int, timing: Timing, directly: Timing) -> list[str]:
    return [
        name,
        str(size),
        f"{timing.median / size * 1e6:.0f} µs ± {timing.spread:.0%}",
        f"{(timing.median - directly.median) / size * 1e6:.0f} µs",
    ]


def _their_service(folder: Path) -> Callable[[int], object]:
    """The worker class of the real TorchServe, with the same handler."""
    sys.path += [str(peer.install().resolve()), str(folder)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
        from ts.model_loader import ModelLoaderFactory
    declared = peer.install() / "ts" / "configs" / "metrics.yaml"
    metrics = MetricsCacheYamlImpl(config_file_path=str(declared))
    metrics.initialize_cache()
    metrics.model_name = "nothing"
    loader = ModelLoaderFactory.get_model_loader()
    service = loader.load("nothing", str(folder), "handler.py", None, 1, None, True, metrics)
    service.set_cl_socket(None)
    parameter = {"name": "body", "contentType": "application/json", "value": {"a": 1}}

    def predict(size: int) -> object:
        return service.predict(
            [
                {"requestId": str(number).encode(), "headers": [], "parameters": [parameter]}
                for number in range(size)
            ]
        )

    return predict


if __name__ == "__main__":
    main()
