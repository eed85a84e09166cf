"""Stacks in the file format of speedscope, a viewer of profiles that runs in the browser."""

import json

from ts_sdk.profiles.stacks import Frame, Stacks

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope_text(stacks: Stacks, name: str) -> str:
    """The stacks as JSON; see the schema that it names."""
    numbers: dict[Frame, int] = {}
    samples = [
        [numbers.setdefault(frame, len(numbers)) for frame in stack] for stack in stacks.seconds
    ]
    document = {
        "$schema": _SCHEMA,
        "exporter": "ts-sdk",
        "name": name,
        "activeProfileIndex": 0,
        "shared": {
            "frames": [
                {"name": frame.function, "file": frame.file, "line": frame.line}
                for frame in numbers
            ]
        },
        "profiles": [
            {
                "type": "sampled",
                "name": name,
                "unit": "seconds",
                "startValue": 0,
                "endValue": stacks.total_s,
                "samples": samples,
                "weights": list(stacks.seconds.values()),
            }
        ],
    }
    return f"{json.dumps(document)}\n"
