"""What wrong use of metrics raises.

::

    MetricError                  base, an SdkError
    ├── MetricTypeError          an argument of the wrong kind                also a TypeError
    ├── MetricValueError         a unit or a value that cannot be             also a ValueError
    ├── MetricKeyError           a metric, or a key of a file, is not there   also a KeyError
    ├── MetricFileError          a file of declarations cannot be read        also an OSError
    ├── MetricDependencyError    a package of an extra is not installed       also an ImportError
    └── MetricYamlError          it is no YAML (in `ts_sdk.metrics.yaml_error`)

The built-in bases are those of TorchServe's errors, so that handlers' ``except`` clauses hold.
"""

from ts_sdk.errors import SdkError


class MetricError(SdkError):
    """Base of everything that metrics raise on purpose."""


class MetricTypeError(MetricError, TypeError):
    """An argument, or a value in a file of declarations, is of the wrong kind."""


class MetricValueError(MetricError, ValueError):
    """A unit or a value cannot be one of this metric."""


class MetricKeyError(MetricError, KeyError):
    """A metric was never declared, or a file of declarations lacks a key."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # a KeyError shows the quoted repr


class MetricFileError(MetricError, OSError):
    """A file of declarations cannot be read."""


class MetricDependencyError(MetricError, ImportError):
    """What was asked for needs a package that is not installed."""
