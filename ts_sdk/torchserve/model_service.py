"""The services of Multi Model Server, from which TorchServe came; some old handlers subclass them.

Their `initialize` and `handle` go by a signature file that the manifest names, as that server's
archives had it: ``{"input_type": "application/json", "inputs": [{"data_name": "data"}]}``.
"""

import ast
import json
from pathlib import Path
from typing import Any

from ts_sdk.errors import ConfigError


class ModelService:
    """Answers one request; a subclass overrides `inference`.

    Args:
        model_name: Not used.
        model_dir: Not used.
        manifest: Not used.
        gpu: Not used.
    """

    def __init__(
        self,
        model_name: str | None = None,
        model_dir: str | None = None,
        manifest: Any = None,  # noqa: ANN401 - the signature of that server
        gpu: int | None = None,
    ) -> None:
        del model_name, model_dir, manifest, gpu
        self.ctx: Any = None
        self._context: Any = None
        self._signature: dict[str, Any] = {}

    def initialize(self, context: Any) -> None:  # noqa: ANN401 - ours, or a test's
        """Read the signature file.

        Raises:
            ConfigError: The manifest names none, or it cannot be read.
        """
        self._context = context
        named = context.manifest.get("Model", {}).get("Signature")
        if not named:
            raise ConfigError(
                f"{type(self).__name__} needs a signature file, Model.Signature in the manifest, "
                "which archives of TorchServe do not have: override initialize() and handle(), or "
                "subclass ts_sdk.BaseHandler"
            )
        path = Path(context.system_properties["model_dir"], named)
        try:
            self._signature = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"the signature file {named} cannot be read: {error}") from error

    def inference(self, data: list[Any]) -> Any:  # noqa: ANN401 - what a subclass answers
        """The answer to *data*, a list with the request's value."""
        raise NotImplementedError(f"{type(self).__name__} must override inference(data)")

    def ping(self) -> Any:  # noqa: ANN401 - as above
        """Whether the service is well; None says nothing."""

    def signature(self) -> dict[str, Any]:
        """What the signature file holds."""
        return self._signature

    def handle(self, data: list[Any], context: Any) -> list[Any]:  # noqa: ANN401, ARG002 - a handler's signature
        """Answer the first request of *data*."""
        row = data[0]
        wanted = self._signature["inputs"][0]["data_name"]
        found = (row.get(part) for part in (wanted, "body", "data"))
        value = next((each for each in found if each is not None), None)
        is_json = self._signature["input_type"] == "application/json"
        if is_json and isinstance(value, bytes | bytearray):
            value = ast.literal_eval(value.decode())
        answers = self.inference([value])
        return answers if isinstance(answers, list) else [answers]


class SingleNodeService(ModelService):
    """Answers in three steps; a subclass overrides `_inference`, and the others if it likes."""

    def inference(self, data: list[Any]) -> Any:  # noqa: ANN401 - as above
        """The answer to *data*: the three steps in turn."""
        return self._postprocess(self._inference(self._preprocess(data)))

    def _preprocess(self, data: Any) -> Any:  # noqa: ANN401 - as above
        return data

    def _inference(self, data: Any) -> Any:  # noqa: ANN401 - as above
        return data

    def _postprocess(self, data: Any) -> Any:  # noqa: ANN401 - as above
        return data
