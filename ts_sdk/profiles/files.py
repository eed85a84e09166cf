"""The files of a profile."""

import json
from pathlib import Path

from ts_sdk.profiles.flame import flame_page
from ts_sdk.profiles.report import (
    FUNCTION_COLUMNS,
    MEMORY_COLUMNS,
    PHASE_COLUMNS,
    Profile,
    remarks_of,
)
from ts_sdk.profiles.speedscope import speedscope_text
from ts_sdk.report_files import write_texts
from ts_sdk.tuning.report.markdown import table


def write_files(profile: Profile, folder: Path) -> list[Path]:
    """Write the profile's files; see `Profile.write`."""
    return write_texts(
        folder,
        {
            "profile.md": markdown_text(profile),
            "profile.json": f"{json.dumps(profile.to_dict(), indent=2)}\n",
            "trace.json": profile.operators.trace,
            "flame.html": flame_page(profile.stacks, f"Flame graph of {profile.name}"),
            "flame.speedscope.json": speedscope_text(profile.stacks, profile.name),
        },
    )


def markdown_text(profile: Profile) -> str:
    """The profile in words and tables."""
    parts = [
        f"# Profile of {profile.name}",
        *remarks_of(profile),
        "## Phases",
        table(PHASE_COLUMNS, profile.phase_rows()),
        "## Memory",
        table(MEMORY_COLUMNS, profile.memory_rows()),
        "## Operators of torch",
        _operators(profile),
        "## Functions of Python",
        table(FUNCTION_COLUMNS, profile.function_rows()),
        f"Measured on {profile.hardware.describe()}.",
    ]
    return "\n\n".join(parts) + "\n"


def _operators(profile: Profile) -> str:
    rows = profile.operator_rows()
    return table(profile.operator_columns, rows) if rows else "None: the model runs without torch."
