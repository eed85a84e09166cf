"""`ModelLoaderFactory`: from a model's folder to a `Service`, with TorchServe's calls."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ts_sdk.entry_points import enveloped, find_handler
from ts_sdk.imports import ArchiveCode
from ts_sdk.runtime.awaiting import Loop
from ts_sdk.torchserve.service import Service

_MANIFEST = "MAR-INF/MANIFEST.json"


class ModelLoader:
    """Loads models; see `TsModelLoader`."""

    def load(  # noqa: PLR0917 - TorchServe's signature, used by position
        self,
        model_name: str,
        model_dir: str,
        handler: str | None = None,
        gpu_id: int | None = None,
        batch_size: int | None = None,
        envelope: str | None = None,
        limit_max_image_pixels: bool = True,  # noqa: FBT001, FBT002 - as above
        metrics_cache: Any = None,  # noqa: ANN401 - ours, or a test's
    ) -> Service:
        """Start the handler of a model."""
        raise NotImplementedError(f"{type(self).__name__} must override load()")


class TsModelLoader(ModelLoader):
    """Loads models as `ts_sdk.load` does: their modules stay apart from all others."""

    def load(  # noqa: PLR0917 - as above
        self,
        model_name: str,
        model_dir: str,
        handler: str | None = None,
        gpu_id: int | None = None,
        batch_size: int | None = None,
        envelope: str | None = None,
        limit_max_image_pixels: bool = True,  # noqa: FBT001, FBT002 - as above
        metrics_cache: Any = None,  # noqa: ANN401 - as above
    ) -> Service:
        """Start the handler of a model.

        Args:
            model_name: The model's name.
            model_dir: The folder that its files are in, with a manifest or without.
            handler: ``file.py``, ``file.py:name``, or the name of an installed handler; None for
                `BaseHandler`.
            gpu_id: The CUDA device; None for the CPU.
            batch_size: Most requests in a batch.
            envelope: The request envelope; None for none.
            limit_max_image_pixels: Whether Pillow's limit on an image's pixels holds.
            metrics_cache: Where metrics go; None for metrics of its own.

        Raises:
            HandlerLoadError: There is no such handler or envelope, or it cannot be built.
            Exception: Whatever the handler's `initialize` raises.
        """
        folder = Path(model_dir).resolve()
        with ExitStack() as if_it_fails:
            code, loop = ArchiveCode(folder, keep_bytecode=False), Loop()
            if_it_fails.callback(code.close)
            if_it_fails.callback(loop.close)
            with code.starting():
                entry = find_handler(code, _named(folder, handler))
                service = Service(
                    model_name,
                    str(folder),
                    _manifest_in(folder),
                    enveloped(entry, envelope, code, loop).handle,
                    gpu_id,
                    batch_size,
                    limit_max_image_pixels,
                    metrics_cache,
                    code=code,
                    loop=loop,
                )
                service.start(entry)
            if_it_fails.pop_all()
        return service


class ModelLoaderFactory:
    """Gives the loader of models."""

    @staticmethod
    def get_model_loader() -> TsModelLoader:
        """The loader."""
        return TsModelLoader()


def _manifest_in(folder: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    return manifest


def _named(folder: Path, handler: str | None) -> str:
    """*handler*, without the folders before its file when there is none of that path."""
    if handler is None:
        return "base_handler"
    member, colon, attribute = handler.partition(":")
    file = f"{member.removesuffix('.py')}.py"
    if not (folder / file).is_file():
        member = member.rpartition("/")[2]  # TorchServe looks for the file's name alone
    return f"{member}{colon}{attribute}"
