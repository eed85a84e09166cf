"""Compiled forms are measured too, layer by layer where their layers can be told."""

import json

import pytest
import torch
from small_models import Overflowing, in_form

from ts_sdk.precision_report import measure_precision


@pytest.fixture
def packed(tmp_path):
    """A folder with the overflowing model in a form, and no handler code but `BaseHandler`'s."""

    def pack(form):
        example = torch.ones(2, 2)
        name = "model.pt2" if form == "exported" else "model.pt"
        if form == "exported":
            program = torch.export.export(
                Overflowing().eval(), (example,), dynamic_shapes=({0: torch.export.Dim.AUTO},)
            )
            torch.export.save(program, tmp_path / name)
        else:
            in_form(Overflowing(), form, example).save(tmp_path / name)
        entry = {"modelName": "net", "modelVersion": "1", "handler": "handler.py"}
        entry["serializedFile"] = name
        (tmp_path / "handler.py").write_text(
            "from ts_sdk import BaseHandler\n\n\nclass Handler(BaseHandler):\n    pass\n"
        )
        (tmp_path / "MAR-INF").mkdir()
        (tmp_path / "MAR-INF/MANIFEST.json").write_text(json.dumps({"model": entry}))
        return tmp_path

    return pack


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("form", ["scripted", "traced", "exported"])
def test_layers_are_told_and_kept(packed, form):
    report = measure_precision(
        packed(form), [[1.0, 2.0]], device="cpu", precisions=["float16", "bfloat16"]
    )
    half, wide = report.trials
    assert not half.safe
    assert "first in layer scale (Scale)" in half.reason
    assert [drift.name for drift in half.layers[:2]] == ["scale", "back"]
    assert {drift.own for drift in half.layers} == {None}
    assert half.remedy.keep_float32 == ("scale", "back")
    assert wide.safe
    assert {drift.name for drift in wide.layers} == {"first", "scale", "back"}
    assert all(drift.total < 1e-2 for drift in wide.layers)
