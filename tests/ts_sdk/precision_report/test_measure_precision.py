"""Which precision is safe for a model and some inputs, and which layers make it so."""

import json
from pathlib import Path

import pytest
import torch

import ts_sdk
from ts_sdk.errors import PrecisionError, RequestError
from ts_sdk.precision import Precision
from ts_sdk.precision_report import PrecisionReport, PrecisionTrial, measure_precision

SAMPLES = [[1.0, 2.0], [-3.0, 0.5]]
PLAIN = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x):
        return self.layers(x)
"""


def measured(path, samples=SAMPLES, **options):
    return measure_precision(path, samples, **{"device": "cpu", **options})


def test_an_ordinary_model_is_safe_in_every_precision(archive):
    report = measured(archive(PLAIN))
    assert [trial.precision for trial in report.trials] == [
        "float16",
        "bfloat16",
        "autocast-float16",
        "autocast-bfloat16",
    ]
    assert [trial.safe for trial in report.trials] == [True] * 4
    assert report.recommended == report.trials[0]
    assert report.recommended.config_lines == "precision: float16\n"
    assert (report.samples, report.device, report.tolerance) == (2, "cpu", 0.02)


def test_the_weights_take_half_of_the_memory_where_they_are_converted(archive):
    report = measured(archive(PLAIN))
    in_float32 = (2 * 8 + 8 + 8 * 2 + 2) * 4
    assert report.float32.weights_bytes == in_float32
    sizes = {str(trial.precision): trial.weights_bytes for trial in report.trials}
    assert sizes["float16"] == sizes["bfloat16"] == in_float32 // 2
    assert sizes["autocast-float16"] == sizes["autocast-bfloat16"] == in_float32
    assert all(trial.request_ms > 0 for trial in (report.float32, *report.trials))


def test_outputs_and_layers_drift_by_the_known_amount(archive):
    """1 + 2**-12 is 1 in float16."""

    def change(module):
        for layer in (module.layers[0], module.layers[2]):
            torch.nn.init.zeros_(layer.bias)
            torch.nn.init.constant_(layer.weight, 0.0)
        module.layers[0].weight.data[0, 0] = 1 + 2**-12
        module.layers[2].weight.data[:, 0] = 1.0

    (trial,) = measured(archive(PLAIN, change=change), [[4.0, 0.0]], precisions=["float16"]).trials
    (output,) = trial.outputs
    assert output.largest == 4 * 2**-12
    assert output.relative == pytest.approx(2**-12, rel=1e-3)
    drifts = {drift.name: drift for drift in trial.layers}
    assert drifts.keys() == {"layers.0", "layers.1", "layers.2"}
    assert drifts["layers.0"].own == pytest.approx(2**-12, rel=1e-3)
    assert drifts["layers.0"].largest == pytest.approx(4 + 2**-10)
    assert drifts["layers.2"].total == pytest.approx(2**-12, rel=1e-3)
    assert trial.layers[0].kind == "Linear"


class TestALayerThatOverflows:
    def test_is_found_and_makes_it_safe_when_it_is_kept(self, archive):
        (trial,) = measured(archive(), precisions=["float16"]).trials
        assert not trial.safe
        assert "samples failed: the model's output in float16 holds NaN or infinity" in trial.reason
        assert trial.remedy.keep_float32 == ("body.0",)
        assert trial.remedy.safe
        assert trial.remedy.config_lines == (
            "precision:\n  dtype: float16\n  keep_float32:\n    - body.0\n"
        )

    def test_is_the_worst_of_the_layers(self, archive):
        (trial,) = measured(archive(), precisions=["float16"]).trials
        assert (trial.layers[0].name, trial.layers[0].kind) == ("body.0", "Sharpen")
        assert trial.layers[0].own == float("inf")
        assert all(drift.own < 1e-2 for drift in trial.layers[1:])

    def test_and_what_the_report_says_can_be_packed(self, archive, load_folder):
        path = archive()
        remedy = measured(path, precisions=["float16"]).trials[0].remedy
        files = {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}
        model = load_folder(
            files,
            name="packed",
            model_file="model.py",
            serialized_file="weights.safetensors",
            config=remedy.config_lines,
        )
        with ts_sdk.load(path, device="cpu") as in_float32:
            assert model.predict(SAMPLES[0]) == pytest.approx(
                in_float32.predict(SAMPLES[0]), rel=2e-2, abs=2e-2
            )
        assert model.precision == "float16"

    def test_bfloat16_is_recommended_before_kept_layers(self, archive):
        report = measured(archive(), precisions=["float16", "bfloat16"])
        assert report.recommended.precision == "bfloat16"
        assert len(report.safe) == 2

    def test_is_not_looked_for_when_that_is_not_wanted(self, archive):
        (trial,) = measured(archive(), precisions=["float16"], find_layers=False).trials
        assert trial.remedy is None


def test_two_layers_that_need_each_other_are_both_kept(archive):
    """What the first hands on is too large for float16, so the next must take it in float32."""
    layers = """
        from torch import nn


        class Scale(nn.Module):
            def forward(self, x):
                return x * 1e5
        """
    model = """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(2, 2)
                self.up = Scale()
                self.down = nn.Linear(2, 2, bias=False)
                nn.init.constant_(self.down.weight, 1e-5)
                self.last = nn.Linear(2, 2)

            def forward(self, x):
                return self.last(self.down(self.up(self.first(x))))
        """
    (trial,) = measured(archive(model, layers=layers), precisions=["float16"]).trials
    assert sorted(trial.remedy.keep_float32) == ["down", "up"]


def test_a_weight_out_of_range_is_found_before_anything_runs(archive):
    model = PLAIN.replace("nn.ReLU()", "nn.BatchNorm1d(8)")

    def change(module):
        module.layers[1].running_var.fill_(1e6)

    (trial,) = measured(archive(model, change=change), precisions=["float16"]).trials
    assert "layers.1.running_var are beyond the range of float16" in trial.reason
    assert trial.request_ms is None
    assert trial.remedy.keep_float32 == ("layers.1",)


def test_an_operation_without_a_kernel_is_kept(archive):
    layers = """
        import torch
        from torch import nn


        class Inverse(nn.Module):
            def forward(self, x):
                return torch.linalg.inv(x)
        """
    model = """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(2, 2)
                self.inverse = Inverse()

            def forward(self, x):
                return self.inverse(self.first(x))
        """
    (trial,) = measured(
        archive(model, layers=layers), [[[1.0, 2.0], [3.0, -1.0]]], precisions=["float16"]
    ).trials
    assert "cannot be done in float16 on cpu" in trial.reason
    assert trial.layers[0].name == "inverse"
    assert "inv" in trial.layers[0].problem
    assert trial.remedy.keep_float32 == ("inverse",)


def test_what_no_layer_can_mend_has_no_remedy(archive):
    """The code between the layers overflows."""
    model = PLAIN.replace("return self.layers(x)", "return self.layers(x * 1e5) / 1e5")
    (trial,) = measured(archive(model), precisions=["float16"]).trials
    assert not trial.safe
    assert trial.remedy is None
    assert measured(archive(model, name="again"), precisions=["float16"]).recommended is None


class TestLabels:
    def test_that_agree_are_counted(self, archive, labels):
        (trial,) = measured(archive(PLAIN, handler=labels), precisions=["bfloat16"]).trials
        assert trial.same_top_label == (2, 2)
        assert trial.answers_differ_by < 0.01

    def test_that_change_make_a_precision_unsafe_whatever_the_tolerance(self, archive, labels):
        """In bfloat16, 1 and 1.001 are the same, and the first label is taken."""

        def change(module):
            for layer in (module.layers[0], module.layers[2]):
                torch.nn.init.zeros_(layer.bias)
                torch.nn.init.zeros_(layer.weight)
            module.layers[0].weight.data[0, 0] = 1.0
            module.layers[2].weight.data[:, 0] = torch.tensor([1.0, 1.001])

        (trial,) = measured(
            archive(PLAIN, handler=labels, change=change),
            [[1.0, 0.0]],
            precisions=["bfloat16"],
            tolerance=1.0,
        ).trials
        assert not trial.safe
        assert trial.same_top_label == (0, 1)
        assert "another label is the most probable for 1 of 1 samples" in trial.reason
        assert trial.remedy.keep_float32 == ("layers.2",)

    def test_differences_beyond_the_tolerance_are_unsafe(self, archive, labels):
        path = archive(PLAIN, handler=labels)
        (trial,) = measured(path, precisions=["bfloat16"], tolerance=1e-9, find_layers=False).trials
        assert not trial.safe
        assert trial.same_top_label == (2, 2)
        assert trial.reason.startswith("the outputs differ by ")


def test_answers_count_where_the_outputs_cannot_be_compared(archive):
    """A detector finds another number of boxes below its threshold; the answers are the same."""
    model = """
        import torch
        from torch import nn


        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.scores = nn.Linear(2, 4, bias=False)
                weights = [[0.9, 0], [0.5002, 0], [0.2, 0], [0.1, 0]]
                self.scores.weight.data[:] = torch.tensor(weights)

            def forward(self, x):
                found = self.scores(x)[0]
                return [{"scores": found[found > 0.5001]}]
        """
    handler = """
        from ts_sdk import BaseHandler


        class Handler(BaseHandler):
            def postprocess(self, data):
                scores = [found["scores"].tolist() for found in data]
                return [[{"score": s} for s in each if s > 0.8] for each in scores]
        """
    (trial,) = measured(
        archive(model, handler=handler), [[1.0, 0.0]], precisions=["bfloat16"]
    ).trials
    assert trial.outputs[0].name == "0.scores"
    assert trial.outputs[0].note == "shape (1,) where float32 gives (2,)"
    assert trial.outputs_differ_by is None
    assert trial.safe
    assert trial.reason.startswith("the answers differ by 0.")


class TestWhatCannotBeMeasured:
    def test_a_sample_that_fails_in_float32(self, archive):
        with pytest.raises(RequestError) as caught:
            measured(archive(PLAIN), [[1.0, 2.0], [1.0]])
        assert caught.value.index == 1

    def test_a_handler_without_a_module(self, load_folder, tmp_path):
        load_folder({"handler.py": "def handle(data, context):\n    return data\n"})
        with pytest.raises(PrecisionError, match=r"no torch module in self\.model"):
            measured(tmp_path / "sources")

    def test_no_sample(self, archive):
        with pytest.raises(ValueError, match="needs a sample"):
            measured(archive(PLAIN), [])

    def test_an_unknown_word(self, archive):
        with pytest.raises(PrecisionError, match="unknown precision 'half'"):
            measured(archive(PLAIN), precisions=["half"])


def test_the_report_is_json(archive):
    report = measured(archive(), precisions=["float16", "bfloat16"])
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["recommended"] == "precision: bfloat16\n"
    failed, safe = found["trials"]
    assert failed["layers"][0]["own"] == "inf"
    assert failed["remedy"]["keep_float32"] == ["body.0"]
    assert safe["safe"] is True
    assert found["float32"]["weights_bytes"] == report.float32.weights_bytes


def test_models_leave_nothing_behind(archive):
    """All hooks are gone and the archive can be loaded as before."""
    path = archive()
    before = torch.is_autocast_enabled("cpu")
    measured(path)
    assert torch.is_autocast_enabled("cpu") is before
    with ts_sdk.load(path, device="cpu") as model:
        assert not model.handler.model.body[0]._forward_hooks


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda(archive):
    report = measured(archive(), device="cuda", precisions=["float16", "bfloat16"])
    assert report.device == "cuda:0"
    assert report.trials[0].remedy.keep_float32 == ("body.0",)
    assert report.trials[1].safe


@pytest.mark.parametrize(
    ("float32_ms", "float16_ms", "told"),
    [(100.0, 1500.0, True), (100.0, 150.0, False), (0.1, 0.9, False), (100.0, 50.0, False)],
)
def test_a_recommendation_that_is_much_slower_here_is_told(float32_ms, float16_ms, told):
    before = PrecisionTrial(Precision.FLOAT32, safe=True, request_ms=float32_ms)
    after = PrecisionTrial(Precision.FLOAT16, safe=True, request_ms=float16_ms)
    report = PrecisionReport(Path("net.mar"), "cpu", 1, 0.02, before, (after,))
    assert report.recommended == after
    assert (report.caution is not None) == told
    if told:
        assert "takes 1500.0 ms on cpu, and 100.0 ms in float32" in report.caution
