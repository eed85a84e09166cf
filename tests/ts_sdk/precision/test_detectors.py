"""A detector of torchvision, scripted as old archives hold it, computes in half precision."""

import pytest
import torch
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn

from ts_sdk.errors import PrecisionError
from ts_sdk.precision import Precision, set_precision

PICTURES = [torch.linspace(0, 1, 3 * 60 * 45).reshape(3, 60, 45), torch.full((3, 50, 50), 0.5)]


@pytest.fixture
def detector(script):
    torch.manual_seed(0)
    model = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=3, box_score_thresh=0.0
    )
    return script(model.eval())


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="on CUDA there is a kernel")
@pytest.mark.filterwarnings("ignore:.*in scripting")
def test_on_the_cpu_the_operation_without_a_kernel_is_named(detector):
    set_precision(detector, Precision.FLOAT16, torch.device("cpu"))
    with pytest.raises(PrecisionError, match="torchvision::nms cannot be done in float16 on cpu"):
        detector(PICTURES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*in scripting")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_with_the_layers_kept_that_need_it_the_detections_are_those_of_float32(detector, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    detector = detector.to(device)
    pictures = [picture.to(device) for picture in PICTURES]
    with torch.inference_mode():
        expected = detector(pictures)[1]
        set_precision(
            detector, Precision.FLOAT16, torch.device(device), keep_float32=["rpn", "roi_heads"]
        )
        found = detector(pictures)[1]
    for wanted, got in zip(expected, found, strict=True):
        assert len(got["boxes"]) == len(wanted["boxes"]) == 100
        assert got["scores"].dtype is torch.float32
        assert got["labels"].dtype is torch.int64
        torch.testing.assert_close(got["scores"], wanted["scores"], rtol=0, atol=5e-3)
