"""The whole way: tune an archive, pack what was found, load it."""

import json
from dataclasses import replace

import pytest
import torch

import ts_sdk
from archiver import Archive
from ts_sdk.tuned.measured_model import model_digest
from ts_sdk.tuning import TuningError

DOUBLING = """
    import torch
    from ts_sdk import BaseHandler

    class Doubling(BaseHandler):
        def preprocess(self, data):
            return torch.tensor([[float(row["body"])] for row in data])

        def postprocess(self, data):
            return data[:, 0].tolist()
"""


@pytest.fixture
def tune(pack, tmp_path):
    """Tune the doubling archive for some seconds, with one setting beside the archive's own."""

    def tuning(**wishes):
        axes = {
            "devices": ["cpu"],
            "forms": ["eager"],
            "precisions": ["bfloat16"],
            "workers": [1],
            "batch_sizes": [2],
            "delays_ms": [3],
            "concurrencies": [2],
            "threads": [1],
        }
        return ts_sdk.tune(
            pack(handler=DOUBLING),
            [1.0, 2.0],
            budget_s=4.0,
            output=tmp_path / "tuning",
            **{**axes, **wishes},
        )

    return tuning


def test_what_tuning_writes_is_what_packing_takes_and_loading_applies(tune, pack, tmp_path):
    report = tune()
    # Which of two is faster is chance here; what is packed shall not be the archive as it is.
    [best] = [each for each in report.measured if each != report.baseline][:1]
    report = replace(report, best=best)
    report.write(tmp_path / "tuning")
    profile = json.loads((tmp_path / "tuning/profile.json").read_text())
    with ts_sdk.load(pack(profile, handler=DOUBLING)) as model:
        assert model.tuned is not None
        assert (model.precision, model.batch_size) == ("bfloat16", best.batch_size)
    packed = report.pack(tmp_path / "packed/tuned.mar")
    with ts_sdk.load(packed) as model:
        assert model.tuned is not None
        assert (model.precision, model.batch_size) == ("bfloat16", best.batch_size)
        assert model.predict("4") == 8
    with ts_sdk.load(packed, tuned=False) as model:
        assert model.precision == "float32"
    with pytest.raises(TuningError, match="exists: name a new file"):
        report.pack(packed)
    assert [each.name for each in (tmp_path / "packed").iterdir()] == ["tuned.mar"]


def test_a_converted_model_is_packed_with_the_setting_that_was_measured_with_it(tune, tmp_path):
    report = tune(forms=["torchscript"], precisions=["float32"])
    [best] = [each for each in report.measured if each.form.is_converted][:1]
    (converted,) = (tmp_path / "tuning/archives").iterdir()
    with Archive.open(converted) as archive:
        digest = model_digest(archive)
    report = replace(report, best=best, archive=converted, model_digest=digest)
    with ts_sdk.load(report.pack(tmp_path / "tuned.mar")) as model:
        assert model.tuned is not None
        assert model.batch_size == 2
        assert model.predict("4") == 8


def test_layers_that_were_kept_in_float32_are_kept_where_it_is_applied(tune, tmp_path):
    report = tune(keep_float32=["linear"])
    [best] = [each for each in report.measured if each != report.baseline][:1]
    packed = replace(report, best=best).pack(tmp_path / "tuned.mar")
    with ts_sdk.load(packed) as model:
        assert model.precision == "bfloat16"
        assert {each.dtype for each in model.handler.model.parameters()} == {torch.float32}
