"""A small Mask R-CNN that is called and answers as one exported from Detectron2.

He, Gkioxari, Dollár and Girshick, "Mask R-CNN" (2017), with the parts of torchvision: a backbone of
a few convolutions instead of a ResNet, on one level instead of a pyramid.
"""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, maskrcnn_inference
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign

CHANNELS = 64
CLASSES = 10
GREY = 127.5  # half of white
FEATURE_PX = 4  # the side of what one feature is about
DEEPEST_PX = 8  # what the sides of a picture are multiples of, after padding


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of three by three pixels with what belongs to it."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Backbone(nn.Module):
    """Makes features of every 4 by 4 pixels of pictures from 0 to 255."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = GREY  # TorchScript knows no globals
        self.fine = nn.Sequential(
            convolution(3, 16, 2), convolution(16, 32, 2), convolution(32, 32)
        )
        self.coarse = nn.Sequential(
            convolution(32, 64, 2), convolution(64, 64), convolution(64, 64), nn.Conv2d(64, 32, 1)
        )
        self.joined = convolution(32, CHANNELS)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return features ``(B, 64, H / 4, W / 4)`` of ``(B, 3, H, W)``, multiples of 8."""
        fine = self.fine(pictures / self.grey - 1)
        coarse = functional.interpolate(self.coarse(fine), scale_factor=2.0)
        features: torch.Tensor = self.joined(fine + coarse)
        return features


class MaskRCNN(nn.Module):
    """Finds digits; the input is a list of ``{"image": (3, H, W)}``, blue, green and red, 0…255.

    The answer is a list with a dict for each picture: ``pred_boxes`` ``(N, 4)`` in pixels,
    ``scores`` and ``pred_classes`` ``(N,)``, and ``pred_masks`` ``(N, 1, 28, 28)``, of what lies in
    each box, from 0 to 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.deepest_px = DEEPEST_PX
        self.backbone = Backbone()
        self.rpn = region_proposals()
        self.roi_heads = region_heads()

    def forward(self, inputs: list[dict[str, torch.Tensor]]) -> list[dict[str, torch.Tensor]]:
        """Return what is found in each picture."""
        answers: list[dict[str, torch.Tensor]] = [self.found(each["image"]) for each in inputs]
        return answers

    def losses(
        self, pictures: torch.Tensor, targets: list[dict[str, torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        """Return the losses on pictures ``(B, 3, H, W)``, for the training."""
        features, images = self.seen(pictures)
        proposals, losses = self.rpn(images, features, targets)
        _, more_losses = self.roi_heads(features, proposals, images.image_sizes, targets)
        losses.update(more_losses)
        every: dict[str, torch.Tensor] = losses
        return every

    def found(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what is found in a picture ``(3, H, W)``."""
        features, images = self.seen(picture[None])
        sizes = images.image_sizes
        proposals, _ = self.rpn(images, features)
        heads = self.roi_heads
        logits, offsets = heads.box_predictor(
            heads.box_head(heads.box_roi_pool(features, proposals, sizes))
        )
        # Half precision has too little range to compare the boxes of several classes.
        boxes, scores, labels = heads.postprocess_detections(
            logits.float(), offsets.float(), [each.float() for each in proposals], sizes
        )
        regions = heads.mask_roi_pool(features, [boxes[0].to(picture.dtype)], sizes)
        mask_logits = heads.mask_predictor(heads.mask_head(regions))
        return {
            "pred_boxes": boxes[0],
            "scores": scores[0],
            "pred_classes": labels[0] - 1,  # 0 was for nothing
            "pred_masks": maskrcnn_inference(mask_logits, labels)[0],
        }

    def seen(self, pictures: torch.Tensor) -> tuple[dict[str, torch.Tensor], ImageList]:
        """Return the features of pictures ``(B, 3, H, W)``, and these with their sizes."""
        height, width = pictures.shape[2:]
        below, right = -height % self.deepest_px, -width % self.deepest_px
        padded = functional.pad(pictures, [0, right, 0, below])
        sizes = [(height, width) for _ in range(len(pictures))]
        return {"0": self.backbone(padded)}, ImageList(padded, sizes)


def region_proposals() -> RegionProposalNetwork:
    """Return what proposes boxes."""
    anchors = AnchorGenerator(sizes=((20, 32, 44),), aspect_ratios=((1.0, 2.0),))
    return RegionProposalNetwork(
        anchors,
        RPNHead(CHANNELS, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=24,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 100, "testing": 500},
        post_nms_top_n={"training": 40, "testing": 100},
        nms_thresh=0.7,
    )


def region_heads() -> RoIHeads:
    """Return what classifies proposed boxes, moves them and makes masks of them."""
    return RoIHeads(
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=7, sampling_ratio=1),
        box_head=FastRCNNConvFCHead((CHANNELS, 7, 7), [CHANNELS], [128], norm_layer=nn.BatchNorm2d),
        box_predictor=FastRCNNPredictor(128, CLASSES + 1),
        mask_roi_pool=MultiScaleRoIAlign(["0"], output_size=14, sampling_ratio=1),
        mask_head=MaskRCNNHeads(CHANNELS, (32,), dilation=1),
        mask_predictor=MaskRCNNPredictor(32, 32, CLASSES + 1),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=24,
        positive_fraction=0.4,
        bbox_reg_weights=None,
        score_thresh=0.05,
        nms_thresh=0.4,
        detections_per_img=50,
    )
