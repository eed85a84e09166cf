"""The version of this package, as it is installed."""

from __future__ import annotations

_DISTRIBUTION = "ts-sdk"


def archiver_version() -> str:
    """Return the version for the manifest; ``0+unknown`` for sources that are not installed."""
    # Slow to import, and only needed when something is packed.
    from importlib import metadata

    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+unknown"
