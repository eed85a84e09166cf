"""Golden answers of one sample, as the file beside it keeps them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ts_sdk.errors import RequestError
from ts_sdk.samples.errors import SampleError
from ts_sdk.samples.json_text import json_text
from ts_sdk.samples.kept_answers import answer_from_json, answer_to_json
from ts_sdk.testing.closeness import Tolerance

_VERSION = 1


@dataclass(frozen=True)
class GoldenError:
    """A request's failure, as golden answers keep it.

    Attributes:
        status: HTTP status.
        kind: The class of what the handler raised, or else of the `RequestError`.
        message: What the sender is told; for people, and not compared.
    """

    status: int
    kind: str
    message: str = ""

    def __str__(self) -> str:
        told = f": {self.message}" if self.message else ""
        return f"{self.kind} with status {self.status}{told}"

    @classmethod
    def of(cls, error: RequestError) -> Self:
        """What is kept of *error*."""
        return cls(error.status, error.raised or type(error).__name__, error.client_message)


@dataclass(frozen=True)
class Golden:
    """What was answered to a sample in one precision on one kind of device.

    Attributes:
        precision: What the model computed in, such as ``float32``.
        device: ``cpu``, ``cuda`` or ``mps``.
        tolerance: How far other answers may be from this one.
        environment: Where it was made, as `ts_sdk.samples.environment.environment_of` tells.
        kept: The answer in JSON's types; `answer` brings it back.
        error: What the request failed with; None when it was answered.
    """

    precision: str
    device: str
    tolerance: Tolerance
    environment: Mapping[str, str]
    kept: object = None
    error: GoldenError | None = None

    @property
    def answer(self) -> object:
        """The answer, None when there was an error.

        Raises:
            SampleError: It is damaged.
        """
        return answer_from_json(self.kept)

    @property
    def key(self) -> tuple[str, str]:
        """What there is one golden answer for: precision and kind of device."""
        return self.precision, self.device

    @classmethod
    def made_of(
        cls,
        outcome: object,
        key: tuple[str, str],
        tolerance: Tolerance,
        environment: Mapping[str, str],
    ) -> Self:
        """The golden answer that an answer or a `RequestError` becomes.

        Raises:
            SampleError: The answer holds what cannot be kept.
        """
        if isinstance(outcome, RequestError):
            return cls(*key, tolerance, environment, error=GoldenError.of(outcome))
        return cls(*key, tolerance, environment, answer_to_json(outcome))


def render_goldens(goldens: Iterable[Golden]) -> bytes:
    """The content of the file for *goldens*, whose order does not matter."""
    listed = [_to_dict(golden) for golden in sorted(goldens, key=lambda golden: golden.key)]
    return f"{_lines({'version': _VERSION, 'answers': listed})}\n".encode()


def parse_goldens(where: str, content: bytes) -> tuple[Golden, ...]:
    """The golden answers in a file.

    Args:
        where: What the file is called, for messages.
        content: Its bytes.

    Raises:
        SampleError: It holds something else.
    """
    try:
        said = json.loads(content.decode())
        if said["version"] != _VERSION:
            raise SampleError(f"{where} is of version {said['version']!r}; known is {_VERSION}")
        goldens = tuple(_from_dict(each) for each in said["answers"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SampleError(
            f"{where} holds no golden answers: {type(error).__name__}: {error}; record them anew"
        ) from error
    if len({golden.key for golden in goldens}) != len(goldens):
        raise SampleError(f"{where} has two golden answers for one precision and device")
    return goldens


def _to_dict(golden: Golden) -> dict[str, object]:
    outcome = {"answer": golden.kept} if golden.error is None else {"error": asdict(golden.error)}
    return {
        "precision": golden.precision,
        "device": golden.device,
        "tolerance": asdict(golden.tolerance),
        "environment": dict(golden.environment),
        **outcome,
    }


def _from_dict(said: Mapping[str, Any]) -> Golden:
    error = said.get("error")
    texts = [said["precision"], said["device"], *said["environment"].values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("precision, device and environment must be texts")
    if error is not None and not isinstance(error["status"], int):
        raise TypeError("the status of an error must be a number")
    return Golden(
        precision=said["precision"],
        device=said["device"],
        tolerance=Tolerance(**{name: float(each) for name, each in said["tolerance"].items()}),
        environment=dict(said["environment"]),
        kept=said["answer"] if error is None else None,
        error=None if error is None else GoldenError(**error),
    )


def _lines(value: object, indent: str = "") -> str:
    """*value* as JSON: a line for each item, but lists of plain values on one line."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        items = [f"{json_text(key)}: {_lines(item, inner)}" for key, item in value.items()]
        return _bracketed("{", items, "}", indent)
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        return _bracketed("[", [_lines(item, inner) for item in value], "]", indent)
    return json_text(value)


def _bracketed(opening: str, items: Iterable[str], closing: str, indent: str) -> str:
    start = f"\n{indent}  "
    return f"{opening}{start}{f',{start}'.join(items)}\n{indent}{closing}"
