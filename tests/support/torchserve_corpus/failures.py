"""Handlers that fail: at their start, for a whole batch, for one request of it."""

from torchserve_corpus.case import WORKER_DIED, Case, Differs, Reply, text

RAISES_BY_NAME = """
import sys

import torch

from ts.utils.util import PredictionException


class OutOfStock(PredictionException):
    def __init__(self, what):
        super().__init__("no " + what, 410)


def fail(what):
    if what == "prediction":
        raise PredictionException("it cannot be said")
    if what == "prediction with a code":
        raise PredictionException("bad picture", 400)
    if what == "prediction by name":
        raise PredictionException(message="too much", error_code=513)
    if what == "own prediction":
        raise OutOfStock("cats")
    if what == "own characters":
        raise PredictionException("Gr\\u00fc\\u00dfe & <b>'quoted' = \\"text\\"</b>", 422)
    if what == "memory":
        raise MemoryError
    if what == "CUDA":
        raise RuntimeError("CUDA error: device-side assert triggered")
    if what == "CUDA's memory":
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    if what == "a value that names CUDA":
        raise ValueError("no CUDA here")
    if what == "value":
        raise ValueError("wrong value")
    if what == "key":
        return {}["body"]
    if what == "assertion":
        assert False, "never"
    if what == "exit":
        sys.exit(3)
    return what


def handle(data, context):
    return None if data is None else [fail(row["body"]) for row in data]
"""
RAISED = (
    "prediction",
    "prediction with a code",
    "prediction by name",
    "own prediction",
    "own characters",
    "memory",
    "CUDA",
    "CUDA's memory",
    "a value that names CUDA",
    "value",
    "key",
    "assertion",
)

DIES = """
import os


def handle(data, context):
    if data is not None and data[0]["body"] == "kill":
        os._exit(4)
    return data and [row["body"] for row in data]
"""

RAISES_IN_PHASE = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.fails("initialize", "")

    def preprocess(self, data):
        return [self.fails("preprocess", row["body"]) for row in data]

    def inference(self, data):
        return [self.fails("inference", each) for each in data]

    def postprocess(self, data):
        return [self.fails("postprocess", each) for each in data]

    def fails(self, phase, told):
        if told == phase:
            raise RuntimeError("failed in " + phase)
        return told
"""

CATCHES = """
from ts.utils.util import PredictionException


def handle(data, context):
    if data is None:
        return None
    try:
        raise PredictionException("inner", 404)
    except PredictionException as error:
        return [{"text": str(error), "message": error.message, "code": error.error_code,
                 "args": list(error.args), "is": isinstance(error, Exception)} for _ in data]
"""

STARTS_BADLY = {
    "it raises": "def handle(data, context):\n    raise ValueError('no model')\n",
    "it is no Python": "def handle(data, context)\n",
    "it imports what is not there": "import not_there_at_all\n",
    "it defines nothing": "answer = 42\n",
    "it wants arguments": """
        class Handler:
            def __init__(self, path):
                self.path = path

            def initialize(self, context):
                pass

            def handle(self, data, context):
                return data
        """,
    "it has no handle": """
        class Handler:
            def initialize(self, context):
                pass
        """,
    "it runs out of memory": "def handle(data, context):\n    raise MemoryError\n",
    "it says CUDA": "def handle(data, context):\n    raise RuntimeError('CUDA error')\n",
    "it leaves": "import sys\nsys.exit(2)\n",
}
_FAILED = Reply.failed(503, "Prediction failed")


def cases() -> list[Case]:
    """Failures of each kind, alone and beside requests that are all right."""
    files = {"handler.py": RAISES_BY_NAME}
    phases = {"handler.py": RAISES_IN_PHASE}
    names = ("preprocess", "inference", "postprocess")
    return [
        *(Case(f"failures: {name}", files, [[text(name)], [text("fine")]]) for name in RAISED),
        *(Case(f"failures: in {name}", phases, [[text(name)], [text("fine")]]) for name in names),
        Case("failures: a whole batch", files, [[text("value"), text("value")]]),
        Case(
            "failures: one of a batch of sequences",
            files,
            [[text("a"), text("value")]],
            config="sequenceBatching: true\nbatchSize: 2\n",
        ),
        Case("failures: an exception that is caught", {"handler.py": CATCHES}, [[text("")]]),
        *_with_neighbours(),
        Case(
            "failures: exit",
            files,
            [[text("exit")], [text("fine")]],
            differs=Differs(
                f"TorchServe's worker ends ({WORKER_DIED})", [[_FAILED], [Reply(body=b"fine")]]
            ),
        ),
        Case(
            "failures: the end of the process",
            {"handler.py": DIES},
            [[text("kill")], [text("fine")]],
            options={"isolation": "process"},
        ),
        *(
            Case(f"failures: {name} at the start", {"handler.py": code}, starts=False)
            for name, code in STARTS_BADLY.items()
        ),
    ]


def _with_neighbours() -> list[Case]:
    """One request of a batch is at fault: TorchServe fails all of them."""
    failures = {
        "prediction with a code": Reply.failed(400, "bad picture"),
        "CUDA": Reply.failed(507, "Out of resources"),
        "key": _FAILED,
    }
    return [
        Case(
            f"failures: {name}, in a batch",
            {"handler.py": RAISES_BY_NAME},
            [[text("a"), text(name), text("b"), text("c")]],
            differs=Differs(
                "the others keep their answers",
                [[Reply(body=b"a"), reply, Reply(body=b"b"), Reply(body=b"c")]],
            ),
        )
        for name, reply in failures.items()
    ]
