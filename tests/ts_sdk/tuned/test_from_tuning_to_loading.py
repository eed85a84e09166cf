"""The whole way: tune an archive, pack what was found, load it."""

import json
from dataclasses import replace

import ts_sdk

DOUBLING = """
    import torch
    from ts_sdk import BaseHandler

    class Doubling(BaseHandler):
        def preprocess(self, data):
            return torch.tensor([[float(row["body"])] for row in data])

        def postprocess(self, data):
            return data[:, 0].tolist()
"""


def test_what_tuning_writes_is_what_packing_takes_and_loading_applies(pack, tmp_path):
    report = ts_sdk.tune(
        pack(handler=DOUBLING),
        [1.0, 2.0],
        budget_s=4.0,
        output=tmp_path / "tuning",
        devices=["cpu"],
        forms=["eager"],
        precisions=["bfloat16"],
        workers=[1],
        batch_sizes=[2],
        delays_ms=[3],
        concurrencies=[2],
        threads=[1],
    )
    # Which of two is faster is chance here; what is packed shall not be the archive as it is.
    [best] = [each for each in report.measured if each != report.baseline][:1]
    replace(report, best=best).write(tmp_path / "tuning")
    profile = json.loads((tmp_path / "tuning/profile.json").read_text())
    with ts_sdk.load(pack(profile, handler=DOUBLING)) as model:
        assert model.tuned is not None
        assert (model.precision, model.batch_size) == ("bfloat16", best.batch_size)
