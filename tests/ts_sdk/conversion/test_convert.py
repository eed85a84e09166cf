"""An archive's model in another form: the same answers, or no archive at all."""

import warnings
from pathlib import Path

import pytest
import torch

import archiver
import ts_sdk
from archiver import TargetExistsError
from ts_sdk import ConversionError
from ts_sdk.formats.exported_program import ExportedModel
from ts_sdk.formats.onnx import OnnxModel

FORMS = {
    "safetensors": ("w.safetensors", "Net"),
    "torchscript": ("w.pt", "RecursiveScriptModule"),
    "pt2": ("w.pt2", "ExportedModel"),
    "onnx": ("w.onnx", "OnnxModel"),
}


def answers(path, *requests):
    with ts_sdk.load(path, device="cpu") as model:
        return model.predict_batch(requests)


def manifest_and_names(path):
    with archiver.Archive.open(path) as archive:
        return archive.manifest, {each.name for each in archive.members}


def assert_close(first, second):
    for old, new in zip(first, second, strict=True):
        assert new["scores"] == pytest.approx(old["scores"], abs=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_new_archive_answers_as_the_old_one(pack, sample, form):
    old = pack()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = ts_sdk.convert(old, to=form, samples=[sample])
    assert done.path == Path(f"net-{form}.mar")
    assert (done.form, done.precision, done.batch_sizes) == (form, "float32", (1, 3))
    assert done.difference <= done.tolerance == 1e-4
    assert done.note is None
    for batch in ([sample], [sample, [1.0] * 4], [[0.0] * 4] * 5):
        assert_close(answers(old, *batch), answers(done.path, *batch))
    name, kind = FORMS[form]
    with ts_sdk.load(done.path, device="cpu") as model:
        assert type(model.handler.model).__name__ == kind
    manifest, names = manifest_and_names(done.path)
    assert manifest.model.serialized_file == name
    assert (manifest.model.model_name, manifest.model.model_version) == ("net", "2.0")
    assert (manifest.model.model_file is None) == (form != "safetensors")
    assert ("net.py" in names) == (form == "safetensors")


def test_a_weight_with_two_names_is_written_once(pack, sample):
    done = ts_sdk.convert(pack(), to="safetensors", samples=[sample])
    with archiver.Archive.open(done.path) as archive:
        described = archiver.inspect(archive)
    (weights,) = described.serialized
    assert weights.tensors == 3
    with ts_sdk.load(done.path, device="cpu") as model:
        assert model.handler.model.second.weight is model.handler.model.first.weight


def test_what_belongs_to_the_archive_stays_with_it(pack, sample):
    Path("labels").mkdir()
    Path("labels/names.txt").write_text("a\nb\n")
    Path("requirements.txt").write_text("numpy\n")
    old = pack(extra_files="labels=labels", requirements_file="requirements.txt")
    before, names = manifest_and_names(old)
    done = ts_sdk.convert(old, to="torchscript", samples=[sample])
    after, new_names = manifest_and_names(done.path)
    assert new_names == names - {"net.py"}
    assert after.model.requirements_file == "requirements.txt"
    assert (after.runtime, after.model.handler) == (before.runtime, before.model.handler)
    with archiver.Archive.open(done.path) as archive:
        archive.verify()
        assert archive.read("labels/names.txt") == b"a\nb\n"


HANDLER = """
    import torch
    from net import Net
    from ts_sdk import BaseHandler

    class Own(BaseHandler):
        def preprocess(self, data):
            assert Net
            return torch.tensor([row["body"]["numbers"] for row in data]), len(data)

        def inference(self, data):
            numbers, count = data
            return self.model(x=numbers)["scores"].argmax(1)
"""


def test_a_handler_of_the_archives_own_calls_the_model_as_it_always_did(pack, sample):
    old = pack(handler=HANDLER)
    request = {"numbers": sample}
    done = ts_sdk.convert(old, to="pt2", samples=[request])
    assert answers(done.path, request, request) == answers(old, request, request)
    manifest, names = manifest_and_names(done.path)
    assert manifest.model.model_file is None
    assert "net.py" in names  # which the handler imports


CONFIG = """\
batchSize: 4
# a remark
precision: bfloat16
pt2: {compile: {enable: true, backend: eager}}
handler: {topk: 2}
"""


class TestPrecision:
    def test_is_drawn_into_a_graph_and_leaves_the_config(self, pack, sample):
        done = ts_sdk.convert(pack(config=CONFIG), to="pt2", samples=[sample])
        assert (done.precision, done.tolerance) == ("bfloat16", 5e-2)
        with ts_sdk.load(done.path, device="cpu") as model:
            assert model.precision == "float32"  # of what goes in and comes out
            assert model.context.model_yaml_config == {"batchSize": 4, "handler": {"topk": 2}}
            weights = model.handler.model.state_dict()
            assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
            assert model.handler.model(torch.ones(1, 4))["scores"].dtype is torch.float32

    def test_stays_in_the_config_of_weights(self, pack, sample):
        done = ts_sdk.convert(pack(config=CONFIG), to="safetensors", samples=[sample])
        with ts_sdk.load(done.path, device="cpu") as model:
            assert model.precision == "bfloat16"
            assert "pt2" not in model.context.model_yaml_config

    def test_that_is_asked_for_goes_before_the_config(self, pack, sample):
        old = pack(config=CONFIG)
        done = ts_sdk.convert(old, to="safetensors", samples=[sample], precision="float32")
        with ts_sdk.load(done.path, device="cpu") as model:
            assert model.precision == "float32"

    def test_of_all_but_some_layers_is_kept_for_weights_and_refused_for_graphs(self, pack, sample):
        config = "precision: {dtype: bfloat16, keep_float32: [second]}"
        old = pack(config=config)
        with pytest.raises(ConversionError, match=r"keeps layers in float32 \(second\)"):
            ts_sdk.convert(old, to="pt2", samples=[sample])
        done = ts_sdk.convert(old, to="safetensors", samples=[sample])
        with archiver.Archive.open(done.path) as archive:
            text = archive.read("settings.yaml").decode()
        assert text == "precision:\n  dtype: bfloat16\n  keep_float32:\n  - second\n"
        assert ts_sdk.convert(old, to="pt2", samples=[sample], precision="float32").precision

    def test_autocast_is_drawn_into_a_graph_too(self, pack, sample):
        done = ts_sdk.convert(pack(), to="pt2", samples=[sample], precision="autocast-bfloat16")
        with ts_sdk.load(done.path, device="cpu") as model:
            weights = model.handler.model.state_dict()
            assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
        assert 1e-5 < done.difference < 5e-2


def test_a_config_that_need_not_change_stays_as_it_is_written(pack, sample):
    text = "batchSize: 2  # as measured\n"
    done = ts_sdk.convert(pack(config=text), to="torchscript", samples=[sample])
    with archiver.Archive.open(done.path) as archive:
        assert archive.read("settings.yaml").decode() == text


TOKENS = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(10, 4)

        def forward(self, x):
            return self.words(x.to(torch.int64)).mean(1)
"""


def test_sizes_that_differ_among_the_samples_stay_open(pack):
    old = pack(TOKENS)
    done = ts_sdk.convert(old, to="pt2", samples=[[1.0, 2.0], [3.0] * 5])
    for length in (1, 2, 5, 30):
        request = [float(number % 10) for number in range(length)]
        assert answers(done.path, request)[0] == pytest.approx(answers(old, request)[0], abs=1e-6)


TOKENS_FROM_TEXT = """
    import torch
    from ts_sdk import BaseHandler

    class Words(BaseHandler):
        def preprocess(self, data):
            return torch.tensor([[len(word) for word in row["body"].split()] for row in data])
"""


@pytest.mark.parametrize(
    ("samples", "noted"), [(["a cat sat"], True), (["a cat sat", "a dog"], False)]
)
def test_a_length_that_all_samples_have_is_told_to_be_fixed(pack, samples, noted):
    old = pack(TOKENS, handler=TOKENS_FROM_TEXT)
    done = ts_sdk.convert(old, to="pt2", samples=samples)
    assert ("fixed at 3 a row" in (done.note or "")) == noted


def test_a_fixed_batch_size_is_set_in_the_config_too(pack, sample):
    old = pack(config="batchSize: 8")
    done = ts_sdk.convert(old, to="pt2", samples=[sample], dynamic=False)
    assert done.batch_sizes == (1,)
    assert "fixed at 1" in done.note
    with ts_sdk.load(done.path, device="cpu") as model:
        assert model.batch_size == 1
    assert_close(answers(old, sample, sample), answers(done.path, sample, sample))


class TestRefusals:
    """A form that cannot represent the model says why, and nothing is written."""

    def refused(self, path, form, samples, message, **options):
        before = sorted(each.name for each in Path().iterdir())
        with pytest.raises(ConversionError, match=message) as caught:
            ts_sdk.convert(path, to=form, samples=samples, **options)
        assert sorted(each.name for each in Path().iterdir()) == before
        return str(caught.value)

    def test_code_that_no_graph_can_hold(self, pack, sample):
        branching = """
            import torch
            from torch import nn

            class Net(nn.Linear):
                def __init__(self):
                    super().__init__(4, 4)

                def forward(self, x):
                    return super().forward(x) if bool(x.sum() > 0) else x
        """
        for form in ("pt2", "onnx"):
            message = self.refused(pack(branching), form, [sample], "torch.export cannot draw up")
            assert "safetensors and torchscript" in message
        assert ts_sdk.convert(pack(branching), to="safetensors", samples=[sample]).difference == 0

    def test_answers_that_differ_for_another_batch(self, pack, sample):
        counting = """
            import torch
            from torch import nn

            class Net(nn.Linear):
                def __init__(self):
                    super().__init__(4, 4)
                    self.seen = {}  # which cannot be scripted, so that it is traced

                def forward(self, x):
                    self.seen[x.dtype] = list(map(float, [1.0]))
                    return super().forward(x) * float(len(x))
        """
        self.refused(pack(counting), "torchscript", [sample], "answers otherwise: output 0")

    def test_what_torchscript_cannot_compile_is_told_with_its_line(self, pack, sample):
        listing = """
            import torch
            from torch import nn

            def at(pictures: list[torch.Tensor], place: int) -> torch.Tensor:
                return pictures[place].relu()

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.linear = nn.Linear(4, 4)

                def forward(self, x):
                    return {"scores": self.linear(at(x, 0)[None]), "kind": [2.5]}
        """
        message = self.refused(pack(listing), "torchscript", [sample], "neither scripted nor")
        assert r"Expected a value of type 'List[Tensor]' for argument 'pictures'" in message
        assert "(net.py:14)" in message
        assert "__torch__" not in message

    def test_torchscript_has_no_code(self, pack, sample):
        scripted = ts_sdk.convert(pack(), to="torchscript", samples=[sample]).path
        for form in ("safetensors", "pt2", "aoti", "onnx"):
            self.refused(scripted, form, [sample], "start from its state dict and a model file")

    def test_a_program_becomes_other_graphs_alone(self, pack, sample):
        program = ts_sdk.convert(pack(), to="pt2", samples=[sample]).path
        for form in ("safetensors", "torchscript"):
            self.refused(program, form, [sample], "pt2, aoti and onnx can")
        done = ts_sdk.convert(program, to="onnx", samples=[sample], target="again.mar")
        assert done.difference < 1e-5
        with ts_sdk.load(done.path, device="cpu") as model:
            assert type(model.handler.model) is OnnxModel
        self.refused(done.path, "pt2", [sample], "cannot be converted any further", target="x.mar")

    def test_safetensors_without_a_model_file(self, pack, sample):
        import io
        import json

        module = torch.nn.Linear(4, 4)
        file = io.BytesIO()
        torch.save(module, file)
        folder = Path("whole")
        (folder / "MAR-INF").mkdir(parents=True)
        (folder / "whole.pt").write_bytes(file.getvalue())
        entry = {"modelName": "whole", "handler": "base_handler", "serializedFile": "whole.pt"}
        (folder / "MAR-INF/MANIFEST.json").write_text(json.dumps({"model": entry}))
        self.refused(folder, "safetensors", [sample], "has no model file", trust_pickle=True)
        done = ts_sdk.convert(folder, to="torchscript", samples=[sample], trust_pickle=True)
        assert done.difference == 0

    def test_a_sample_that_is_not_answered(self, pack):
        self.refused(pack(), "pt2", [[1.0, 2.0]], "the sample was not answered")
        self.refused(pack(), "pt2", [], "there is no sample")

    def test_a_handler_that_calls_no_model(self, pack):
        silent = """
            class Own:
                def initialize(self, context): pass
                def handle(self, data, context): return data
        """
        self.refused(pack(handler=silent), "pt2", [1], "keeps no torch module in self.model")

    def test_a_word_that_is_no_form(self, pack, sample):
        self.refused(pack(), "tflite", [sample], "use one of safetensors, torchscript, pt2")

    def test_a_model_whose_inputs_come_in_lists_of_a_batchs_length(self, pack, sample):
        handler = """
            import torch
            from ts_sdk import BaseHandler

            class Own(BaseHandler):
                def preprocess(self, data):
                    return [torch.tensor(row["body"]) for row in data]

                def inference(self, data):
                    return self.model(data)

                def postprocess(self, data):
                    return [each.tolist() for each in data]
        """
        source = """
            from torch import nn

            class Net(nn.Linear):
                def __init__(self):
                    super().__init__(4, 2)

                def forward(self, pictures):
                    return [super(Net, self).forward(each) for each in pictures]
        """
        old = pack(source, handler=handler)
        self.refused(old, "pt2", [sample], r"lists or dicts whose length varies.*--static")
        done = ts_sdk.convert(old, to="pt2", samples=[sample], dynamic=False)
        with ts_sdk.load(done.path, device="cpu") as model:
            assert type(model.handler.model) is ExportedModel
            assert model.predict(sample) == pytest.approx(answers(old, sample)[0], abs=1e-6)


class TestTarget:
    def test_an_existing_one_stays_unless_it_may_be_replaced(self, pack, sample):
        old = pack()
        Path("new.mar").write_bytes(b"precious")
        with pytest.raises(TargetExistsError):
            ts_sdk.convert(old, to="safetensors", samples=[sample], target="new.mar")
        assert Path("new.mar").read_bytes() == b"precious"
        ts_sdk.convert(old, to="safetensors", samples=[sample], target="new.mar", force=True)
        assert answers("new.mar", sample)

    def test_a_folder_takes_the_archive_under_its_usual_name(self, pack, sample):
        Path("out").mkdir()
        done = ts_sdk.convert(pack(), to="safetensors", samples=[sample], target="out")
        assert done.path == Path("out/net-safetensors.mar")

    def test_the_source_may_be_a_folder_or_a_tar_gz(self, pack, sample):
        archive = pack(archive_format="tgz")
        assert ts_sdk.convert(archive, to="safetensors", samples=[sample]).path.exists()
        with archiver.Archive.open(archive) as opened:
            opened.extract("folder")
        done = ts_sdk.convert("folder", to="torchscript", samples=[sample])
        assert_close(answers(archive, sample), answers(done.path, sample))


@pytest.mark.slow
def test_a_convolution_goes_through_every_form_in_channels_last_too(pack):
    source = """
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

            def forward(self, x):
                return self.layers(x).mean((2, 3))
    """
    handler = """
        import torch
        from ts_sdk import BaseHandler

        class Own(BaseHandler):
            def preprocess(self, data):
                x = torch.tensor([row["body"] for row in data])
                return x.permute(0, 3, 1, 2)  # not contiguous
    """
    old = pack(source, handler=handler)
    picture = torch.rand(8, 9, 3).tolist()
    for form in (*FORMS, "aoti"):
        done = ts_sdk.convert(old, to=form, samples=[picture])
        assert done.difference < 1e-5, form
        got, expected = answers(done.path, picture, picture), answers(old, picture, picture)
        for each, other in zip(got, expected, strict=True):
            assert each == pytest.approx(other, abs=1e-5), form
