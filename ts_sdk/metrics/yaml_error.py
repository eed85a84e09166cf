"""`MetricYamlError`, apart from the other errors because its base needs PyYAML."""

import yaml

from ts_sdk.metrics.errors import MetricError


class MetricYamlError(MetricError, yaml.YAMLError):
    """A file of declarations is no YAML."""
