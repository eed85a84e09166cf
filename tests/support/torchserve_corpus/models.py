"""Every form of model that `BaseHandler` loads, and the labels beside it."""

import io
import sys
import warnings
from types import ModuleType
from typing import Any
from unittest import mock

from torchserve_corpus.case import Case, Content, Differs, Reply, text, value

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3, bias=False)

    def forward(self, x):
        return self.linear(x)
"""

TAKES_NUMBERS = """
import torch

from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def preprocess(self, data):
        rows = [row.get("data") or row.get("body") for row in data]
        return torch.as_tensor(rows, dtype=torch.float32, device=self.device)
"""

SHOWS_STATE = """
import torch

from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def handle(self, data, context):
        return [
            {
                "attributes": {name: str(getattr(self, name, "absent")) for name in
                               ("device", "initialized", "map_location", "explain", "target",
                                "profiler_args", "model_yaml_config", "mapping")},
                "path": self.model_pt_path.rsplit("/", 1)[-1],
                "manifest": self.manifest["model"]["modelName"],
                "training": self.model.training,
            }
            for _ in data
        ]
"""

NAMES_CLASSES = """
from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import map_class_to_label


class Handler(BaseHandler):
    def preprocess(self, data):
        import torch

        return torch.tensor([row["body"] for row in data])

    def postprocess(self, data):
        values, classes = data.topk(2, dim=1)
        return map_class_to_label(values.tolist(), self.mapping, classes.tolist())
"""

LOADS_BY_ITSELF = """
import importlib
import os

import torch

from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import list_classes_from_module, load_label_mapping


class Handler(BaseHandler):
    def initialize(self, ctx):
        self.manifest = ctx.manifest
        folder = ctx.system_properties.get("model_dir")
        gpu = ctx.system_properties.get("gpu_id")
        self.device = torch.device("cuda:" + str(gpu) if torch.cuda.is_available() else "cpu")
        module = importlib.import_module(self.manifest["model"]["modelFile"].split(".")[0])
        (network,) = list_classes_from_module(module)
        self.model = network()
        path = os.path.join(folder, self.manifest["model"]["serializedFile"])
        self.model.load_state_dict(torch.load(path, map_location=self.device))
        self.model.to(self.device).eval()
        self.mapping = load_label_mapping(os.path.join(folder, "index_to_name.json"))
        self.initialized = True

    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data], device=self.device)
"""

UNPICKLES = """
import os

import torch

from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        path = os.path.join(context.system_properties["model_dir"], "net.pt")
        self.model = torch.load(path, weights_only=False).eval()
        self.device = torch.device("cpu")

    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])
"""

OVERRIDES_LOADING = """
import torch

from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def _load_pickled_model(self, model_dir, model_file, model_pt_path):
        model = super()._load_pickled_model(model_dir, model_file, model_pt_path)
        model.linear.weight.data.mul_(10)
        return model

    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data])
"""

LABELS = {
    "names": '{"0": "left", "1": "right", "2": "both"}',
    "pairs": '{"0": ["n0", "left"], "1": ["n1", "right"], "2": ["n2", "both"]}',
    "object_type_names": '{"object_type_names": ["left", "right", "both"]}',
}


def weights() -> bytes:
    """The state dict of `NET`: its scores for ``[a, b]`` are a, b and a + b."""
    import torch

    return saved({"linear.weight": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])})


def scripted() -> bytes:
    """The same model as TorchScript."""
    import torch

    net = torch.nn.Linear(2, 3, bias=False)
    net.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    return scripted_module(net)


def pickled() -> bytes:
    """The whole model as a pickle, whose class is that of an archive's ``net.py``."""
    import torch

    module = ModuleType("net")
    exec(NET, vars(module))  # noqa: S102 - the text above
    net = module.Net()
    net.linear.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    with mock.patch.dict(sys.modules, net=module):
        return saved(net)


def cases() -> list[Case]:
    """Model forms and labels under `BaseHandler`."""
    return [*_forms(), *_labels()]


def _forms() -> list[Case]:
    batches = [[value([3.0, -1.0])], [value([1, 2]), value([0.5, 0.25], "data")]]
    eager: dict[str, Content] = {"net.py": NET, "weights.pth": weights}
    named = {"modelFile": "net.py", "serializedFile": "weights.pth"}
    in_script: dict[str, Content] = {"model.pt": scripted}
    script = {"serializedFile": "model.pt"}
    return [
        Case("models: eager", {**eager, "handler.py": TAKES_NUMBERS}, batches, model=named),
        Case(
            "models: TorchScript", {**in_script, "handler.py": TAKES_NUMBERS}, batches, model=script
        ),
        Case(
            "models: what is set", {**eager, "handler.py": SHOWS_STATE}, [[text("")]], model=named
        ),
        Case(
            "models: base_handler behind the body envelope",
            in_script,
            batches,
            "base_handler",
            model={**script, "envelope": "body"},
        ),
        Case(
            "models: loads by itself",
            {**eager, "handler.py": LOADS_BY_ITSELF},
            [batches[0]],
            model=named,
        ),
        Case(
            "models: overrides loading",
            {**eager, "handler.py": OVERRIDES_LOADING},
            [batches[0]],
            model=named,
        ),
        Case(
            "models: base_handler alone",
            in_script,
            [[value([3.0, -1.0])]],
            "base_handler",
            model=script,
            differs=Differs(
                "rows are taken apart, which TorchServe leaves to an envelope",
                [[Reply.json([3.0, -1.0, 2.0])]],
            ),
        ),
        Case(
            "models: a pickle of the whole model",
            {"handler.py": UNPICKLES, "net.py": NET, "net.pt": pickled},
            [batches[0]],
        ),
        Case("models: none", {"handler.py": TAKES_NUMBERS}, starts=False),
        Case("models: not there", {"handler.py": TAKES_NUMBERS}, model=script, starts=False),
        Case(
            "models: eager, of another shape",
            {**eager, "handler.py": TAKES_NUMBERS, "net.py": NET.replace("2, 3", "3, 2")},
            model=named,
            starts=False,
        ),
    ]


def _labels() -> list[Case]:
    files: dict[str, Content] = {"model.pt": scripted, "handler.py": NAMES_CLASSES}
    script = {"serializedFile": "model.pt"}
    asked = [[value([3.0, -1.0]), value([1.0, 2.0])]]
    return [
        *(
            Case(f"labels: {kind}", {**files, "index_to_name.json": content}, asked, model=script)
            for kind, content in LABELS.items()
        ),
        Case("labels: none", files, asked, model=script),
        Case(
            "labels: a number for a name",
            {**files, "index_to_name.json": '{"0": 7}'},
            model=script,
            starts=False,
        ),
        Case(
            "labels: a list",
            {**files, "index_to_name.json": '["left"]'},
            model=script,
            starts=False,
        ),
    ]


def saved(content: object) -> bytes:
    """What `torch.save` writes."""
    import torch

    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def scripted_module(module: Any) -> bytes:
    """What `torch.jit.save` writes of a module, without its deprecation warning."""
    import torch

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module.eval()), file)
    return file.getvalue()
