"""`BaseHandler` as its subclasses, and the old server, see it."""

import json
import threading

import pytest
import torch

from ts_sdk import BaseHandler, Context
from ts_sdk.errors import (
    ConfigError,
    HandlerContractError,
    ModelFormatError,
    RequestError,
    UnsafeWeightsError,
)

MODEL_FILE = """
    from torch import nn
    class Affine(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)
        def forward(self, x): return self.linear(x)
"""
WEIGHTS = {"linear.weight": torch.tensor([[2.0, 3.0]]), "linear.bias": torch.tensor([1.0])}


@pytest.fixture
def files(saved):
    """An archive whose model answers 2a + 3b + 1."""
    return {"model.py": MODEL_FILE, "weights.pt": saved(WEIGHTS)}


@pytest.fixture
def context_for(write_folder):
    """A context as the old server makes it: positional, and with nothing of ours in it."""

    def make(files, *, gpu=None, config=None, **model):
        folder = write_folder(files)
        manifest = {"model": {"modelName": "affine", **model}}
        return Context("affine", str(folder), manifest, 4, gpu, "0.12.0", True, None, config)

    return make


def batch_of(context, size):
    return context.for_batch([{}] * size, [str(number) for number in range(size)])


class TestInitialize:
    def test_sets_what_subclasses_read(self, files, context_for):
        files |= {"index_to_name.json": '{"0": "cat"}'}
        context = context_for(
            files,
            config={"handler": {"topk": 3}},
            serializedFile="weights.pt",
            modelFile="model.py",
        )
        handler = BaseHandler()
        assert not handler.initialized
        handler.initialize(context)
        assert handler.initialized
        assert not handler.model.training
        assert handler.device == torch.device("cpu")
        assert handler.map_location == "cpu"
        assert handler.mapping == {"0": "cat"}
        assert handler.manifest is context.manifest
        assert handler.model_yaml_config == {"handler": {"topk": 3}}
        assert handler.settings == {"topk": 3}
        assert handler.context is context
        assert handler.model_pt_path.endswith("weights.pt")
        assert (handler.explain, handler.target) == (False, 0)

    def test_a_gpu_id_without_a_gpu_means_the_cpu_as_under_the_old_server(self, files, context_for):
        context = context_for(files, gpu=0, serializedFile="weights.pt", modelFile="model.py")
        handler = BaseHandler()
        handler.initialize(context)
        available = torch.cuda.is_available() or torch.backends.mps.is_available()
        assert available or handler.device.type == "cpu"

    def test_without_a_model_says_what_to_do(self, context_for):
        with pytest.raises(ConfigError, match="neither a serialized file nor a model file"):
            BaseHandler().initialize(context_for({}))

    def test_settings_are_empty_or_a_section(self):
        handler = BaseHandler()
        assert handler.settings == {}
        handler.model_yaml_config = None
        assert handler.settings == {}
        handler.model_yaml_config = {"handler": ["x"]}
        with pytest.raises(ConfigError, match="handler must be a section"):
            _ = handler.settings

    def test_of_a_subclass_may_use_the_loading_methods_alone(self, files, load_folder):
        """Many handlers copy TorchServe's initialize and call its loading methods."""
        files["handler.py"] = """
            import os, torch
            from ts_sdk import BaseHandler
            class Mine(BaseHandler):
                def __init__(self):
                    super().__init__()
                    self._context = None
                def initialize(self, ctx):
                    self.manifest = ctx.manifest
                    properties = ctx.system_properties
                    model_dir = properties.get("model_dir")
                    self.device = torch.device("cpu")
                    serialized_file = self.manifest["model"]["serializedFile"]
                    model_pt_path = os.path.join(model_dir, serialized_file)
                    self.model = self._load_pickled_model(
                        model_dir, self.manifest["model"]["modelFile"], model_pt_path
                    )
                    self.model.to(self.device)
                    self.initialized = True
        """
        model = load_folder(files, serialized_file="weights.pt", model_file="model.py")
        assert model.predict([1.0, 1.0]) == [6.0]

    def test_of_a_subclass_that_does_not_know_its_context_trusts_what_load_trusts(
        self, load_folder, tmp_path
    ):
        files = {
            "model.py": "from torch import nn\nclass Twice(nn.Module):\n"
            "    def forward(self, x): return x * 2",
            "handler.py": """
                from ts_sdk import BaseHandler
                class Mine(BaseHandler):
                    def initialize(self, context):
                        self.model = self._load_torchscript_model(
                            context.system_properties["model_dir"] + "/whole.pt"
                        )
            """,
            "save.py": "import torch, model\ndef save(path): torch.save(model.Twice(), path)",
        }
        from ts_sdk.imports import ArchiveCode

        folder = tmp_path / "made"
        folder.mkdir()
        for name in ("model.py", "save.py"):
            (folder / name).write_text(files[name])
        code = ArchiveCode(folder, keep_bytecode=False)
        with code.running():
            code.import_file("save.py").save(folder / "whole.pt")
        code.close()
        files["whole.pt"] = (folder / "whole.pt").read_bytes()
        with pytest.raises(UnsafeWeightsError, match=r"model\.Twice"):
            load_folder(files)
        assert load_folder(files, trust_pickle=True).predict([1.0, 2.0]) == [2.0, 4.0]


