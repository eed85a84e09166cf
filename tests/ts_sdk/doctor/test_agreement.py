"""What the doctor says of an archive is what becomes of it when it is loaded."""

import pytest
from archives import MANIFEST, make_mar, manifest_of
from torch import nn

import ts_sdk
from archiver import ArchiveError
from ts_sdk import SdkError
from ts_sdk.doctor import examine

BASE = "from ts.torch_handler.base_handler import BaseHandler\n"
OWN = """\
{top}

class Handler:
    def initialize(self, context):
        {start}

    def handle(self, data, context):
        return ["" for row in data]
"""
SUBCLASS = f"{BASE}class Handler(BaseHandler):\n    pass\n"
NET = """\
from torch import nn
class Net(nn.Module):
    def __init__(self{arguments}):
        super().__init__()
        self.linear = nn.Linear(2, 2)
"""
CONFIG = {"configFile": "model-config.yaml"}
EAGER = {"serializedFile": "model.pt", "modelFile": "model.py"}


def own(top: str = "", start: str = "pass") -> dict[str, str]:
    return {"handler.py": OWN.format(top=top, start=start)}


def eager(arguments: str = "", handler: str = SUBCLASS) -> dict[str, str]:
    return {"handler.py": handler, "model.py": NET.format(arguments=arguments), "model.pt": "state"}


RUNS = {
    "a plain class": (own(), {}),
    "a function": (
        {"handler.py": "def predict(d, c):\n    return d\n"},
        {"handler": "handler:predict"},
    ),
    "a subclass": (eager(), EAGER),
    "old names": (own("import ts.context\nfrom ts.utils.util import load_label_mapping"), {}),
    "an optional import": (own("try:\n    import nowhere\nexcept ImportError:\n    pass"), {}),
    "a module of its own": (own("import util.texts") | {"util/texts.py": "x = 1\n"}, {}),
    "a relative path while loading": (own(start="open('a.txt').close()") | {"a.txt": "x"}, {}),
    "a file that is packed": (
        own(
            "import os",
            "open(os.path.join(context.system_properties['model_dir'], 'a.txt')).close()",
        )
        | {"a.txt": "x"},
        {},
    ),
    "a file that is looked for first": (
        own("import os", "x = open('b.txt') if os.path.isfile('b.txt') else None"),
        {},
    ),
    "a file that the handler writes": (
        own(start="open('b.txt', 'w').close(); open('b.txt').close()"),
        {},
    ),
    "a model of its own": (
        {"handler.py": f"{SUBCLASS}    def _load_folder(self, folder):\n        return abs\n"},
        {},
    ),
    "a name for its only class": (own(), {"handler": "handler.py:predict"}),
    "weights by a literal name": (
        own("import torch", "torch.load('model.pt')") | {"model.pt": "state"},
        {"serializedFile": "model.pt"},
    ),
}
DOES_NOT = {
    "a missing package": (own("import nowhere"), {}),
    "a missing package, late": (own(start="import nowhere"), {}),
    "a missing name": (own("from util import texts") | {"util.py": "x = 1\n"}, {}),
    "a missing module": (own("import util.texts") | {"util/__init__.py": ""}, {}),
    "an import with dots": (own("from .util import x") | {"util.py": "x = 1\n"}, {}),
    "an import of itself": ({"nowhere.py": "from nowhere import x\n"}, {"handler": "nowhere.py"}),
    "a name that moved": (own("import numpy as np", "np.float(1)"), {}),
    "a module that moved": (own("from torch._six import inf"), {}),
    "an old name that is left out": (own("import ts.torch_handler.dali_handler"), {}),
    "an old name that never was": (own("from ts.utils.util import nothing"), {}),
    "two handlers": ({"handler.py": SUBCLASS + "class Other(BaseHandler):\n    pass\n"}, {}),
    "no handler in the file": ({"handler.py": "x = 1\n"}, {}),
    "modules that are filled, and no handler": (
        {"handler.py": "import sys\nsys.modules['sys'] = sys\n"},
        {},
    ),
    "no initialize": ({"handler.py": "class H:\n    def handle(self, d, c):\n        pass\n"}, {}),
    "no model at all": ({"handler.py": SUBCLASS}, {}),
    "no model for a built-in handler": ({"a.txt": ""}, {"handler": "image_classifier"}),
    "no model for an initialize that calls its base's": (
        {
            "handler.py": f"{SUBCLASS}    def initialize(self, context):\n"
            "        super().initialize(context)\n"
        },
        {},
    ),
    "a file that is not packed": (
        own("import os", "open(os.path.join(context.system_properties['model_dir'], 'b.txt'))"),
        {},
    ),
    "a package of handlers that is misspelt": (
        {"handler.py": SUBCLASS.replace("torch_handler", "torch_handlers")},
        {},
    ),
    "no such handler": (own(), {"handler": "elsewhere.py"}),
    "a handler with arguments": (
        {"handler.py": f"{SUBCLASS}    def __init__(self, model):\n        pass\n"},
        {},
    ),
    "a model with arguments": (eager(", width"), EAGER),
    "no model in the file": (eager() | {"model.py": "x = 1\n"}, EAGER),
    "two models": (
        eager() | {"model.py": NET.format(arguments="") + "class N(Net): pass\n"},
        EAGER,
    ),
    "weights alone": (
        {"handler.py": SUBCLASS, "model.pt": "state"},
        {"serializedFile": "model.pt"},
    ),
    "a whole module": (
        {"handler.py": SUBCLASS, "model.pt": "whole"},
        {"serializedFile": "model.pt"},
    ),
    "a whole module, read by the handler": (
        own("import torch", "torch.load('model.pt')") | {"model.pt": "whole"},
        {"serializedFile": "model.pt"},
    ),
    "python 2": ({"handler.py": "print 1\n"}, {}),
    "a config that is wrong": (own() | {"model-config.yaml": "batchSize: many\n"}, CONFIG),
    "an envelope that is unknown": (own(), {"envelope": "jsonx"}),
    "a handler that needs a server": (own(), {"handler": "vllm_handler"}),
}


def packed(folder, files, model, saved):
    weights = {
        "state": lambda: saved(nn.ModuleDict({"linear": nn.Linear(2, 2)}).state_dict()),
        "whole": lambda: saved(nn.Linear(2, 2)),
    }
    contents = {
        name: weights[content]() if content in weights else content.encode()
        for name, content in files.items()
    }
    return make_mar(folder / "cat.mar", {**contents, MANIFEST: manifest_of(**model)})


@pytest.mark.parametrize("case", RUNS)
def test_what_runs_as_it_is_is_loaded(case, tmp_path, saved):
    path = packed(tmp_path, *RUNS[case], saved)

    assert examine(path).verdict == "runs"
    ts_sdk.load(path, device="cpu").close()


@pytest.mark.parametrize("case", DOES_NOT)
def test_what_needs_a_change_or_cannot_run_is_refused(case, tmp_path, saved):
    path = packed(tmp_path, *DOES_NOT[case], saved)

    assert examine(path).verdict != "runs"
    with pytest.raises((SdkError, ArchiveError)):
        ts_sdk.load(path, device="cpu")
