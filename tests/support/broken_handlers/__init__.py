"""Handlers that each break promises on purpose, and which ones."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from ts_sdk.testing import ArchiveSource, Expectations, HandlerCase, HandlerSource

LABELS = {"index_to_name.json": {"0": "cat", "1": "dog"}}
REQUESTS = ([1.0, 2.0], [3.0, -1.0], [0.5, 0.25])


def small_net() -> nn.Module:
    """Two numbers to two numbers: the sum and the difference."""
    import torch

    net = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    return net


@dataclass(frozen=True)
class Broken:
    """A handler that breaks promises.

    Attributes:
        handler: Its class or function.
        breaks: The names of the checks that fail, with a text that each one's message has.
        requests: What it is asked.
        options: Those of `load_handler` besides the model.
        model: Its model; None for none.
        bad_requests: What it refuses.
        expectations: What is said of it.
    """

    handler: Any
    breaks: Mapping[str, str]
    requests: Sequence[object] = REQUESTS
    options: Mapping[str, Any] = field(default_factory=dict)
    model: nn.Module | None = field(default_factory=small_net)
    bad_requests: Sequence[object] = ()
    expectations: Expectations | None = None

    def __repr__(self) -> str:
        return self.handler.__name__

    def case(self) -> HandlerCase:
        """It, under test."""
        model = {} if self.model is None else {"model": self.model}
        return HandlerCase(
            HandlerSource(self.handler, **model, **self.options),
            self.requests,
            bad_requests=self.bad_requests,
            expectations=self.expectations,
        )


@dataclass(frozen=True)
class BrokenFolder:
    """An archive's folder that breaks promises.

    Attributes:
        name: What it is called.
        breaks: The names of the checks that fail, with a text that each one's message has.
        handler: The text of its handler.py.
        files: Name → text of its other files.
        config: What its model-config.yaml says.
        requests: What it is asked.
    """

    name: str
    breaks: Mapping[str, str]
    handler: str
    files: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    requests: Sequence[object] = REQUESTS

    def __repr__(self) -> str:
        return self.name

    @contextmanager
    def case(self) -> Iterator[HandlerCase]:
        """It, under test."""
        model = {"modelName": self.name, "modelVersion": "1.0", "handler": "handler.py"}
        if "requirements.txt" in self.files:
            model["requirementsFile"] = "requirements.txt"
        if self.config:
            model["configFile"] = "model-config.yaml"
        files = {
            "handler.py": self.handler,
            "model-config.yaml": json.dumps(self.config),
            "MAR-INF/MANIFEST.json": json.dumps({"runtime": "python", "model": model}),
            **self.files,
        }
        with TemporaryDirectory() as name:
            for file, text in files.items():
                path = Path(name, file)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            with HandlerCase(ArchiveSource(name), self.requests) as case:
                yield case
