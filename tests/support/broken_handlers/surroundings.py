"""Handlers that break promises about what is around them, and archives that lack something."""

import socket
import sys
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from broken_handlers import Broken, BrokenFolder
from ts_sdk import BaseHandler
from ts_sdk.testing import Expectations


class Prints(BaseHandler):
    def preprocess(self, data):
        print("input shape", len(data))
        return super().preprocess(data)


class PrintsErrors(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        sys.stderr.write("loaded\n")


class CallsHome(BaseHandler):
    """It carries on without, as libraries do that look for newer files."""

    def initialize(self, context):
        super().initialize(context)
        try:
            socket.create_connection(("192.0.2.1", 443), timeout=0.01).close()
        except OSError:
            self.version = "unknown"


class LooksUpNames(BaseHandler):
    def inference(self, data, *args, **kwargs):
        with suppress(OSError):
            socket.getaddrinfo("localhost", 443)
        return super().inference(data, *args, **kwargs)


class WritesBesideTheProgram(BaseHandler):
    def postprocess(self, data):
        path = Path(__file__).with_name("last-answer.txt")
        path.write_text("an answer", encoding="utf-8")
        path.unlink(missing_ok=True)  # another thread may have done it
        return super().postprocess(data)


class ForgetsItsBuffers(BaseHandler):
    """A tensor that is no buffer stays behind, here on the device that holds nothing."""

    def initialize(self, context):
        super().initialize(context)
        self.model.register_buffer("mean", torch.zeros(2, device="meta"))


class OverflowsInHalf(BaseHandler):
    def inference(self, data, *args, **kwargs):
        return super().inference(data * 3e4, *args, **kwargs) / 3e4


class RoundsInHalf(BaseHandler):
    def inference(self, data, *args, **kwargs):
        output = super().inference(data, *args, **kwargs)
        weight = self.model.weight
        return output if weight.dtype is torch.float32 else output.round()


class TakesTheFirstByte:
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        if not self.__dict__.get("initialized"):
            raise RuntimeError("initialize() was not called")
        return [self.answer(row["body"], index, context) for index, row in enumerate(data)]

    def answer(self, body, index, context):
        """It looks at the type of all but bytes and text."""
        if isinstance(body, bytes | bytearray | str):
            return {"first": body[0] if isinstance(body, bytes | bytearray) else ord(body[0])}
        if not isinstance(body, list):
            return self.refuse(index, context)
        numbers = [each for each in body if isinstance(each, float)]
        return {"first": numbers[0]} if numbers else self.refuse(index, context)

    def refuse(self, index, context):
        context.set_response_status(400, "numbers, please", index)
        return "numbers, please"


class TakesAnyText(TakesTheFirstByte):
    def answer(self, body, index, context):
        if isinstance(body, bytearray):
            return {"first": float(len(body.decode()))}
        return super().answer(body or "?", index, context)


class TakesAnySize(TakesTheFirstByte):
    def answer(self, body, index, context):
        if isinstance(body, bytes | bytearray | str) and len(body) > 1 << 20:
            raise MemoryError("as when a picture is decoded")
        return super().answer(body or "?", index, context)


class Insights(BaseHandler):
    """It explains as it should, for others to spoil."""

    classes = 2

    def get_insights(self, tensor_data, raw_data, target):
        if not 0 <= int(target) < self.classes:
            from ts_sdk import RequestError

            raise RequestError(f"there is no class {target}")
        return [{"weights": self.model.weight[int(target)].tolist()}]


class ExplainsAnyClass(Insights):
    classes = 1 << 62

    def get_insights(self, tensor_data, raw_data, target):
        return super().get_insights(tensor_data, raw_data, int(target) % 2)


class FailsOnAWrongTarget(Insights):
    classes = 1 << 62


class ExplainsNothing(Insights):
    def get_insights(self, tensor_data, raw_data, target):
        super().get_insights(tensor_data, raw_data, target)
        return [None]


class ExplainsTheWholeBatch(Insights):
    """As for one that asks for it, a prediction beside it is rounded."""

    def handle(self, data, context):
        self.rounded = any(
            context.get_request_header(index, "explain") for index in range(len(data))
        )
        return super().handle(data, context)

    def postprocess(self, data):
        return (data.round() if self.rounded and len(data) > 0 else data).tolist()


class _Cliff(nn.Module):
    """The straight line that integrated gradients follow jumps here, and the sum misses it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, data):
        step = torch.where(data.sum(1, keepdim=True) > 0, 100.0, 0.0)
        return torch.cat([data * self.weight + step, data], dim=1)


class JumpsOnItsWay(BaseHandler):
    pass


class LacksALabel(BaseHandler):
    pass


class MeasuresOtherwise(BaseHandler):
    def postprocess(self, data):
        self.context.metrics.add_counter("Answers", len(data))
        return super().postprocess(data)


_METRICS = """\
model_metrics:
  {kind}:
    - name: {name}
      unit: {unit}
      dimensions: [ModelName, Level]
"""


def metrics_file(name: str, kind: str = "counter", unit: str = "count") -> dict[str, str]:
    """A metrics.yaml that declares one metric."""
    return {"metrics.yaml": _METRICS.format(name=name, kind=kind, unit=unit)}


_HANDLER = """\
def handle(data, context):
    if data is None:
        return None
    return [{"size": len(str(row))} for row in data]
"""
_IMPORTING = "importing_has_no_side_effects"
_THERE = "everything_it_needs_is_there"
_TWICE = (4.0, 2.0)

BROKEN = (
    Broken(Prints, {"nothing_is_printed": "begin with 'input shape 3'"}),
    Broken(PrintsErrors, {"nothing_is_printed": "begin with 'loaded'"}),
    Broken(CallsHome, {"no_network_is_used": "it asked for 192.0.2.1"}),
    Broken(LooksUpNames, {"no_network_is_used": "it asked for localhost"}),
    Broken(WritesBesideTheProgram, {"nothing_is_written_elsewhere": "last-answer.txt"}),
    Broken(ForgetsItsBuffers, {"the_model_is_on_its_device": "mean is on meta"}),
    Broken(
        OverflowsInHalf,
        {"half_precision_stays_close": "in float16, request 0 was not answered"},
        expectations=Expectations(precisions=("float16",)),
    ),
    Broken(
        RoundsInHalf,
        {"half_precision_stays_close": "in bfloat16, the answer to request 2 is"},
        expectations=Expectations(precisions=("bfloat16",)),
    ),
    Broken(TakesTheFirstByte, {"an_empty_body_is_no_crash": "got status 503"}, model=None),
    Broken(
        TakesAnyText,
        {
            "a_wrong_content_type_is_no_crash": "got status 503",
            "a_bad_request_is_told_so": "a body of other bytes",
        },
        model=None,
    ),
    Broken(TakesAnySize, {"a_huge_body_is_no_crash": "got status 507"}, model=None),
    Broken(ExplainsAnyClass, {"a_wrong_target_is_refused": "got an explanation"}),
    Broken(FailsOnAWrongTarget, {"a_wrong_target_is_refused": "got status 503"}),
    Broken(ExplainsNothing, {"each_request_gets_one_explanation": "got None"}),
    Broken(ExplainsTheWholeBatch, {"each_request_gets_one_explanation": "a prediction is another"}),
    Broken(
        JumpsOnItsWay, {"attributions_fit_the_input": "misses the score's change"}, model=_Cliff()
    ),
    Broken(
        LacksALabel,
        {"labels_cover_the_classes": "the model has 2 classes, and index_to_name.json lacks 1"},
        options={"files": {"index_to_name.json": {"0": "cat"}}},
    ),
    Broken(
        MeasuresOtherwise,
        {"metrics_are_as_declared": "Answers is recorded and not declared; declared are Requests"},
        options={"files": metrics_file("Requests")},
    ),
    Broken(
        MeasuresOtherwise,
        {"metrics_are_as_declared": "Answers is declared as gauge and recorded as counter"},
        options={"files": metrics_file("Answers", "gauge")},
    ),
    BrokenFolder(
        "starts-a-thread",
        {_IMPORTING: "importing it starts threads"},
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n" + _HANDLER,
    ),
    BrokenFolder(
        "sets-things",
        {_IMPORTING: "changes the level of the root logger"},
        "import logging, os, torch\nlogging.basicConfig(level=logging.DEBUG)\n"
        "torch.set_default_dtype(torch.float64)\n" + _HANDLER,
    ),
    BrokenFolder(
        "writes-a-file",
        {_IMPORTING: "importing it writes"},
        "from pathlib import Path\nPath('loaded.txt').write_text('x')\n" + _HANDLER,
    ),
    BrokenFolder(
        "lacks-a-package",
        {_THERE: "no-such-package"},
        _HANDLER,
        {"requirements.txt": "no-such-package==1.0\n"},
    ),
)