class TestHandleUnderAServerThatKnowsNothingOfUs:
    """The old server calls `handle` itself; rejections must work there too."""

    @pytest.fixture
    def handler(self, files, context_for):
        class Careful(BaseHandler):
            def preprocess(self, data):
                rows = []
                for index, row in enumerate(data):
                    if isinstance(row["body"], list):
                        rows.append(row["body"])
                    else:
                        self.reject(index, f"{row['body']!r} is no list", status=422)
                return torch.tensor(rows)

            def postprocess(self, data):
                for index, value in enumerate(data[:, 0].tolist()):
                    if value < 0:
                        self.reject(index, "negative", status=500)
                return data.tolist()

        handler = Careful()
        handler.initialize(context_for(files, serializedFile="weights.pt", modelFile="model.py"))
        return handler

    def test_answers_are_in_order(self, handler):
        context = batch_of(handler.context, 2)
        rows = [{"body": [1.0, 1.0]}, {"body": [0.0, 0.0]}]
        assert handler.handle(rows, context) == [[6.0], [1.0]]
        assert [context.get_response_status(index)[0] for index in (0, 1)] == [200, 200]

    def test_rejected_requests_have_an_error_answer_and_a_status(self, handler):
        context = batch_of(handler.context, 4)
        rows = [{"body": body} for body in ("a", [1.0, 1.0], [-9.0, 0.0], [0.0, 0.0])]
        answers = handler.handle(rows, context)
        assert answers[1::2] == [[6.0], [1.0]]
        assert answers[0] == {
            "code": 422,
            "type": "BadRequestException",
            "message": "'a' is no list",
        }
        assert answers[2]["code"] == 500
        assert json.dumps(answers)
        statuses = [context.get_response_status(index) for index in range(4)]
        assert [code for code, _ in statuses] == [422, 200, 500, 200]
        assert statuses[0][1] == "'a' is no list"

    def test_a_batch_that_is_rejected_whole_never_reaches_the_model(self, handler):
        handler.inference = None
        answers = handler.handle([{"body": "a"}], batch_of(handler.context, 1))
        assert answers[0]["code"] == 422

    def test_the_context_within_is_that_of_the_batch(self, handler):
        context = batch_of(handler.context, 1)
        seen = []
        handler.postprocess = lambda data: seen.append(handler.context) or data.tolist()
        handler.handle([{"body": [1.0, 1.0]}], context)
        assert seen == [context]
        assert handler.context is not context

    def test_a_batch_may_be_handled_in_parts(self, handler):
        """To use less memory, say; each part has rows of its own."""
        context = batch_of(handler.context, 4)
        rows = [{"body": body} for body in ([1.0, 1.0], "a", "b", [0.0, 0.0])]
        answers = handler.handle(rows[:2], context) + handler.handle(rows[2:], context)
        assert answers[0::3] == [[6.0], [1.0]]
        assert [answer["code"] for answer in answers[1:3]] == [422, 422]

    def test_reject_outside_of_a_batch_says_where_to_call_it(self, handler):
        with pytest.raises(RuntimeError, match="in the thread that handle"):
            handler.reject(0, "no")

    def test_reject_in_a_thread_of_the_handler_says_where_to_call_it(self, handler):
        problems = []

        def preprocess(data):
            def decode():
                try:
                    handler.reject(0, "no")
                except RuntimeError as error:
                    problems.append(str(error))

            thread = threading.Thread(target=decode)
            thread.start()
            thread.join()
            return torch.tensor([row["body"] for row in data])

        handler.preprocess = preprocess
        handler.handle([{"body": [1.0, 1.0]}], batch_of(handler.context, 1))
        assert "in the thread that handle() runs in" in problems[0]


