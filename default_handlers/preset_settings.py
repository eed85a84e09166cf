"""The settings that say how pictures are prepared."""

from default_handlers.presets import (
    CHANNELS,
    INTERPOLATIONS,
    LAYOUTS,
    MOST_RESIZED_PIXELS,
    VALUE_RANGES,
    Colour,
    ImagePreset,
    ValueRange,
)
from default_handlers.settings import Settings

PRESET_SETTINGS = (
    "resize",
    "longest_side",
    "crop",
    "interpolation",
    "colour",
    "value_range",
    "mean",
    "std",
    "layout",
)
"""Their names."""


def preset_from(settings: Settings, preset: ImagePreset) -> ImagePreset:
    """*preset* with what the settings change; itself where they make no sense together."""
    colour = settings.word("colour", preset.colour, tuple(CHANNELS))
    value_range = settings.word("value_range", preset.value_range, VALUE_RANGES)
    mean, std = _means_and_deviations(preset, colour, value_range)
    changed = {
        "resize_px": settings.sides("resize", preset.resize_px),
        "longest_px": settings.whole_or_none("longest_side", preset.longest_px),
        "crop_px": settings.sides("crop", preset.crop_px),
        "interpolation": settings.word("interpolation", preset.interpolation, INTERPOLATIONS),
        "colour": colour,
        "value_range": value_range,
        "mean": settings.per_channel("mean", mean, CHANNELS[colour]),
        "std": settings.per_channel("std", std, CHANNELS[colour]),
        "layout": settings.word("layout", preset.layout, LAYOUTS),
    }
    try:
        return ImagePreset(**changed)  # type: ignore[arg-type] # a dict of all of its fields
    except ValueError as error:
        settings.problem(str(error))
        return preset


def check_reach(settings: Settings, preset: ImagePreset, max_pixels: int) -> None:
    """Check that the settings ask for what can be, and tell of those that have no effect.

    Args:
        settings: They.
        preset: What became of them.
        max_pixels: Most pixels that a picture may have.
    """
    pixels, most = preset.square_pixels, max(max_pixels, MOST_RESIZED_PIXELS)
    if pixels > most:
        settings.problem(
            f"resize: a square picture would be resized to {pixels:,} pixels, and at most "
            f"{most:,} are made (setting max_pixels)"
        )
    if preset.resize_px is None:
        settings.idle(
            ["interpolation", "fast_decode"], "pictures are not resized (setting resize: none)"
        )


def _means_and_deviations(
    preset: ImagePreset, colour: Colour, value_range: ValueRange
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Those of *preset* where they mean the same in these channels and this range; else none."""
    count = 1 if colour == "grey" else 3
    if value_range != preset.value_range or count != preset.channels:
        return (0.0,) * count, (1.0,) * count
    if colour != preset.colour:
        return preset.mean[::-1], preset.std[::-1]
    return preset.mean, preset.std
