"""Sizes as people read them."""

from __future__ import annotations

_STEP = 1024


def format_size(size_bytes: int) -> str:
    """Return a size in the binary unit that leaves the fewest digits, such as ``1.5 GiB``."""
    if size_bytes < _STEP:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        size /= _STEP
        # What would be rounded up to 1024.0 takes the next unit.
        if size < _STEP - 0.05:
            return f"{size:.1f} {unit}"
    return f"{size / _STEP:.1f} TiB"