class TestTheDefaultSteps:
    @pytest.fixture
    def handler(self):
        handler = BaseHandler()
        handler.device = torch.device("cpu")
        return handler

    @pytest.mark.parametrize(
        "row", [{"body": [1, 2]}, {"data": [1, 2]}, {"body": None, "data": [1, 2]}]
    )
    def test_preprocess_takes_data_or_body(self, handler, row):
        assert handler.preprocess([row, row]).tolist() == [[1, 2], [1, 2]]

    def test_preprocess_takes_tensors_and_keeps_integers(self, handler):
        assert handler.preprocess([{"body": torch.arange(3)}]).dtype is torch.int64
        assert handler.preprocess([{"body": [1.5]}]).dtype is torch.float32

    def test_inference_passes_everything_on_without_gradients(self, handler):
        weight = torch.ones(1, requires_grad=True)
        handler.model = lambda x, y, scale: (x.is_inference(), (x + y) * scale * weight)
        inside, answer = handler.inference(torch.ones(1), torch.ones(1), scale=2)
        assert answer.item() == 4.0
        assert not answer.requires_grad
        assert not inside  # the input was made outside

    @pytest.mark.parametrize("output", ["text", [], None])
    def test_postprocess_says_what_to_override(self, handler, output):
        with pytest.raises(HandlerContractError, match=r"returned a \w+: override postprocess"):
            handler.postprocess(output)


class TestModelForms:
    def test_a_state_dict_with_its_model_file(self, files, load_folder):
        model = load_folder(
            files, handler="base_handler", serialized_file="weights.pt", model_file="model.py"
        )
        assert model.predict([1.0, 1.0]) == [6.0]

    def test_safetensors_with_its_model_file(self, files, load_folder):
        from safetensors.torch import save

        files["weights.safetensors"] = save(WEIGHTS)
        model = load_folder(
            files,
            handler="base_handler",
            serialized_file="weights.safetensors",
            model_file="model.py",
        )
        assert model.predict([1.0, 1.0]) == [6.0]

    def test_torchscript(self, load_folder, script, save_scripted, tmp_path):
        layer = torch.nn.Linear(2, 1)
        layer.load_state_dict({name[7:]: tensor for name, tensor in WEIGHTS.items()})
        path = save_scripted(script(layer), tmp_path / "scripted.pt")
        files = {"scripted.pt": path.read_bytes()}
        model = load_folder(files, handler="base_handler", serialized_file="scripted.pt")
        assert model.predict([1.0, 1.0]) == [6.0]

    def test_a_model_file_in_a_package_with_clashing_names(self, load_folder, saved):
        files = {
            "net/__init__.py": "",
            "net/model.py": MODEL_FILE.replace(
                "class", "from .layers import Linear\n    class"
            ).replace("nn.Linear", "Linear"),
            "net/layers.py": "from torch.nn import Linear",
            "weights.pt": saved(WEIGHTS),
        }
        for name in "ab":
            model = load_folder(
                files,
                name=name,
                handler="base_handler",
                serialized_file="weights.pt",
                model_file="net/model.py",
            )
            assert model.predict([1.0, 1.0]) == [6.0]

    def test_torch_jit_script_of_an_archives_class(self, load_folder):
        """It reads the class's source and its module's names."""
        import warnings

        files = {
            "model.py": """
                import torch
                from torch import nn
                import layers

                def double(x: torch.Tensor) -> torch.Tensor: return layers.once(x) * 2

                class Net(nn.Module):
                    def forward(self, x: torch.Tensor) -> torch.Tensor: return double(x)
            """,
            "layers.py": "import torch\ndef once(x: torch.Tensor) -> torch.Tensor: return x * {}",
            "handler.py": """
                import torch
                from model import Net
                from ts_sdk import BaseHandler
                class Scripting(BaseHandler):
                    def initialize(self, context):
                        self.device = "cpu"
                        self.model = torch.jit.script(Net())
            """,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models = [
                load_folder({**files, "layers.py": files["layers.py"].format(factor)}, name=name)
                for name, factor in (("a", 1), ("b", 10))
            ]
        assert [model.predict([1.0]) for model in models] == [[2.0], [20.0]]

    def test_an_error_of_the_model_names_the_archive(self, files, load_folder):
        files["weights.pt"] = files["weights.pt"][:500]
        with pytest.raises(ModelFormatError, match=r"^sources: weights\.pt") as caught:
            load_folder(
                files, handler="base_handler", serialized_file="weights.pt", model_file="model.py"
            )
        assert caught.value.archive.name == "sources"


def test_a_part_of_a_batch_does_not_know_which_row_of_the_batch_is_at_fault(context_for):
    class Strict(BaseHandler):
        def preprocess(self, data):
            raise RequestError("bad", index=0)

        def handle(self, data, context):
            return super().handle(data[:1], context) + super().handle(data[1:], context)

    from ts_sdk.batch import Batch, handling

    context = batch_of(context_for({}), 3)
    with handling(Batch(3, context)), pytest.raises(RequestError) as caught:
        Strict().handle([{}] * 3, context)
    assert caught.value.index is None


def test_an_older_handler_may_keep_something_of_its_own_as_settings(tmp_path):
    class Older(BaseHandler):
        def initialize(self, context):
            self.settings = {"beam": 4}

        def postprocess(self, data):
            return [self.settings["beam"] for _ in data]

    older = Older()
    older.initialize(None)
    assert older.postprocess([1, 2]) == [4, 4]
    assert BaseHandler().settings == {}
