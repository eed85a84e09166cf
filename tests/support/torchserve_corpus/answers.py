"""What a handler may answer: how each kind is written, and what is said of those that cannot be."""

from torchserve_corpus.case import WORKER_DIED, Case, Differs, Reply, binary, text, value

ANSWERS_BY_NAME = """
import collections
import decimal
import enum
import pathlib

import numpy as np
import torch


class Word(str, enum.Enum):
    YES = "yes"


Pair = collections.namedtuple("Pair", "left right")


class Odd:
    pass


def circular():
    found = []
    found.append(found)
    return found


ANSWERS = {
    "bytes": lambda: bytes(range(256)),
    "no bytes": lambda: b"",
    "bytearray": lambda: bytearray(b"\\x00ab"),
    "text": lambda: "Gr\\u00fc\\u00dfe \\U0001f600",
    "no text": lambda: "",
    "text enum": lambda: Word.YES,
    "dict": lambda: {"label": "tabby", "score": 0.1, "n\\u00e4me": "\\u00df"},
    "dict with numbers for keys": lambda: {1: "a", 2.5: "b", None: "c", True: "d"},
    "ordered dict": lambda: collections.OrderedDict(b=1, a=2),
    "list": lambda: [[1, 2.0], []],
    "tuple": lambda: (1, (2, 3)),
    "named tuple": lambda: Pair(1, 2),
    "whole number": lambda: 7,
    "large number": lambda: 2**70,
    "number": lambda: 0.1 + 0.2,
    "small number": lambda: 1e-300,
    "NaN": lambda: float("nan"),
    "infinities": lambda: [float("inf"), -float("inf")],
    "true": lambda: True,
    "none": lambda: None,
    "numpy float64": lambda: np.float64(0.5),
    "tensor": lambda: torch.tensor([[1.0, 2.0], [3.0, 4.5]]),
    "tensor of one number": lambda: torch.tensor(3),
    "tensor of half precision": lambda: torch.tensor([0.5], dtype=torch.float16),
    "parameter": lambda: torch.nn.Parameter(torch.tensor([1.0])),
    "tensors in a list": lambda: [torch.tensor([1.0])],
    "numpy float32": lambda: np.float32(0.5),
    "numpy array": lambda: np.array([1, 2]),
    "memoryview": lambda: memoryview(b"ab"),
    "bytes in a dict": lambda: {"image": b"ab"},
    "set": lambda: {1},
    "object": lambda: Odd(),
    "path": lambda: pathlib.PurePosixPath("a"),
    "decimal": lambda: decimal.Decimal("0.1"),
    "generator": lambda: (number for number in range(2)),
    "dict with tuples for keys": lambda: {(1, 2): "a"},
    "circle": circular,
    "half a character": lambda: "\\ud800",
}


def handle(data, context):
    return None if data is None else [ANSWERS[row["body"]]() for row in data]
"""

SENT = (
    "bytes",
    "no bytes",
    "bytearray",
    "text",
    "no text",
    "text enum",
    "dict",
    "dict with numbers for keys",
    "ordered dict",
    "list",
    "tuple",
    "named tuple",
    "whole number",
    "large number",
    "number",
    "small number",
    "NaN",
    "infinities",
    "true",
    "none",
    "numpy float64",
    "tensor",
    "tensor of one number",
    "tensor of half precision",
    "parameter",
)
REFUSED = (
    "tensors in a list",
    "numpy float32",
    "numpy array",
    "memoryview",
    "bytes in a dict",
    "set",
    "object",
    "path",
    "decimal",
    "generator",
    "dict with tuples for keys",
)
DEADLY = ("circle", "half a character")
"""What takes TorchServe's worker down."""

UNSUPPORTED = Reply.failed(503, "Unsupported model output data type.")
MISMATCHED = "number of batch response mismatched"
INVALID = "Invalid model predict output"

RETURNS = """
import numpy as np
import torch

RETURNED = {{
    "tuple": lambda rows: tuple(rows),
    "dict": lambda rows: {{"answers": rows}},
    "text": lambda rows: "answer",
    "nothing": lambda rows: None,
    "tensor": lambda rows: torch.ones(len(rows), 2),
    "array": lambda rows: np.ones(len(rows)),
    "none": lambda rows: [],
    "one less": lambda rows: rows[1:],
    "one more": lambda rows: [*rows, "x"],
    "a list's own kind": lambda rows: type("Rows", (list,), {{}})(rows),
}}


def handle(data, context):
    return None if data is None else RETURNED[{what!r}]([row["body"] for row in data])
"""
RETURNS_ROWS = """
def handle(data, context):
    return data
"""
RETURNED = (
    "tuple",
    "dict",
    "text",
    "nothing",
    "tensor",
    "array",
    "none",
    "one less",
    "one more",
    "a list's own kind",
)


def cases() -> list[Case]:
    """Each kind of answer, alone and among others; and what is no list of answers."""
    files = {"handler.py": ANSWERS_BY_NAME}
    return [
        *(Case(f"answers: {name}", files, [[text(name)]]) for name in (*SENT, *REFUSED)),
        Case("answers: kinds in one batch", files, [[text(name) for name in SENT]]),
        *(
            Case(
                f"answers: {name}",
                files,
                [[text(name)], [text("true")]],
                differs=Differs(
                    f"TorchServe's worker dies of it ({WORKER_DIED})",
                    [[UNSUPPORTED], [Reply.json(True)]],
                ),
            )
            for name in DEADLY
        ),
        Case(
            "answers: one of a batch cannot be sent",
            files,
            [[text("true"), text("set"), text("text")]],
            differs=Differs(
                "the others keep their answers",
                [[Reply.json(True), UNSUPPORTED, Reply(body="Grüße \U0001f600".encode())]],
            ),
        ),
        *(
            Case(
                f"answers: returned as {name}",
                {"handler.py": RETURNS.format(what=name)},
                [[text("a")], [text("b"), text("c")]],
            )
            for name in RETURNED
        ),
        Case(
            "answers: the rows themselves", {"handler.py": RETURNS_ROWS}, [[text("a"), value([1])]]
        ),
        Case("answers: rows with bytes themselves", {"handler.py": RETURNS_ROWS}, [[binary(b"a")]]),
    ]
