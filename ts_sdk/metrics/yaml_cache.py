"""`MetricsCacheYamlImpl`: metrics with a file of declarations, as TorchServe's worker has."""

import os

from ts_sdk.metrics.declarations import declarations_in, read
from ts_sdk.metrics.registry import Metrics


class MetricsCacheYamlImpl(Metrics):
    """Metrics that `initialize_cache` declares from a file; the file is read at once.

    Args:
        config_file_path: A `metrics.yaml`.

    Raises:
        MetricTypeError: No path was given.
        MetricFileError: The file cannot be read.
        MetricYamlError: It is no YAML.
    """

    def __init__(self, config_file_path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.config_file_path = config_file_path
        self._values = read(config_file_path)

    def initialize_cache(self) -> None:
        """Declare the file's metrics.

        Raises:
            MetricError: A key is missing or a value wrong; all problems are named.
        """
        self._declare(declarations_in(self._values, os.fspath(self.config_file_path)))
