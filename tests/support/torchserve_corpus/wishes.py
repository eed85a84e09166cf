"""Descriptions, explanations, profiles: what a request or the config asks for besides an answer."""

import json

from torchserve_corpus.case import Case, Differs, Reply, Sent, form, text, value

HANDLER = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        {more}

    def preprocess(self, data):
        return [row.get("data") or row.get("body") for row in data]

    def inference(self, data, *args, **kwargs):
        return data

    def postprocess(self, data):
        return [{{"answer": each}} for each in data]

    def describe_handle(self):
        return {{"takes": "anything", "device": str(self.get_device())}}

    def get_insights(self, tensor_data, raw, target=0):
        return [{{"of": each, "raw": raw, "target": target}} for each in tensor_data]
"""

SAYS_NOTHING = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        self.model = None

    def preprocess(self, data):
        raise ValueError("nobody asked for an answer")
"""

NO_INSIGHTS = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        pass

    def preprocess(self, data):
        return data
"""

OWN_HANDLE = """
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        pass

    def describe_handle(self):
        return "a handler of my own"

    def handle(self, data, context):
        self.context = context
        if self._is_describe():
            return [self.describe_handle() for _ in data]
        return [[self._is_explain(), self.explain] for _ in data]
"""

TIMED = """
import time

from ts.handler_utils.timer import timed
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        super().initialize(context)

    @timed
    def preprocess(self, data):
        return [row["body"] for row in data]

    @timed
    def inference(self, data):
        return data

    @timed
    def postprocess(self, data):
        return data

    def _load_torchscript_model(self, path):
        import torch

        return torch.nn.Identity()
"""

PROFILED = """
import torch

from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def __init__(self):
        super().__init__()
        self.traces = []
        self.profiler_args = {
            "activities": [torch.profiler.ProfilerActivity.CPU],
            "on_trace_ready": lambda profile: self.traces.append(len(profile.key_averages()) > 0),
        }

    def initialize(self, context):
        self.device = "cpu"
        self.model = torch.nn.Identity()

    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        return [[each, len(self.traces)] for each in data.tolist()]
"""


def cases() -> list[Case]:
    """Each wish alone; where TorchServe lets the first request decide for all, ours."""
    files = {"handler.py": HANDLER.format(more="self.device = 'cpu'")}
    profile = {"handler.py": TIMED, "model.pt": b""}
    return [
        Case("wishes: a description", files, [[text("a").having(describe="True")], [text("b")]]),
        Case(
            "wishes: a description in small letters", files, [[text("a").having(describe="true")]]
        ),
        Case("wishes: a description of nothing", {"handler.py": SAYS_NOTHING}, [[_described()]]),
        Case("wishes: an explanation", files, [[text("a").having(explain="True")], [text("b")]]),
        Case("wishes: no explanation", files, [[text("a").having(explain="False")]]),
        Case("wishes: a target", files, [[_explained(target=2)]]),
        Case("wishes: a target by name", files, [[_explained(target="tabby")]]),
        Case("wishes: all requests ask", files, [[_explained(), _explained()]]),
        Case("wishes: no insights", {"handler.py": NO_INSIGHTS}, [[_explained()]]),
        Case(
            "wishes: a handle of its own",
            {"handler.py": OWN_HANDLE},
            [[_described()], [_explained()], [text("c")]],
        ),
        *_each_for_itself(files),
        *(
            Case(
                f"wishes: profile: {switch}",
                profile,
                [[value(1)]],
                model={"serializedFile": "model.pt"},
                config=f"handler:\n  profile: {switch}\n",
            )
            for switch in ("true", "false")
        ),
        Case(
            "wishes: no profile",
            profile,
            [[value(1)]],
            model={"serializedFile": "model.pt"},
        ),
        Case(
            "wishes: the profiler's switch",
            {"handler.py": PROFILED},
            [[value(1)], [value(2), value(3)]],
            environment={"ENABLE_TORCH_PROFILER": "1"},
        ),
    ]


def _each_for_itself(files: dict[str, str]) -> list[Case]:
    answer = Reply.json({"answer": "b"})
    description = Reply.json({"takes": "anything", "device": "cpu"})
    explanation = {"of": "a", "raw": "a", "target": 0}
    return [
        Case(
            "wishes: a description beside a prediction",
            files,
            [[text("a").having(describe="True"), text("b")]],
            differs=Differs("each request gets what it asks for", [[description, answer]]),
        ),
        Case(
            "wishes: an explanation beside a prediction",
            files,
            [[text("b"), text("a").having(explain="True")]],
            differs=Differs(
                "each request gets what it asks for", [[answer, Reply.json(explanation)]]
            ),
        ),
        Case(
            "wishes: a target in a form",
            files,
            [[_form_with_target()]],
            differs=Differs(
                "bytes that are digits are a number",
                [[Reply.json({**explanation, "target": 1})]],
            ),
        ),
    ]


def _described() -> Sent:
    return text("a").having(describe="True")


def _explained(target: object = None) -> Sent:
    parts = [("data", "text/plain", b"a")]
    if target is not None:
        parts.append(("target", "application/json", json.dumps(target).encode()))
    return form(*parts).having(explain="True")


def _form_with_target() -> Sent:
    parts = (("data", "text/plain", b"a"), ("target", "", b"1"))
    return form(*parts).having(explain="True")
