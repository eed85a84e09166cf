"""The text of a module with a test for each recorded request.

It is as ``ruff format`` would have it, for lines of 88 characters and for longer ones: what may be
long stands in a line of its own, behind which there is a comma.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ts_sdk.recording.recorded import Recorded

ANSWER_FILE = "answer.recorded.json"
"""The answer that a request must get, beside the request."""

_WIDTH = 80
_LONGEST_MESSAGE = 400

_HEAD = '''\
"""Recorded requests, a test each; written by ``mar replay --write-tests``."""

{imports}

HERE = Path(__file__).parent
ARCHIVE = Path(
    HERE,
    {archive},
)
RECORDED = HERE / "recorded"


@pytest.fixture(scope="module")
def model():
    with ts_sdk.load(
        ARCHIVE,
{options}    ) as model:
        yield model


def sent(name):
    return read_request(RECORDED / name)
'''
_SAME_ANSWER_HEAD = f"""

def assert_answered_as_recorded(model, name):
    assert_close_json(
        model.predict(sent(name)),
        read_answer(RECORDED / name / "{ANSWER_FILE}"),
        tolerance=Tolerance.for_precision(model.precision),
        equal_nan=True,
    )
"""
_TEST = '''

def test_{name}(model):
    """{docstring}"""
{body}
'''


class Expectation(Enum):
    """What a test expects of a request."""

    ANSWER = auto()
    SAME_ANSWER = auto()
    REJECTION = auto()


@dataclass(frozen=True)
class Case:
    """A test to be.

    Attributes:
        name: Of the test and of the request's folder: small letters, digits and ``_``.
        recorded: The request.
        expectation: What is expected of it.
    """

    name: str
    recorded: Recorded
    expectation: Expectation


def module_source(cases: Sequence[Case], archive: str, options: Mapping[str, object] | None) -> str:
    """The module's text.

    Args:
        cases: The tests.
        archive: The archive's path from the module's folder.
        options: Options of `ts_sdk.load`.
    """
    compares = any(case.expectation is Expectation.SAME_ANSWER for case in cases)
    given = "".join(
        f"        {name}={_literal(value)},\n" for name, value in (options or {}).items()
    )
    head = _HEAD.format(
        imports=_imports(compares=compares), archive=_literal(archive), options=given
    )
    return "".join([head, _SAME_ANSWER_HEAD if compares else "", *map(_test, cases)])


def _imports(*, compares: bool) -> str:
    lines = [
        "from pathlib import Path\n",
        "import pytest\n",
        "import ts_sdk",
        "from ts_sdk.recording import read_answer" if compares else "",
        "from ts_sdk.samples import read_request",
        "from ts_sdk.testing import Tolerance, assert_close_json" if compares else "",
    ]
    return "\n".join(filter(None, lines))


def _test(case: Case) -> str:
    return _TEST.format(name=case.name, docstring=_docstring(case.recorded), body=_body(case))


def _body(case: Case) -> str:
    match case.expectation:
        case Expectation.SAME_ANSWER:
            return f'    assert_answered_as_recorded(model, "{case.name}")'
        case Expectation.ANSWER:
            return f'    model.predict(sent("{case.name}"))'
        case Expectation.REJECTION:
            assert case.recorded.failure is not None  # noqa: S101 - for the type checker
            return (
                "    with pytest.raises(ts_sdk.RequestError) as raised:\n"
                f'        model.predict(sent("{case.name}"))\n'
                f"    assert raised.value.status == {case.recorded.failure.status}"
            )


def _docstring(recorded: Recorded) -> str:
    """When it was recorded, and what became of it; no text in it ends or changes the docstring."""
    failure = recorded.failure
    batch = f" in a batch of {recorded.batch_size}" if recorded.batch_size > 1 else ""
    then = "answered" if failure is None else f"status {failure.status}"
    first = f"Recorded on {recorded.time:%Y-%m-%d at %H:%M:%S} UTC{batch}: {then}."
    told = [] if failure is None else [failure.message or str(failure)]
    lines = [
        line.replace("\\", "\\\\")
        for text in filter(None, told)
        for line in textwrap.wrap(_harmless(text), _WIDTH)
    ]
    if not lines:
        return first
    return "\n".join([first, "", *(f"    {line}" for line in lines), "    "])


def _harmless(text: str) -> str:
    shown = " ".join(text.split()).replace('"', "'")
    if len(shown) > _LONGEST_MESSAGE:
        shown = f"{shown[:_LONGEST_MESSAGE]} ..."
    return "".join(char if char.isprintable() else "?" for char in shown)


def _literal(value: object) -> str:
    """*value* as source, with the quotes that the formatter prefers."""
    plain = isinstance(value, str) and not {"'", '"'} & set(value)
    return f'"{repr(value)[1:-1]}"' if plain else repr(value)
